"""Trees of the two kinds that hospitals and groups bring themselves: tables of pairs, and a DICOM export with reports.

Texts are written for the purpose. DICOM images are RG1_UNCR.dcm of pydicom-data, every eighth pixel, darkened in
patches of their own, under other UIDs.
"""

from __future__ import annotations

import csv
import functools
import gzip
import json
import zlib
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

ROOT_UID = "1.2.826.0.1.3680043.8.498.77"
PATIENT = "H00417"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
COMPREHENSIVE_SR = "1.2.840.10008.5.1.4.1.1.88.33"

PAIRS = [
    {
        "image": "a_pa.png",
        "study": "S1",
        "patient": "P1",
        "view": "PA",
        "date": "2021-03-04",
        "split": "train",
        "license": "CC BY 4.0",
        "sex": "F",
        "age": "45",
        "text": "INDICATION: Cough.\nFINDINGS: The lungs are clear, the heart is normal.\nIMPRESSION: Normal chest.",
    },
    {
        "image": "a_l.png",
        "study": "S1",
        "patient": "P1",
        "view": "L",
        "date": "2021-03-04",
        "split": "train",
        "license": "CC BY 4.0",
        "sex": "F",
        "age": "45",
        "text": "",
    },
    {
        "image": "b.png",
        "study": "S2",
        "patient": "P2",
        "view": "AP Supine",
        "date": "20210305",
        "split": "valid",
        "license": "CC BY 4.0",
        "sex": "M",
        "age": "070Y",
        "text": "Right basal opacity, probably pneumonia.\nNo effusion.",
    },
    {
        "image": "",
        "study": "S3",
        "patient": "P3",
        "view": "",
        "date": "",
        "split": "test",
        "license": "",
        "sex": "",
        "age": "",
        "text": "Small left pleural effusion.",
    },
]
"""A table of three studies: two images, one image, no image."""


def build_pairs(folder: Path, format: str = "csv", rows: Sequence[dict[str, Any]] = PAIRS) -> Path:
    """Write ``pairs.<format>`` (csv, csv.gz, jsonl, parquet) and its images, and return the folder."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(rows):
        if row.get("image"):
            write_png(folder / "images" / str(row["image"]), number)
    write_table(folder / f"pairs.{format}", rows)
    return folder


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows in the format that the name says."""
    if path.name.endswith(".parquet"):
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.name.endswith(".jsonl"):
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    else:
        with gzip.open(path, "wt", newline="") if path.suffix == ".gz" else path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return path


def write_png(path: Path, seed: int) -> Path:
    """Write a grey picture of a radiograph's contrast, another one for each seed."""
    grey = 40 + 170 * _patches(seed, 96, 80) + np.random.default_rng(seed).normal(0, 6, (96, 80))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(path)
    return path


def _patches(seed: int, rows: int, columns: int) -> np.ndarray:
    """Return light and dark patches in [0, 1], others for each seed, so that no two pictures are near-identical."""
    coarse = np.random.default_rng(seed).random((8, 8)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((columns, rows), Image.Resampling.BICUBIC)).clip(0, 1)


@functools.cache
def _radiograph() -> Dataset:
    dataset = dcmread(str(get_testdata_file("RG1_UNCR.dcm", download=False)), stop_before_pixels=True)
    dataset.Rows, dataset.Columns = _pixels().shape
    return dataset


@functools.cache
def _pixels() -> np.ndarray:
    return dcmread(str(get_testdata_file("RG1_UNCR.dcm", download=False))).pixel_array[::8, ::8]


