"""Builders of public collections' trees in their exact layouts: real names and columns, texts written for the tests."""

from __future__ import annotations

import csv
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data_prep.chexpert_labels import LABELS

SIDE = 320  # pixels: CheXpert-small's shorter side, and enough for every check on images


@dataclass(frozen=True)
class IuReport:
    """One report of the Indiana University collection; image names are real, as the header table has them."""

    number: int
    images: tuple[str, ...] = ()
    findings: str = ""
    impression: str = ""
    indication: str = ""
    codes: tuple[str, ...] = ()


IU_REPORTS = (
    IuReport(
        1,
        ("CXR1_IM-0001-3001", "CXR1_IM-0001-4001"),
        "Heart & mediastinum are of normal size.  Both lungs are clear.",
        "No acute disease.",
        "Cough for XXXX",
        ("normal",),
    ),
    IuReport(
        27,
        ("CXR27_IM-1168-2002", "CXR27_IM-1168-3003"),
        "The heart is enlarged. A small left pleural effusion is seen. No pneumothorax.",
        "1. Cardiomegaly. 2. Small left effusion.",
        "Dyspnea",
        ("Cardiomegaly/mild", "Pleural Effusion/left/small"),
    ),
    IuReport(
        25,
        ("CXR25_IM-1024-2001", "CXR25_IM-1024-3001"),
        "Right lower lobe opacity, which may be pneumonia.",
        "Possible right lower lobe pneumonia.",
        "",
        ("Opacity/lung/lower lobe/right",),
    ),
)


@dataclass(frozen=True)
class Study:
    """One study of CheXpert or CheXpert Plus."""

    patient: int
    study: int = 1
    split: str = "train"
    views: tuple[tuple[str, str], ...] = (("frontal", "PA"), ("lateral", ""))
    labels: dict[str, str] = field(default_factory=dict)
    sex: str = "Female"
    age: str = "68"
    findings: str = ""
    impression: str = ""
    history: str = ""

    def path(self, number: int, suffix: str = ".jpg") -> str:
        """Path of the view, from the split's folder on."""
        kind = self.views[number - 1][0]
        return f"{self.split}/patient{self.patient:05d}/study{self.study}/view{number}_{kind}{suffix}"


STUDIES = (
    Study(1, labels={"Cardiomegaly": "1.0", "Edema": "-1.0", "Pleural Effusion": "0.0"},
          findings="The heart is enlarged.  No pleural effusion.", impression="Cardiomegaly, possible mild edema.",
          history="Swollen ankles"),
    Study(1, 2, labels={"No Finding": "1.0", "Support Devices": "1.0"}, impression="A port is in place. Clear lungs."),
    Study(2, views=(("frontal", "AP"),), labels={"Pneumothorax": "1.0"}, sex="Male", age="41",
          findings="Right apical pneumothorax.", impression="Right pneumothorax."),
    Study(64541, split="valid", labels={"Consolidation": "1.0", "Fracture": "0.0"}, impression="Left consolidation."),
)  # fmt: skip

CHEXPERT_COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS)
PLUS_COLUMNS = (
    "path_to_image", "path_to_dcm", "frontal_lateral", "ap_pa", "deid_patient_id", "patient_report_date_order",
    "report", "section_narrative", "section_clinical_history", "section_history", "section_comparison",
    "section_technique", "section_procedure_comments", "section_findings", "section_impression",
    "section_end_of_impression", "section_summary", "section_accession_number", "age", "sex", "race", "ethnicity",
    "interpreter_needed", "insurance_type", "recent_bmi", "deceased", "split",
)  # fmt: skip


