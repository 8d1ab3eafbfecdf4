"""What of the queries is in the index: the same patient, image or report. A score over leaks measures memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from radrag.audit.near_texts import NearTexts
from radrag.audit.sections import Section, Table
from radrag.corpus.catalogue import same_text_key
from radrag.corpus.leaks import NEAR

if TYPE_CHECKING:
    from radrag.store.values import ImageRecord

STOCK = 3
"""Patients from whom on a wording is stock: normal reports repeat word for word without anything having leaked."""

SHOWN = 200
"""Leaks listed in a section; ``radrag audit leakage --out`` writes all."""


class LeakKind(StrEnum):
    """How a query and an indexed case belong together."""

    CASE = "same case"
    PATIENT = "same patient"
    NUMBER = "same patient number"
    IMAGE = "same image"
    NEAR_IMAGE = "near image"
    REPORT = "same report"
    NEAR_REPORT = "near report"
    STOCK_REPORT = "stock report"

    @property
    def counts(self) -> bool:
        """Whether it is to be left out: not a wording of many patients, nor a number that two collections may share."""
        return self not in (LeakKind.STOCK_REPORT, LeakKind.NUMBER)


@dataclass(frozen=True, slots=True)
class AuditedQuery:
    """What is known of a query.

    Attributes:
        query_id: from the manifest's line.
        case: id of the indexed case that it is said to be; empty when not stated.
        patient_keys: keys under which an index would hold its patient.
        number_keys: keys that its number would have in collections that it may not be of.
        file_sha256, pixel_sha256, perceptual_hash: of its image, hex; empty where there is none.
        text: its report; empty where there is none.
    """

    query_id: str
    case: str = ""
    patient_keys: frozenset[str] = frozenset()
    number_keys: frozenset[str] = frozenset()
    file_sha256: str = ""
    pixel_sha256: str = ""
    perceptual_hash: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class AuditedCase:
    """What is known of an indexed case; ``texts`` are its report and parts of it that a query may have alone."""

    case_id: str
    patient_key: str = ""
    texts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryLeak:
    """A query and a case that belong together; of a stock report, one case of those that have it.

    Attributes:
        measure: of a near image the bits of 256 by which the hashes differ, of a near report the overlap of word
            triples in [0, 1]; None for others.
    """

    query_id: str
    case_id: str
    kind: LeakKind
    measure: float | None = None


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """What was found among ``queries`` against ``cases``; the leaks by query, then by kind."""

    queries: int
    cases: int
    leaks: tuple[QueryLeak, ...]
    unseen: Mapping[str, int] = field(default_factory=dict)

    @property
    def leaving_out(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Queries, and cases, of which either is to be left out; each sorted."""
        counted = [leak for leak in self.leaks if leak.kind.counts]
        return tuple(sorted({leak.query_id for leak in counted})), tuple(sorted({leak.case_id for leak in counted}))

    def by_kind(self) -> dict[LeakKind, tuple[int, int]]:
        """Return kind → (queries, cases), every kind."""
        return {
            kind: (
                len({leak.query_id for leak in self.leaks if leak.kind is kind}),
                len({leak.case_id for leak in self.leaks if leak.kind is kind}),
            )
            for kind in LeakKind
        }

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        queries, cases = self.leaving_out
        return {
            "schema": "radrag.audit_leakage/1",
            "queries": self.queries,
            "cases": self.cases,
            "not_comparable": dict(self.unseen),
            "kinds": {kind.value: {"queries": q, "cases": c} for kind, (q, c) in self.by_kind().items()},
            "leave_out": {"queries": list(queries), "cases": list(cases)},
            "leaks": [
                {"query": leak.query_id, "case": leak.case_id, "kind": leak.kind.value, "measure": leak.measure}
                for leak in self.leaks
            ],
        }


