"""MIMIC-CXR, MIMIC-CXR-JPG and NOTEEVENTS in their real layouts: texts written for the purpose, one real film altered.

The images are altered copies of one real film: see altered_films.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altered_films import altered_film

from data_prep.kinds import Options, find_kind
from radrag.corpus.collection import Rejection
from radrag.domain import Case

LABELS = (
    "Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture", "Lung Lesion",
    "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia", "Pneumothorax", "Support Devices",
)  # fmt: skip
"""In the order of MIMIC-CXR-JPG's tables."""

FINAL = "                                 FINAL REPORT\n"
RULER = " " + "_" * 78 + "\n"


@dataclass(frozen=True)
class MimicStudy:
    """One study of a tree.

    Attributes:
        views: ViewPosition of each image, as the metadata table has it.
        report: text of the report file; None for none.
        labels: CheXpert column → value as the table has it; None for no row.
    """

    subject: int
    study: int
    views: tuple[str, ...]
    report: str | None
    split: str = "train"
    date: str = "21800506"
    time: str = "213014.531"
    labels: dict[str, str] | None = field(default_factory=dict)

    @property
    def group(self) -> str:
        """Such as ``p10``."""
        return f"p{self.subject:08d}"[:3]

    @property
    def place(self) -> str:
        """Such as ``files/p10/p10000032/s50414267``."""
        return f"files/{self.group}/p{self.subject:08d}/s{self.study:08d}"

    @property
    def dicom_ids(self) -> tuple[str, ...]:
        """One for each view: five groups of eight hex digits."""
        digests = [hashlib.sha256(f"{self.study} {n}".encode()).hexdigest() for n in range(len(self.views))]
        return tuple("-".join(digest[at : at + 8] for at in range(0, 40, 8)) for digest in digests)


STUDIES = (
    MimicStudy(
        10000032, 50414267, ("PA", "LATERAL"),
        FINAL + " EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___F with cough and fever  // pneumonia?\n \n"
        " TECHNIQUE:  Chest PA and lateral\n \n COMPARISON:  ___\n \n FINDINGS: \n \n There is a small left pleural\n"
        " effusion.  The cardiac silhouette is mildly\n enlarged.  No pneumothorax.\n \n IMPRESSION: \n \n"
        " 1.  Small left pleural effusion.\n 2.  Mild cardiomegaly.\n",
        labels={"Pleural Effusion": "1.0", "Cardiomegaly": "1.0", "Pneumothorax": "0.0"},
    ),
    MimicStudy(
        10000032, 53189527, ("AP",),
        " WET READ: ___ ___ ___ 9:41 PM\n  Large right pneumothorax, please call.\n" + RULER + FINAL
        + " PORTABLE AP CHEST RADIOGRAPH:  A right internal jugular line ends in the mid SVC.  There\n is no"
        " pneumothorax.  Moderate pulmonary edema.\n \n IMPRESSON:  Moderate pulmonary edema.\n",
        date="21800626", time="80556.875",
        labels={"Edema": "1.0", "Pneumothorax": "0.0", "Support Devices": "1.0"},
    ),
    MimicStudy(
        11000011, 51000011, ("AP", ""),
        FINAL + " AP CHEST, 5:16 A.M., ___\n \n HISTORY:  Chest pain.\n \n COMPARISON:  ___.\n \n Opacity at the right"
        " lung base may be\n pneumonia.  No pleural effusion.\n",
        split="validate", labels={"Pneumonia": "-1.0", "Lung Opacity": "1.0", "Pleural Effusion": "0.0"},
    ),
    MimicStudy(
        11000566, 54000999, ("PA", "LL"),
        FINAL + " CHEST, PA AND LATERAL:  The lungs are clear.  Heart size is normal.\n \n"
        " CONCLUSION:  Normal chest.\n",
        split="test", labels={"No Finding": "1.0"},
    ),
)  # fmt: skip


