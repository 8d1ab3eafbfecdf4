"""A stream of cases to labelled cases in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from radrag.domain import Case, Sentence
from radrag.store.repository import Store
from radrag.store.values import AddReport, CorpusInfo


class SectionLabeler(Protocol):
    """What ingest needs of a labeler."""

    def label_sections(self, case_id: str, sections: Mapping[str, str]) -> tuple[Sentence, ...]:
        """Return the sentences of a report's body with their findings."""
        ...


def ingest(
    cases: Iterable[Case],
    info: CorpusInfo,
    store: Store,
    labeler: SectionLabeler,
    *,
    progress: Callable[[int], object] | None = None,
) -> AddReport:
    """Label ``cases`` one after another and add them to the store; a case that is there already stays as it is.

    Args:
        progress: called with 1 for each case that was labelled.
    """

    def parsed() -> Iterable[tuple[Case, tuple[Sentence, ...]]]:
        for case in cases:
            yield case, labeler.label_sections(case.case_id, case.sections)
            if progress:
                progress(1)

    return store.add_cases(parsed(), corpus=info)
