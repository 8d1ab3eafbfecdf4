"""The Indiana University chest X-ray collection (Open-i), as cases.

Demner-Fushman et al. 2016: 3,955 reports with manual MeSH codes, 7,470 images, CC BY-NC-ND 4.0. The reports and the
DICOM header table come with the torchxrayvision package and are read from there at run time, never copied.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from radrag.dicom.deidentify import patient_key
from radrag.domain import Case, StudyImage, View
from radrag.errors import CorpusError

CORPUS = "iu-xray"
LICENCE = "CC BY-NC-ND 4.0"
_REPORTS = "NLMCXR_reports.tgz"
_HEADERS = "nlmcxr_dicom_metadata.csv.gz"
_REINSTALL = "Reinstall it: pip install --force-reinstall --no-deps torchxrayvision."
# View Position as written in this collection's headers; LL and RL are left and right lateral.
_VIEWS = {
    "PA": View.PA,
    "AP": View.AP,
    "LL": View.LATERAL,
    "RL": View.LATERAL,
    "LATERAL": View.LATERAL,
    "LARGE LATERAL": View.LATERAL,
}


def bundled_folder() -> Path:
    """Return torchxrayvision's data folder, without importing the package (it would load torch).

    Raises:
        CorpusError: the package is not installed.
    """
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        raise CorpusError(
            "The Indiana University reports come with torchxrayvision, which is not installed.",
            hint="Install it: pip install torchxrayvision.",
        )
    return Path(spec.origin).parent / "data"


def bundled_reports(*, salt: str, folder: Path | None = None) -> Iterator[Case]:
    """Yield the collection's reports as cases, in order of their number; the 28 without any text come too.

    Args:
        salt: the workspace's secret for patient keys.
        folder: where the two files lie; default the installed torchxrayvision's data folder.

    Yields:
        Cases ``iu-xray:CXR25`` with sections ``findings``, ``impression``, ``indication``, ``comparison`` (those with
        text, verbatim), the manual MeSH codes as ``labels``, and the images' header data (``path`` empty: the pixels
        are not bundled). The collection gives every report its own patient: the header table's Patient ID is the
        report's number, which also keys the 104 reports that have no images.

    Raises:
        CorpusError: a file is missing or damaged.
    """
    folder = folder or bundled_folder()
    headers = _read_headers(folder / _HEADERS)
    reports = sorted(_read_reports(folder / _REPORTS), key=lambda report: _number(report[0]))
    for accession, root in reports:
        rows = headers.get(accession, [])
        patient = (rows[0].get("Patient ID", "") if rows else "") or accession.removeprefix("CXR")
        yield Case(
            case_id=f"{CORPUS}:{accession}",
            corpus=CORPUS,
            # The prefix keeps this collection's short numbers apart from a hospital's patient ids.
            patient_key=patient_key(salt, f"{CORPUS}:{patient}"),
            images=tuple(_image(row) for row in rows),
            sections=_sections(root),
            labels=_codes(root),
            licence=LICENCE,
            restricted=False,
        )


def has_text(case: Case) -> bool:
    """Whether the case has findings or an impression, so that it can be evidence."""
    return bool(case.sections.get("findings") or case.sections.get("impression"))


def without_text(cases: Iterator[Case]) -> list[str]:
    """Return the ids of the cases that have neither findings nor an impression."""
    return [case.case_id for case in cases if not has_text(case)]


def _number(accession: str) -> tuple[int, str]:
    """Sort CXR2 before CXR10."""
    digits = accession.removeprefix("CXR")
    return (int(digits), "") if digits.isdigit() else (1 << 31, accession)


def _read_reports(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield (accession, XML root) for each report of the archive."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and member.name.endswith(".xml") else None
                if file is None:
                    continue
                root = fromstring(file.read())
                identity = root.find("uId")
                accession = "" if identity is None else identity.get("id", "")
                if not accession:
                    raise CorpusError(f"{path.name}: {member.name} has no report id (uId).", hint=_REINSTALL)
                yield accession, root
    except FileNotFoundError:
        raise CorpusError(f"{path} is missing from torchxrayvision's package data.", hint=_REINSTALL) from None
    except (tarfile.TarError, OSError, EOFError, ParseError, DefusedXmlException) as error:
        raise CorpusError(f"{path} is damaged ({type(error).__name__}).", hint=_REINSTALL) from error


def _read_headers(path: Path) -> dict[str, list[dict[str, str]]]:
    """Return the header table's rows by report, in the table's order."""
    rows: dict[str, list[dict[str, str]]] = {}
    try:
        with gzip.open(path, "rb") as raw, io.TextIOWrapper(raw, "utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if "imageid" not in (reader.fieldnames or ()):
                raise CorpusError(f"{path} has no column 'imageid'.", hint=_REINSTALL)
            for row in reader:
                rows.setdefault(row["imageid"].split("_")[0], []).append(row)
    except FileNotFoundError:
        raise CorpusError(f"{path} is missing from torchxrayvision's package data.", hint=_REINSTALL) from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} is damaged ({type(error).__name__}).", hint=_REINSTALL) from error
    return rows


def _image(row: dict[str, str]) -> StudyImage:
    """One header row as an image whose pixels are not held."""
    return StudyImage(
        sop_instance_uid=row.get("SOP Instance UID", ""),
        view=_VIEWS.get(row.get("View Position", "").strip().upper(), View.UNKNOWN),
        rows=_count(row.get("Rows", "")),
        columns=_count(row.get("Columns", "")),
    )


def _count(text: str) -> int:
    """A pixel count, 0 when the table has none."""
    return int(text) if text.isdigit() else 0


def _sections(root: Any) -> dict[str, str]:
    """The report's sections that have text, lower-case name → verbatim text."""
    found: dict[str, str] = {}
    for part in root.iter("AbstractText"):
        text = "".join(part.itertext())
        name = (part.get("Label") or "findings").lower()
        if text.strip():
            found[name] = f"{found[name]}\n{text}" if name in found else text
    return found


def _codes(root: Any) -> tuple[str, ...]:
    """The manual MeSH codes (``major``), once each, in the report's order."""
    return tuple(dict.fromkeys(code.text.strip() for code in root.iter("major") if code.text and code.text.strip()))