def build_mimic_cxr(
    folder: Path,
    studies: Sequence[MimicStudy] = STUDIES,
    *,
    images: bool = True,
    reports: Path | None = None,
    lists: bool = True,
    tables: bool = False,
) -> Path:
    """Write MIMIC-CXR 2.0.0: DICOM and report trees and the two lists.

    Args:
        images: whether to write DICOM files.
        reports: another folder for the report tree.
        lists: whether to write cxr-record-list.csv.gz and cxr-study-list.csv.gz.
        tables: whether MIMIC-CXR-JPG's tables were put beside them.
    """
    _write_reports(reports or folder, studies)
    for study in studies if images else ():
        for number, name in enumerate(study.dicom_ids):
            write_dicom(folder / study.place / f"{name}.dcm", study, number)
    if lists:
        write_table(
            folder / "cxr-record-list.csv.gz", ("subject_id", "study_id", "dicom_id", "path"), _records(studies)
        )
        rows = [(study.subject, study.study, f"{study.place}.txt") for study in studies]
        write_table(folder / "cxr-study-list.csv.gz", ("subject_id", "study_id", "path"), rows)
    if tables:
        write_side_tables(folder, studies)
    return folder


def build_mimic_cxr_jpg(folder: Path, studies: Sequence[MimicStudy] = STUDIES, *, images: bool = True) -> Path:
    """Write MIMIC-CXR-JPG 2.0.0: JPEG tree and tables; it has no reports."""
    for study in studies if images else ():
        for number, name in enumerate(study.dicom_ids):
            write_jpeg(folder / study.place / f"{name}.jpg", study, number)
    folder.mkdir(parents=True, exist_ok=True)
    write_side_tables(folder, studies)
    return folder