def find_leaks(
    queries: Sequence[AuditedQuery], cases: Sequence[AuditedCase], images: Iterable[ImageRecord]
) -> LeakageReport:
    """Compare queries with an index.

    Args:
        queries: with distinct ids.
        cases: of the index.
        images: of the store; those of other cases are passed over.

    Returns:
        Every leak. ``unseen`` counts what could not be compared for want of a patient, an image hash or a text.
    """
    held = {case.case_id for case in cases}
    records = [record for record in images if record.case_id in held]
    of_people = [*_cases(queries, held), *_patients(queries, cases)]
    own = {(leak.query_id, leak.case_id) for leak in of_people if leak.kind.counts}
    found = [*of_people, *_images(queries, records), *_reports(queries, cases, own)]
    order = {query.query_id: place for place, query in enumerate(queries)}
    kinds = list(LeakKind)
    unseen = {
        "queries without patient": sum(not (query.patient_keys or query.number_keys) for query in queries),
        "queries without image": sum(not query.pixel_sha256 for query in queries),
        "queries without text": sum(not query.text.strip() for query in queries),
        "cases without patient": sum(not case.patient_key for case in cases),
        "cases without hashed image": len(held) - len({r.case_id for r in records if r.image.perceptual_hash}),
        "cases without report": sum(not any(case.texts) for case in cases),
    }
    found.sort(key=lambda leak: (order[leak.query_id], kinds.index(leak.kind), leak.case_id))
    return LeakageReport(len(queries), len(cases), tuple(found), unseen)


def section(report: LeakageReport, *, refused: int = 0) -> Section:
    """Return what leaks as a section: by kind, the first :data:`SHOWN` leaks, and what could not be compared.

    Args:
        refused: images of queries that could not be read; they are among the queries without image.
    """
    queries, cases = report.leaving_out
    counted = [leak for leak in report.leaks if leak.kind.counts]
    kinds = tuple(
        (kind.value, *counts, "yes" if kind.counts else "no: told only") for kind, counts in report.by_kind().items()
    )
    flags = []
    if queries:
        flags.append(
            f"{len(queries):,} of {report.queries:,} queries have their case, patient, image or report in the index: "
            "scores over them measure memory."
        )
    if refused:
        flags.append(f"{refused:,} images were refused, and compared with none of the index.")
    unseen = tuple((name, count) for name, count in report.unseen.items() if count)
    return Section(
        "leakage",
        "Leakage",
        "Is anything that is asked already in the index?",
        f"{report.queries:,} queries against {report.cases:,} cases: to leave out, {len(queries):,} queries or "
        f"{len(cases):,} cases. Wordings of many patients (stock reports) are no leak.",
        (
            Table("kinds", "How they belong together", ("kind", "queries", "cases", "left out"), kinds),
            Table(
                "leaks",
                "Leaks",
                ("query", "case", "kind", "bits or overlap"),
                tuple((leak.query_id, leak.case_id, leak.kind.value, leak.measure) for leak in counted[:SHOWN]),
                f"The first {SHOWN} of {len(counted):,}." if len(counted) > SHOWN else "",
            ),
            Table("unseen", "What could not be compared", ("what", "count"), unseen),
        ),
        flags=tuple(flags),
    )


def _cases(queries: Sequence[AuditedQuery], held: set[str]) -> Iterator[QueryLeak]:
    return (QueryLeak(query.query_id, query.case, LeakKind.CASE) for query in queries if query.case in held)


def _patients(queries: Sequence[AuditedQuery], cases: Sequence[AuditedCase]) -> Iterator[QueryLeak]:
    of_patient: dict[str, list[str]] = {}
    for case in cases:
        if case.patient_key:
            of_patient.setdefault(case.patient_key, []).append(case.case_id)
    for query in queries:
        for kind, keys in (
            (LeakKind.PATIENT, query.patient_keys),
            (LeakKind.NUMBER, query.number_keys - query.patient_keys),
        ):
            for case_id in dict.fromkeys(name for key in keys for name in of_patient.get(key, ())):
                yield QueryLeak(query.query_id, case_id, kind)


