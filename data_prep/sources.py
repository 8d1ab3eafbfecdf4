"""What can be fetched, from where, under which terms, and how large it is."""

from __future__ import annotations

from dataclasses import dataclass

OPENI = "https://openi.nlm.nih.gov"
PHYSIONET = "https://physionet.org"

OPENI_TERMS = """\
Indiana University chest X-ray collection (Open-i, US National Library of Medicine)
Licence: Creative Commons BY-NC-ND 4.0 (https://creativecommons.org/licenses/by-nc-nd/4.0/): name the source,
no commercial use, no sharing of changed copies. Cite: Demner-Fushman et al., JAMIA 2016;23(2):304-310."""

PHYSIONET_TERMS = """\
MIMIC-CXR 2.1.0 and MIMIC-CXR-JPG 2.1.0 (PhysioNet)
PhysioNet Credentialed Health Data Use Agreement 1.5.0: only for the person who signed it. Do not share the data with
anyone, remote services and their APIs included; do not try to identify anybody; keep the files safe.
Needed: a credentialed account and a signed agreement for each of
  https://physionet.org/content/mimic-cxr/2.1.0/ and https://physionet.org/content/mimic-cxr-jpg/2.1.0/"""


@dataclass(frozen=True, slots=True)
class Archive:
    """One archive of Open-i.

    Open-i publishes no checksums. ``size`` and ``sha256`` are what others report to have fetched (see
    docs/corpora/fetch.md); a difference is said, not refused.

    Attributes:
        name: file name.
        inner: folder inside the archive that becomes ``folder``; empty for the archive itself.
        folder: where the files end up.
        suffix: files to unpack; others (``Thumbs.db``) stay out.
        size: bytes.
        sha256: hex; empty when nobody reports one.
        unpacked: bytes that unpacking needs, at least; for the check of free space.
    """

    name: str
    inner: str
    folder: str
    suffix: str
    size: int
    sha256: str
    unpacked: int


REPORTS = Archive(
    name="NLMCXR_reports.tgz",
    inner="ecgen-radiology",
    folder="ecgen-radiology",
    suffix=".xml",
    size=1_112_632,
    sha256="8fb6de7eec73d8c3665067ad4bb003ccd57f971ae316d2642e1627ac7268667a",
    unpacked=20_785_154,
)
IMAGES = {
    "png": Archive(
        name="NLMCXR_png.tgz",
        inner="",
        folder="NLMCXR_png",
        suffix=".png",
        size=1_360_814_128,
        sha256="baf3abfe19ba5d58efe69002aed1e71aa2e6d5efb3238db9adcac210ad44bdf2",
        unpacked=1_360_814_128,
    ),
    "dicom": Archive(
        name="NLMCXR_dcm.tgz",
        inner="",
        folder="NLMCXR_dcm",
        suffix=".dcm",
        size=80_694_582_486,
        sha256="",
        unpacked=80_694_582_486,
    ),
}

MIMIC = "files/mimic-cxr/2.1.0"
MIMIC_JPG = "files/mimic-cxr-jpg/2.1.0"
MIMIC_REPORTS = "mimic-cxr-reports.zip"
MIMIC_RECORDS = "cxr-record-list.csv.gz"
MIMIC_LISTS = (MIMIC_RECORDS, "cxr-study-list.csv.gz")
MIMIC_TABLES = tuple(f"mimic-cxr-2.0.0-{name}.csv.gz" for name in ("metadata", "split", "chexpert", "negbio"))
# PhysioNet's pages: 4.7 TB of DICOM and 557.6 GB of JPEG for 377,110 images.
DICOM_BYTES = 12_500_000
JPEG_BYTES = 1_480_000
