"""A hospital's export, DICOM images with reports as SR, HL7 ORU or plain text, as cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from pydicom.dataset import Dataset

from data_prep.files import read_report
from data_prep.hl7 import parse_message
from data_prep.hl7_reports import reports_of
from data_prep.hospital_join import Joined, in_force, join
from data_prep.hospital_scan import ReportEntry, Table, kind_of_file, scan, walk
from data_prep.kinds import Options
from data_prep.report_values import Report, Status, may_be_chest_film, names_another_examination
from data_prep.sr_text import read_sr
from radrag.corpus.collection import Collection, Item, ItemRejected, Rejection, RejectionCode
from radrag.dicom import people
from radrag.dicom.boundary import refusing
from radrag.dicom.deidentify import patient_key
from radrag.dicom.header import number, read_header, text
from radrag.dicom.views import view_of
from radrag.domain import Case, StudyImage, View
from radrag.errors import RefusalCode, StudyRefused
from radrag.reports.sections import BODY, parse_sections
from radrag.store.values import CorpusInfo

NAME = "hospital"
LICENCE = "hospital data, not for passing on"
_LOOKED_AT = 1000  # files, before a folder is taken to be something else
_VIEW_ORDER = (View.PA, View.AP, View.UNKNOWN, View.LATERAL)  # as radrag.dicom.read orders a study's images


@dataclass(frozen=True, slots=True)
class _Images:
    """A study's images and what their headers say of the study."""

    images: tuple[StudyImage, ...]
    patient_key: str = ""
    sex: str = ""
    age: float | None = None
    studied_at: str = ""


def dicom_sr_looks_like(path: Path) -> bool:
    """Whether a DICOM or HL7 file is among the first thousand of a folder."""
    if not path.is_dir():
        return False
    for file in islice(walk(path), _LOOKED_AT):
        try:
            if kind_of_file(file) in {"dicom", "hl7"}:
                return True
        except OSError:
            continue
    return False


def dicom_sr_open(path: Path, options: Options) -> Collection:
    """Return a hospital's folder, and that of its reports where they lie apart, as a collection; always restricted.

    A hospital's reports name people and are under its own rules, so there is no way to mark them free.
    """
    name = options.name or NAME
    info = CorpusInfo(name, "Hospital export", options.licence or LICENCE, restricted=True, source=str(path))
    apart = options.reports is not None and not options.reports.resolve().is_relative_to(path.resolve())
    roots = (path, options.reports) if apart and options.reports is not None else (path,)
    return Collection(info, _items(Table(options.salt, roots), info))


def _items(table: Table, info: CorpusInfo) -> Iterator[Item]:
    yield from scan(table)
    for joined in join(table):
        if isinstance(joined, Rejection):
            yield joined
            continue
        try:
            yield from _case(table, joined, info)
        except ItemRejected as rejected:
            yield rejected.rejection


def _case(table: Table, joined: Joined, info: CorpusInfo) -> Iterator[Item]:
    best, addenda = in_force(joined.reports)
    if not best:
        item = table.item(joined.images.files[0]) if joined.images else table.item_of(joined.reports[0])
        message = "the study has no report, or only a withdrawn one or an addendum."
        raise ItemRejected(RejectionCode.MISSING_REPORT, item, message)
    item = table.item_of(best[0])
    report, note = _read(table, best[0])
    if note is not None:
        yield note
    for rival in best[1:]:
        same_rank = (rival.status, rival.when) == (best[0].status, best[0].when)
        if same_rank and rival.path != best[0].path and _read(table, rival)[0].sections != report.sections:
            message = "another file has a different report of the same study and time; both are left out."
            raise ItemRejected(RejectionCode.AMBIGUOUS_MATCH, item, message)
    if joined.images is None:
        _check_alone(best[0], report, item)
    if best[0].status is Status.PRELIMINARY:
        message = "the report is preliminary; no final one was found."
        yield Rejection(RejectionCode.BAD_VALUE, item, message, kept=True)
    if not any(name in report.sections for name in BODY):
        message = "the report has neither findings nor impression; it cannot be evidence."
        yield Rejection(RejectionCode.MISSING_REPORT, item, message, kept=True)
    sections = dict(report.sections)
    for addendum in addenda:
        added = _read(table, addendum)[0].sections.get("addendum", "")
        sections["addendum"] = f"{sections['addendum']}\n{added}" if "addendum" in sections else added
    images = _Images(())
    if joined.images is not None:
        images, faults = _read_images(table, joined.images.files)
        yield from faults
    yield Case(
        case_id=f"{info.name}:{joined.mark[:8].hex()}",
        corpus=info.name,
        patient_key=images.patient_key or _own_key(table, best[0], report),
        images=images.images,
        sections=sections,
        licence=info.licence,
        restricted=True,
        sex=images.sex or report.sex,
        age=report.age if images.age is None else images.age,
        studied_at=images.studied_at or report.studied_at,
    )