def build_openi(
    folder: Path, reports: Sequence[IuReport] = IU_REPORTS, *, images: str = "png", packed: bool = False
) -> Path:
    """Open-i: XML reports (or their .tgz), and ``images`` as a flat ``png`` tree, a ``dcm`` tree or none ("")."""
    inside = folder / "NLMCXR_reports" / "ecgen-radiology"
    inside.mkdir(parents=True)
    for report in reports:
        (inside / f"{report.number}.xml").write_text(iu_xml(report), encoding="utf-8")
    if packed:
        with tarfile.open(folder / "NLMCXR_reports.tgz", "w:gz") as archive:
            for report in reports:
                archive.add(inside / f"{report.number}.xml", f"ecgen-radiology/{report.number}.xml")
                (inside / f"{report.number}.xml").unlink()
        inside.rmdir()
        inside.parent.rmdir()
    for name in (name for report in reports for name in report.images if images):
        if images == "png":
            write_image(folder / "NLMCXR_png" / f"{_doubled(name)}.png", name)
        else:
            number = name.split("_")[0].removeprefix("CXR")
            write_dicom(folder / "NLMCXR_dcm" / number / f"{name.removeprefix('CXR')}.dcm", name)
    return folder


def build_kaggle(folder: Path, reports: Sequence[IuReport] = IU_REPORTS) -> Path:
    """Kaggle: two tables, and the images under ``images/images_normalized``; the second of a report is lateral."""
    columns = ("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")
    rows = []
    views = []
    for report in reports:
        problems = ";".join(code.split("/")[0] for code in report.codes)
        title = "PA and lateral chest"
        texts = (report.indication, "", report.findings, report.impression)
        rows.append((str(report.number), ";".join(report.codes), problems, title, *texts))
        for name, projection in zip(report.images, ("Frontal", "Lateral"), strict=False):
            file = f"{name.removeprefix('CXR')}.dcm.png"
            views.append((str(report.number), file, projection))
            write_image(folder / "images" / "images_normalized" / file, name)
    write_csv(folder / "indiana_reports.csv", columns, rows)
    write_csv(folder / "indiana_projections.csv", ("uid", "filename", "projection"), views)
    return folder


def build_r2gen(folder: Path, reports: Sequence[IuReport] = IU_REPORTS) -> Path:
    """R2Gen: ``annotation.json`` (last report test, the one before val) and ``images/<id>/0.png``."""
    splits: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for place, report in enumerate(reports, 1):
        name = _doubled(report.images[0]).rsplit("-", 1)[0]
        paths = [f"{name}/{number}.png" for number in range(len(report.images))]
        split = {len(reports): "test", len(reports) - 1: "val"}.get(place, "train")
        splits[split].append({"id": name, "report": report.findings, "image_path": paths, "split": split})
        for path, image in zip(paths, report.images, strict=True):
            write_image(folder / "images" / path, image)
    (folder / "annotation.json").write_text(json.dumps(splits), encoding="utf-8")
    return folder


def build_chexpert(folder: Path, studies: Sequence[Study] = STUDIES, *, prefix: str = "CheXpert-v1.0-small/") -> Path:
    """CheXpert: ``train.csv``, ``valid.csv`` and JPEG; ``folder`` is what the release calls ``prefix``."""
    for split in ("train", "valid"):
        rows = []
        for study in (study for study in studies if study.split == split):
            for number, (kind, direction) in enumerate(study.views, 1):
                labels = [study.labels.get(name, "") for name in LABELS]
                path = study.path(number)
                rows.append((prefix + path, study.sex, study.age, kind.capitalize(), direction, *labels))
                write_image(folder / path, path)
        write_csv(folder / f"{split}.csv", CHEXPERT_COLUMNS, rows)
    return folder