def write_image(
    path: Path, number: int, *, study: str, accession: str = "", patient: str = PATIENT, **header: str
) -> Path:
    """Write a chest radiograph with dark patches; ``study`` ends its study UID, ``number`` its SOP instance UID."""
    dataset = deepcopy(_radiograph())
    patches = _patches(zlib.crc32(f"{study} {number}".encode()), dataset.Rows, dataset.Columns)
    pixels = _pixels() * (0.2 + 0.8 * patches)
    dataset.add_new("PixelData", "OW", pixels.astype(np.uint16).tobytes())
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    values = {
        "StudyInstanceUID": f"{ROOT_UID}.{study}",
        "SeriesInstanceUID": f"{ROOT_UID}.{study}.1",
        "SOPInstanceUID": f"{ROOT_UID}.{study}.1.{number}",
        "InstanceNumber": str(number),
        "AccessionNumber": accession,
        "PatientID": patient,
        "PatientName": "Doe^Jane",
        "PatientSex": "F",
        "PatientAge": "061Y",
        "StudyDate": "20240131",
        "StudyTime": "101500",
    }
    for keyword, value in (values | header).items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def concept(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    """Return a code."""
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


def content(
    kind: str, name: Dataset, value: Any = None, children: Sequence[Dataset] = (), link: str = "CONTAINS"
) -> Dataset:
    """Return an SR content item of a value type (TEXT, CODE, CONTAINER)."""
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ConceptNameCodeSequence = link, kind, [name]
    if kind == "TEXT":
        item.TextValue = value
    elif kind == "CODE":
        item.ConceptCodeSequence = [value]
    elif kind == "CONTAINER":
        item.ContinuityOfContent = "SEPARATE"
    if children:
        item.ContentSequence = list(children)
    return item


def section(code: str, meaning: str, text: str, scheme: str = "DCM") -> Dataset:
    """Return a heading with one paragraph (TID 2002)."""
    return content(
        "CONTAINER", concept(code, meaning, scheme), children=[content("TEXT", concept("121071", "Finding"), text)]
    )


def write_sr(path: Path, items: Sequence[Dataset], *, study: str, patient: str = PATIENT, **header: Any) -> Path:
    """Write a verified Basic Text SR document of a study."""
    document = Dataset()
    values = {
        "SOPClassUID": BASIC_TEXT_SR,
        "SOPInstanceUID": f"{ROOT_UID}.{study}.9.{len(str(path))}",
        "StudyInstanceUID": f"{ROOT_UID}.{study}",
        "SeriesInstanceUID": f"{ROOT_UID}.{study}.9",
        "Modality": "SR",
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientID": patient,
        "PatientName": "Doe^Jane",
        "PatientSex": "F",
        "PatientAge": "061Y",
        "StudyDate": "20240131",
        "ContentDate": "20240131",
        "ContentTime": "113000",
        "CompletionFlag": "COMPLETE",
        "VerificationFlag": "VERIFIED",
        "ValueType": "CONTAINER",
        "ContinuityOfContent": "SEPARATE",
        "ConceptNameCodeSequence": [concept("18748-4", "Diagnostic Imaging Report", "LN")],
        "ContentSequence": list(items),
    }
    for keyword, value in (values | header).items():
        setattr(document, keyword, value)
    document.file_meta = FileMetaDataset()
    document.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    document.file_meta.MediaStorageSOPClassUID = document.SOPClassUID
    document.file_meta.MediaStorageSOPInstanceUID = document.SOPInstanceUID
    path.parent.mkdir(parents=True, exist_ok=True)
    document.save_as(path, enforce_file_format=True)
    return path


def escape(text: str) -> str:
    """Return text as an HL7 field holds it."""
    for mark, code in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        text = text.replace(mark, f"\0{code}\0")
    return text.replace("\n", "\0.br\0").replace("\0", "\\")


def oru(
    accession: str,
    lines: Sequence[str | tuple[str, str]],
    *,
    status: str = "F",
    at: str = "20240131120000",
    procedure: str = "XR CHEST 2 VIEWS",
    patient: str = PATIENT,
    extra: Sequence[str] = (),
    charset: str = "UNICODE UTF-8",
) -> str:
    """Return an ORU^R01 message; a line is a text, or (suffix of OBX-3.1, text)."""
    segments = [
        f"MSH|^~\\&|RIS|HOSP|RADRAG|HOSP|{at}||ORU^R01|{at}{accession}|P|2.5.1||||||{charset}",
        f"PID|1||{patient}^^^HOSP^MR||Doe^Jane||19621105|F",
        f"OBR|1|P{accession}|{accession}|71046^{procedure}^CPT|||20240131101500|||||||||||||||{at}||RAD|{status}",
    ]
    for number, line in enumerate(lines, 1):
        suffix, text = line if isinstance(line, tuple) else ("GDT", line)
        segments.append(f"OBX|{number}|TX|71046&{suffix}^{procedure}^CPT||{escape(text)}||||||{status}")
    return "\r".join((*segments, *extra)) + "\r"


def build_hospital(folder: Path) -> Path:
    """Write an export and return its folder.

    Cases: study 1 (two images, SR), 2 (HL7: preliminary, final, addendum), 3 (text file), and a chest report of
    accession A900 without images. Rejected: study 4 (no report), 5 and 6 (one accession number, one report), a knee
    (image and report), a CT report without images.
    """
    images, reports = folder / "images", folder / "reports"
    write_image(images / "1" / "lateral.dcm", 1, study="1", accession="A100", ViewPosition="LL")
    write_image(images / "1" / "pa.dcm", 2, study="1", accession="A100", ViewPosition="PA")
    write_sr(
        images / "1" / "sr.dcm",
        [
            section("121060", "History", "Cough for two weeks."),
            section("121070", "Findings", "The lungs are clear. The heart is of normal size."),
            section("121072", "Impressions", "Normal chest radiograph."),
        ],
        study="1",
        AccessionNumber="A100",
    )
    write_image(images / "2.dcm", 1, study="2", accession="A200", patient="H00555")
    write_image(images / "3.dcm", 1, study="3", accession="A300", patient="H00666")
    write_image(images / "4.dcm", 1, study="4", accession="A400", patient="H00777")
    write_image(images / "5.dcm", 1, study="5", accession="A500")
    write_image(images / "6.dcm", 1, study="6", accession="A500")
    write_image(images / "knee.dcm", 1, study="7", accession="A700", BodyPartExamined="KNEE", StudyDescription="KNEE")
    messages = [
        oru("A200", ["Opacity at the right base."], status="P", at="20240131110000", patient="H00555"),
        oru(
            "A200",
            ["Right lower lobe consolidation.", "No pleural effusion.", ("IMP", "Pneumonia of the right lower lobe.")],
            at="20240131120000",
            patient="H00555",
        ),
        oru("A200", [("ADT", "The lateral ribs are intact.")], at="20240131150000", patient="H00555"),
        oru("A700", ["No fracture of the patella."], procedure="XR KNEE"),
        oru("A900", ["Heart enlarged.", ("IMP", "Cardiomegaly without edema.")], patient="H00888"),
        oru("A950", ["Liver normal."], procedure="CT ABDOMEN", patient="H00999"),
    ]
    reports.mkdir()
    (reports / "export.hl7").write_bytes(
        "".join(["FHS|^~\\&|RIS\rBHS|^~\\&|RIS\r", *messages, "BTS|6\rFTS|1\r"]).encode()
    )
    (reports / "A300.txt").write_text("FINDINGS: Small left pleural effusion.\nIMPRESSION: Left pleural effusion.\n")
    (reports / "A500.txt").write_text("FINDINGS: Clear lungs.\n")
    return folder