def _images(queries: Sequence[AuditedQuery], records: Sequence[ImageRecord]) -> Iterator[QueryLeak]:
    same: dict[str, set[str]] = {}
    for record in records:
        for digest in {record.image.pixel_sha256, record.image.file_sha256} - {""}:
            same.setdefault(digest, set()).add(record.case_id)
    equal = {
        query.query_id: same.get(query.pixel_sha256, set()) | same.get(query.file_sha256, set()) for query in queries
    }
    for name, case_ids in equal.items():
        yield from (QueryLeak(name, case_id, LeakKind.IMAGE) for case_id in sorted(case_ids))
    nearest: dict[tuple[str, str], int] = {}
    for query_id, case_id, bits in _near_images(queries, records):
        if case_id not in equal[query_id]:
            nearest[query_id, case_id] = min(bits, nearest.get((query_id, case_id), bits))
    for (query_id, case_id), bits in nearest.items():
        yield QueryLeak(query_id, case_id, LeakKind.NEAR_IMAGE, float(bits))


def _near_images(queries: Sequence[AuditedQuery], records: Sequence[ImageRecord]) -> Iterator[tuple[str, str, int]]:
    """Yield (query, case, bits) of images whose hashes differ by at most :data:`radrag.corpus.leaks.NEAR` bits."""
    import faiss
    import numpy as np

    asking = [query for query in queries if query.perceptual_hash]
    hashed = [record for record in records if record.image.perceptual_hash]
    if not asking or not hashed:
        return
    held = np.array([list(bytes.fromhex(one.image.perceptual_hash)) for one in hashed], dtype=np.uint8)
    asked = np.array([list(bytes.fromhex(one.perceptual_hash)) for one in asking], dtype=np.uint8)
    index = faiss.IndexBinaryFlat(held.shape[1] * 8)
    index.add(held)
    limits, distances, places = index.range_search(asked, NEAR + 1)
    for row, query in enumerate(asking):
        for spot in range(int(limits[row]), int(limits[row + 1])):
            yield query.query_id, hashed[int(places[spot])].case_id, int(distances[spot])


def _reports(
    queries: Sequence[AuditedQuery], cases: Sequence[AuditedCase], own: Collection[tuple[str, str]]
) -> Iterator[QueryLeak]:
    """Compare the queries' reports with those of other patients: of their own cases it is known already."""
    asking = [query for query in queries if query.text.strip()]
    if not asking:
        return
    patient = {case.case_id: case.patient_key or case.case_id for case in cases}
    same: dict[bytes, set[str]] = {}
    texts: dict[tuple[str, int], str] = {}
    for case in cases:
        for number, text in enumerate(dict.fromkeys(filter(None, case.texts))):
            same.setdefault(same_text_key([text]), set()).add(case.case_id)
            texts[case.case_id, number] = text
    near = NearTexts(texts)
    for query in asking:
        equal = same.get(same_text_key([query.text]), set())
        overlaps: dict[str, float] = {}
        for (case_id, _), overlap in near.near(query.text):
            overlaps[case_id] = max(overlap, overlaps.get(case_id, 0.0))
        found = [QueryLeak(query.query_id, case_id, LeakKind.REPORT) for case_id in equal]
        found += [
            QueryLeak(query.query_id, case_id, LeakKind.NEAR_REPORT, round(overlap, 3))
            for case_id, overlap in overlaps.items()
            if case_id not in equal
        ]
        found = [leak for leak in found if (query.query_id, leak.case_id) not in own]
        if len({patient[leak.case_id] for leak in found}) >= STOCK:  # one line says it, of hundreds there may be
            found = [replace(min(found, key=lambda leak: leak.case_id), kind=LeakKind.STOCK_REPORT, measure=None)]
        yield from found