def build_chexpert_plus(
    folder: Path, studies: Sequence[Study] = STUDIES, *, images: str = "PNG/train", labels: bool = True
) -> Path:
    """CheXpert Plus: the table with a study's rows apart, label files, and images.

    Args:
        folder: made when it is not there.
        studies: what it holds.
        images: where the train images lie; ``.dcm`` below a folder named DICOM, else ``.png``; none when empty.
        labels: whether the label files are there; findings_fixed.json calls reports without findings normal.
    """
    rows: list[tuple[str, ...]] = []
    suffix = ".dcm" if images.startswith("DICOM") else ".png"
    for number in (1, 2):  # first all first views, then the second ones
        for study in (study for study in studies if number <= len(study.views)):
            kind, direction = study.views[number - 1]
            values = {
                "path_to_image": study.path(number), "path_to_dcm": study.path(number, ".dcm"),
                "frontal_lateral": kind.capitalize(), "ap_pa": direction, "age": f"{study.age}.0",
                "deid_patient_id": f"patient{study.patient:05d}", "patient_report_date_order": str(study.study),
                "section_narrative": "Chest 2 views", "section_clinical_history": study.history,
                "section_findings": study.findings, "section_impression": study.impression,
                "section_summary": "2-ABNORMAL", "section_accession_number": "0000001",
                "sex": study.sex, "split": study.split,
            }  # fmt: skip
            rows.append(tuple(values.get(column, "") for column in PLUS_COLUMNS))
            if images:
                target = folder / images.replace("train", study.split) / study.path(number, suffix).split("/", 1)[1]
                (write_dicom if suffix == ".dcm" else write_image)(target, study.path(number))
    write_csv(folder / "df_chexpert_plus_240401.csv", PLUS_COLUMNS, rows)
    for name in ("impression", "findings") if labels else ():
        lines = [json.dumps(_label_entry(study, normal=name == "findings" and not study.findings)) for study in studies]
        (folder / f"{name}_fixed.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def iu_xml(report: IuReport) -> str:
    """One Open-i report, with the elements around that a reader has to pass over."""
    texts = ("COMPARISON", ""), ("INDICATION", report.indication), ("FINDINGS", report.findings)
    sections = "".join(
        f'<AbstractText Label="{name}">{_escaped(text)}</AbstractText>' if text else f'<AbstractText Label="{name}"/>'
        for name, text in (*texts, ("IMPRESSION", report.impression))
    )
    codes = "".join(f"<major>{_escaped(code)}</major>" for code in report.codes)
    images = "".join(
        f'<parentImage id="{_doubled(name)}"><figureId>F1</figureId><caption>chest</caption></parentImage>'
        for name in report.images
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<eCitation><meta type="rr"/><uId id="CXR{report.number}"/>'
        f'<IUXRId id="{report.number}"/><MedlineCitation Owner="Indiana University"><Article><Abstract>{sections}'
        f"</Abstract></Article></MedlineCitation><MeSH>{codes}<automatic>lung</automatic></MeSH>{images}</eCitation>"
    )


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write a table; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def write_image(path: Path, seed: str) -> None:
    """Write grey noise over a gradient; the same seed gives the same picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((_pixels(seed) >> 4).astype(np.uint8)).save(path)


def write_dicom(path: Path, seed: str) -> None:
    """Write the same picture as a 12-bit CR chest image."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    header = Dataset()
    header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    header.SOPInstanceUID = generate_uid(entropy_srcs=[seed])
    header.StudyInstanceUID = generate_uid(entropy_srcs=[seed, "study"])
    header.Modality, header.BodyPartExamined, header.PatientID = "CR", "CHEST", "TEST"
    header.PhotometricInterpretation, header.SamplesPerPixel = "MONOCHROME2", 1
    header.Rows = header.Columns = SIDE
    header.BitsAllocated, header.BitsStored, header.HighBit, header.PixelRepresentation = 16, 12, 11, 0
    header.PixelData = _pixels(seed).tobytes()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    header.save_as(path, enforce_file_format=True)


def _pixels(seed: str) -> np.ndarray[Any, np.dtype[np.uint16]]:
    noise = np.random.default_rng(list(seed.encode())).integers(0, 1024, (SIDE, SIDE))
    return (noise + np.linspace(0, 3071, SIDE)[:, None]).astype(np.uint16)


def _label_entry(study: Study, *, normal: bool) -> dict[str, Any]:
    labels = {"No Finding": "1.0"} if normal else study.labels
    values = {name: float(labels[name]) if name in labels else None for name in LABELS}
    return {"path_to_image": study.path(1), **values}


def _doubled(name: str) -> str:
    """Report 1's images have its number twice in Open-i's and R2Gen's names."""
    return name.replace("CXR1_", "CXR1_1_")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
