"""Reports to studies: by study UID, else by accession number; what could be two things is left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from data_prep.hospital_scan import ReportEntry, StudyEntry, Table
from data_prep.report_values import Status
from radrag.corpus.collection import Rejection, RejectionCode


@dataclass(slots=True)
class Joined:
    """One study: its mark, its images (None when there are none) and its reports in the order found."""

    mark: bytes
    images: StudyEntry | None
    reports: list[ReportEntry] = field(default_factory=list)


def join(table: Table) -> Iterator[Joined | Rejection]:
    """Yield every study with its reports, then every report without images; and what cannot be told apart."""
    others = {one.accession for mark, one in table.elsewhere.items() if one.accession and mark not in table.studies}
    by_accession: dict[bytes, bytes | None] = {}  # None: the accession number is on several studies
    for mark, study in table.studies.items():
        if study.accession:
            several = study.accession in by_accession or study.accession in others
            by_accession[study.accession] = None if several else mark
    matched: dict[bytes, list[ReportEntry]] = defaultdict(list)
    loose: list[ReportEntry] = []
    # Marks of studies, and of accession numbers that are on several and by which a report came.
    doubtful: set[bytes] = {mark for mark, study in table.studies.items() if study.mixed}
    for report in table.reports:
        marks = _studies_of(report, table)
        number = None if marks else next((number for number in report.accessions if number in by_accession), None)
        if number is not None:
            only = by_accession[number]
            marks = [number, number] if only is None else [only]  # two: no one study can be meant
        if len(marks) == 1 and _same_patient(report, table.studies[marks[0]]):
            matched[marks[0]].append(report)
        elif marks:
            doubtful.update(marks)
            why = "belongs to several studies" if len(marks) > 1 else "names another patient than the images"
            message = f"the report {why}; it and the images are left out."
            yield Rejection(RejectionCode.AMBIGUOUS_MATCH, table.item_of(report), message)
        elif any(mark in table.elsewhere for mark in report.studies) or others.intersection(report.accessions):
            message = "the images of this report are no chest radiographs."
            yield Rejection(RejectionCode.NOT_CHEST, table.item_of(report), message)
        else:
            loose.append(report)
    for mark, study in table.studies.items():
        if mark in doubtful or study.accession in doubtful:
            message = "the study cannot be told from another, or is of two patients; it is left out."
            yield Rejection(RejectionCode.AMBIGUOUS_MATCH, table.item(study.files[0]), message)
        else:
            yield Joined(mark, study, matched.pop(mark, []))
    yield from _without_images(loose, table)


def in_force(reports: list[ReportEntry]) -> tuple[list[ReportEntry], list[ReportEntry]]:
    """Return a study's reports, the one in force first, and the addenda to it in their order; none without a report.

    A withdrawal ends whatever came before it. Of the rest a final or corrected report goes before a preliminary one,
    and a later before an earlier; at the same time, what was read later wins.
    """
    ordered = sorted(reports, key=lambda one: one.when)
    withdrawn = [place for place, one in enumerate(ordered) if one.status is Status.WITHDRAWN]
    ordered = ordered[withdrawn[-1] + 1 :] if withdrawn else ordered
    whole = [one for one in ordered if not one.addendum]
    addenda = [one for one in ordered if one.addendum]
    best = sorted(reversed(whole), key=lambda one: (one.status, one.when), reverse=True)
    return best, [one for one in addenda if best and one.when >= best[0].when]


def _studies_of(report: ReportEntry, table: Table) -> list[bytes]:
    """The study with images whose UID is the report's own, else all that it refers to."""
    hits = [mark for mark in report.studies if mark in table.studies]
    return hits[:1] if hits and hits[0] == report.studies[0] else hits


def _same_patient(report: ReportEntry, study: StudyEntry) -> bool:
    return not report.patients or not study.patient or study.patient in report.patients


def _without_images(loose: list[ReportEntry], table: Table) -> Iterator[Joined | Rejection]:
    groups: list[list[ReportEntry]] = []
    place_of: dict[bytes, int] = {}
    for report in loose:
        keys = (*report.studies, *report.accessions)
        place = next((place_of[key] for key in keys if key in place_of), len(groups))
        if place == len(groups):
            groups.append([])
        groups[place].append(report)
        for key in keys:
            place_of.setdefault(key, place)
    for group in groups:
        patients = [set(report.patients) for report in group if report.patients]
        if patients and not set.intersection(*patients):
            message = "reports of different patients have the same order number; they are left out."
            yield Rejection(RejectionCode.AMBIGUOUS_MATCH, table.item_of(group[0]), message)
        else:
            keyed = next((report for report in group if report.kind != "text"), group[0])
            mark = keyed.studies[0] if keyed.studies and keyed.kind != "text" else keyed.accessions[0]
            yield Joined(mark, None, group)