def write_side_tables(folder: Path, studies: Sequence[MimicStudy] = STUDIES) -> None:
    """Write the split, metadata, CheXpert and NegBio tables."""
    images = [(study, name, view) for study in studies for name, view in zip(study.dicom_ids, study.views, strict=True)]
    rows: list[Sequence[Any]] = [(name, study.study, study.subject, study.split) for study, name, _ in images]
    write_table(folder / "mimic-cxr-2.0.0-split.csv.gz", ("dicom_id", "study_id", "subject_id", "split"), rows)
    columns = (
        "dicom_id", "subject_id", "study_id", "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns",
        "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning",
        "PatientOrientationCodeSequence_CodeMeaning",
    )  # fmt: skip
    rows = [
        (
            name,
            study.subject,
            study.study,
            "CHEST (PA AND LAT)",
            view,
            280,
            263,
            study.date,
            study.time,
            "",
            "",
            "Erect",
        )
        for study, name, view in images
    ]
    write_table(folder / "mimic-cxr-2.0.0-metadata.csv.gz", columns, rows)
    labelled = [study for study in studies if study.labels is not None]
    rows = [(s.subject, s.study, *((s.labels or {}).get(label, "") for label in LABELS)) for s in labelled]
    for labeler in ("chexpert", "negbio"):
        write_table(folder / f"mimic-cxr-2.0.0-{labeler}.csv.gz", ("subject_id", "study_id", *LABELS), rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file, packed where the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    data = text.getvalue().encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


@dataclass(frozen=True)
class Note:
    """One row of NOTEEVENTS."""

    row_id: int
    description: str
    text: str
    subject: int = 249
    category: str = "Radiology"
    is_error: str = ""


def note_text(title: str, body: str) -> str:
    """Return a radiology note with MIMIC-III's form around the body."""
    return (
        f"[**2149-12-17**] 8:14 AM\n {title}                 Clip # [**Clip Number (Radiology) 7**]\n"
        " Reason: check line\n Admitting Diagnosis: CHEST PAIN\n" + RULER + " UNDERLYING MEDICAL CONDITION:\n"
        "  75 year old woman\n REASON FOR THIS EXAMINATION:\n  check line\n" + RULER + FINAL + f" CHEST\n\n{body}"
    )


NOTES = (
    Note(
        720001, "CHEST (PORTABLE AP)",
        note_text("CHEST (PORTABLE AP)", " HISTORY:  Line.\n\n Comparison with [**2149-12-16**].  Small left pleural"
                  " effusion\n has decreased.  No pneumothorax.\n"),
    ),
    Note(
        720002, "BY DIFFERENT PHYSICIAN",
        note_text("CHEST (PA & LAT); -77 BY DIFFERENT PHYSICIAN", " FINDINGS:  The lungs are clear.\n"), subject=250,
    ),
    Note(720003, "CT CHEST W/CONTRAST", note_text("CT CHEST W/CONTRAST", " FINDINGS:  A 4-mm nodule.\n")),
    Note(720004, "Report", "Slept well,\n\"no pain\".", category="Nursing"),
)  # fmt: skip


def build_noteevents(path: Path, notes: Sequence[Note] = NOTES, *, lower: bool = False) -> Path:
    """Write NOTEEVENTS.csv or .csv.gz as MIMIC-III 1.4 has it; ``lower`` for the releases with lower-case columns."""
    columns = (
        "ROW_ID", "SUBJECT_ID", "HADM_ID", "CHARTDATE", "CHARTTIME", "STORETIME", "CATEGORY", "DESCRIPTION", "CGID",
        "ISERROR", "TEXT",
    )  # fmt: skip
    rows = [
        (n.row_id, n.subject, 145834, "2149-12-17", "2149-12-17 08:14:00", "", n.category, n.description, "",
         n.is_error, n.text)
        for n in notes
    ]  # fmt: skip
    write_table(path, [name.lower() for name in columns] if lower else columns, rows)
    return path


def read_kind(kind: str, folder: Path, options: Options) -> tuple[list[Case], list[Rejection]]:
    """Return what a reader gives: cases, and what it says is wrong."""
    items = list(find_kind(kind).open(folder, options).items)
    return [i for i in items if isinstance(i, Case)], [i for i in items if isinstance(i, Rejection)]


def codes_of(faults: Iterable[Rejection], *, kept: bool = False) -> list[str]:
    """Return the codes of what was lost, or of what was taken after all."""
    return [fault.code.value for fault in faults if fault.kept == kept]


def write_dicom(path: Path, study: MimicStudy, number: int) -> None:
    """Write one image as a small chest DICOM file that :func:`radrag.dicom.read.load_image` takes."""
    from pydicom import dcmread
    from pydicom.data import get_testdata_file
    from pydicom.uid import generate_uid

    pixels = altered_film(study.study, number)
    dataset = dcmread(str(get_testdata_file("RG1_UNCR.dcm", download=False)))
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.tobytes()
    dataset.PixelSpacing = [1.4, 1.4]
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "", str(study.subject), ""
    dataset.AccessionNumber, dataset.StudyDate, dataset.StudyTime = "", study.date, study.time.zfill(10)
    dataset.ViewPosition = study.views[number]
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=[str(study.study)])
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[str(study.study), str(number), "series"])
    dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(study.study), str(number)])
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)


def write_jpeg(path: Path, study: MimicStudy, number: int) -> None:
    """Write one image as an 8-bit JPEG file, white bones."""
    import numpy as np
    from PIL import Image

    pixels = altered_film(study.study, number).astype(float)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.uint8(255 - 255 * pixels / 32767)).save(path, quality=95)


def _write_reports(folder: Path, studies: Sequence[MimicStudy]) -> None:
    for study in studies:
        path = folder / f"{study.place}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if study.report is not None:
            path.write_text(study.report, encoding="utf-8")


def _records(studies: Sequence[MimicStudy]) -> list[tuple[int, int, str, str]]:
    return [(s.subject, s.study, name, f"{s.place}/{name}.dcm") for s in studies for name in s.dicom_ids]