def _read(table: Table, entry: ReportEntry) -> tuple[Report, Rejection | None]:
    """Read one report again.

    Raises:
        ItemRejected: it is not there any more, or not as it was; or it is a text file that cannot be read.
    """
    item, path = table.item_of(entry), Path(entry.path)
    report, note = None, None
    if entry.kind == "text":
        words, note = read_report(path, item)
        report = Report(parse_sections(words))
    elif entry.kind == "sr":
        report = read_sr(path, item)
    else:
        try:
            with path.open("rb") as file:
                file.seek(entry.start)
                message = parse_message(file.read(entry.length))
        except OSError as error:
            message_text = f"the report cannot be read ({error.strerror})."
            raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, message_text) from None
        found = reports_of(message) if message else []
        report = found[entry.number] if entry.number < len(found) else None
    if report is None or not report.sections:
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the file changed while it was read.")
    return report, note


def _own_key(table: Table, entry: ReportEntry, report: Report) -> str:
    """The key of a report's patient, to meet that of a study drafted later: with the issuer that the images have.

    HL7's assigning authority is not what this hospital's devices write as issuer; an SR document's header is.
    """
    issuer = next(iter(table.issuers)) if len(table.issuers) == 1 else ""
    issuer = report.issuer if entry.kind == "sr" else issuer
    return patient_key(table.salt, report.patients[0] if report.patients else "", issuer)


def _check_alone(entry: ReportEntry, report: Report, item: str) -> None:
    """Let a report without images through when nothing says that it is not of a chest radiograph.

    Raises:
        ItemRejected: ``not_chest``, or ``no_match`` for a text file without any section header: it may be anything.
    """
    if entry.kind == "text":
        if set(report.sections) <= {"findings"}:
            message = "no image has this file's name as accession number or study UID, and it has no section headers."
            raise ItemRejected(RejectionCode.NO_MATCH, item, message)
        elsewhere = names_another_examination(report.sections.get("technique", "").partition("\n")[0])
    else:
        elsewhere = not may_be_chest_film(report.procedure, report.service)
    if elsewhere:
        raise ItemRejected(RejectionCode.NOT_CHEST, item, "the report is not of a chest radiograph.")


def _read_images(table: Table, files: list[str]) -> tuple[_Images, list[Rejection]]:
    """Read the headers of a study's images again, best frontal first; copies of one image count once."""
    entered: dict[str, tuple[tuple[float, ...], StudyImage]] = {}
    study, faults = _Images(()), []
    for name in files:
        path = Path(name)
        try:
            with refusing(path, RefusalCode.BAD_HEADER, "the header cannot be read"):
                dataset = read_header(path).dataset
                image = _image(dataset, path)
                order = (number(dataset, "SeriesNumber") or 0.0, number(dataset, "InstanceNumber") or 0.0)
                study = _with_study(study, dataset, table.salt)
        except StudyRefused as refusal:
            faults.append(Rejection(RejectionCode.UNREADABLE_IMAGE, table.item(name), refusal.reason))
            continue
        place = (float(_VIEW_ORDER.index(image.view)), *order)
        entered.setdefault(image.sop_instance_uid or name, (place, image))
    images = [image for _, image in sorted(entered.values(), key=lambda one: one[0])]
    return replace(study, images=tuple(images)), faults


def _image(dataset: Dataset, path: Path) -> StudyImage:
    return StudyImage(
        sop_instance_uid=text(dataset, "SOPInstanceUID"),
        view=view_of(dataset, path),
        rows=int(number(dataset, "Rows") or 0),
        columns=int(number(dataset, "Columns") or 0),
        path=str(path),
        acquired_at=people.acquired_at(dataset),
    )


def _with_study(study: _Images, dataset: Dataset, salt: str) -> _Images:
    """Fill what is not known yet; the key is made as radrag.dicom.read makes it, so that it meets a draft's."""
    key = patient_key(salt, text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID"))
    return replace(
        study,
        patient_key=study.patient_key or key,
        sex=study.sex or people.sex_of(dataset),
        age=people.age_of(dataset) if study.age is None else study.age,
        studied_at=study.studied_at or people.studied_at(dataset),
    )
