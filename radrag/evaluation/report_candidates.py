"""Reports from a workspace to stand beside predictions: of the nearest case, and of drafts that were saved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.domain import Case, Draft, text_of
from radrag.evaluation.report_files import Part, ReportTexts
from radrag.retrieval.query import Query, query_from_text

if TYPE_CHECKING:
    from radrag.evaluation.manifest import ManifestRow
    from radrag.reports.findings import Labeler
    from radrag.retrieval.engine import Retriever
    from radrag.store.repository import Store

TOP = "top-1 report"
TOP_KNOWING = "top-1 report, knowing the reference"
PAGE = 500


def study_named(names: Iterable[str], studies: Collection[str]) -> str:
    """Return the study that one of some names means, empty where none does."""
    return next((name for name in names if name in studies), "")


def row_names(row: ManifestRow) -> list[str]:
    """Return the names under which a study of references may be a manifest's row: its case, image or image's folder."""
    names = [row.case, row.case.partition(":")[2]]
    return [name for name in names if name] + (path_names(row.image) if row.image else [])


def path_names(path: Path) -> list[str]:
    """Return the names under which a study of references may be an image."""
    return [path.stem, path.parent.name]


def case_text(case: Case, part: Part) -> str:
    """Return the part of a case's report that is compared."""
    return ReportTexts(findings=case.sections.get("findings", ""), impression=case.sections.get("impression", "")).part(
        part
    )


def knowing_queries(references: Mapping[str, str], cases: Collection[str], labeler: Labeler) -> dict[str, Query]:
    """Return a search for each study by the words and findings of its own reference, its own case left out."""
    # R2Gen names IU X-ray's studies CXR25_IM-1024: the case is CXR25.
    of_accession: dict[str, list[str]] = {}
    for case in cases:
        of_accession.setdefault(case.partition(":")[2], []).append(case)
    queries = {}
    for study, text in references.items():
        own = [case for name in {study, study.partition("_")[0]} for case in of_accession.get(name, ())]
        queries[study] = replace(query_from_text(text, labeler.label_text(text)), exclude_cases=frozenset(own))
    return queries


def top_reports(
    queries: Mapping[str, Query],
    retriever: Retriever,
    store: Store,
    part: Part,
    *,
    progress: Callable[[int], object] | None = None,
) -> dict[str, str]:
    """Return the report of the nearest case for each study; a study for which nothing is found is left out."""
    found: dict[str, str] = {}
    for study, query in queries.items():
        hits = retriever.search(query, 1)
        if hits:
            found[study] = hits[0].case_id
        if progress:
            progress(1)
    cases = store.cases(dict.fromkeys(found.values()))
    return {study: case_text(cases[case_id], part) for study, case_id in found.items() if case_id in cases}


def draft_rows(store: Store, studies: Collection[str], part: Part) -> dict[str, dict[str, str]]:
    """Return generator → study → text of its newest draft, for drafts whose study is among the references.

    A draft's study is named by accession number, Study Instance UID, or an image's file or folder.
    """
    rows: dict[str, dict[str, str]] = {}
    for draft in _drafts(store):
        study = study_named(_draft_names(draft), studies)
        generator = str(draft.provenance.get("generator", {}).get("name", "unknown"))
        if study:
            sections = text_of(draft.sentences)
            texts = ReportTexts(findings=sections.get("findings", ""), impression=sections.get("impression", ""))
            rows.setdefault(f"drafts by {generator}", {}).setdefault(study, texts.part(part))
    return rows


def _drafts(store: Store) -> Iterable[Draft]:
    offset = 0
    while page := store.drafts(limit=PAGE, offset=offset):
        for summary in page:
            yield store.draft(summary.draft_id)
        offset += len(page)


def _draft_names(draft: Draft) -> Sequence[str]:
    paths = [Path(image.path) for image in draft.study.images if image.path]
    return [
        draft.study.accession,
        draft.study.study_instance_uid,
        *(name for path in paths for name in path_names(path)),
    ]
