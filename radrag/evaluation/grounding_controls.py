"""Controls: evidence that is wrong must not be followed where the image says otherwise; another image, another draft.

Wrong evidence is planted: every retrieved report is made to state a finding that image and truth deny, or to deny one
that both have. Only the drafter's view of the corpus is changed, never the corpus.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from radrag.domain import Draft, ImageFinding, Polarity, Sentence
from radrag.evaluation.relevance import Truth
from radrag.reports.findings import Labeler
from radrag.reports.vocabulary import NO_FINDING, ancestors, descendants
from radrag.reports.wordings import report_names
from radrag.workspace import Workspace

_SHARED = ("image_encoder", "text_encoder", "snapshot", "retriever", "novelty", "labeler", "verifier", "generator")


@dataclass(frozen=True, slots=True)
class Plant:
    """A sentence that every retrieved report is made to contain, in place of what it says of the same finding.

    Attributes:
        label: the finding.
        present: whether the sentence states it; else it denies it.
        text: the sentence.
    """

    label: str
    present: bool
    text: str

    def followed_by(self, draft: Draft) -> bool:
        """Whether a draft says what was planted, under any name that reports have for it."""
        wanted = Polarity.POSITIVE if self.present else Polarity.NEGATIVE
        said = {
            finding.label
            for one in draft.sentences
            for finding in one.findings
            if (finding.polarity is Polarity.NEGATIVE) is (wanted is Polarity.NEGATIVE)
        }
        if self.present:
            return any(self.label in {name} | ancestors(name) for name in said)
        return any(name in {self.label} | ancestors(self.label) for name in said)


def plants(truth: Truth, image_findings: Sequence[ImageFinding], labeler: Labeler) -> list[Plant]:
    """Return what could be planted for a study: the opposite of what image and truth agree on."""
    found = []
    for seen in image_findings:
        known = truth.get(seen.label)
        if not seen.trained or seen.label == NO_FINDING or known is None or seen.positive is not (known == 1):
            continue
        if not seen.positive and (known != 0 or _relatives(seen.label) & _stated(image_findings)):
            continue
        text = f"No {seen.label.lower()}." if seen.positive else f"There is {seen.label.lower()}."
        polarity = Polarity.NEGATIVE if seen.positive else Polarity.POSITIVE
        if [(one.label, one.polarity) for one in labeler.label_text(text)] == [(seen.label, polarity)]:
            found.append(Plant(seen.label, not seen.positive, text))
    return found


def _stated(image_findings: Sequence[ImageFinding]) -> set[str]:
    return {name for seen in image_findings if seen.positive for name in report_names(seen.label)}


def _relatives(label: str) -> set[str]:
    """Return every label whose statement is one of ``label`` too, or the other way round."""
    names = set(report_names(label))
    return names | {other for name in names for other in ancestors(name) | descendants(name)}


class PlantedWorkspace(Workspace):
    """A workspace whose drafter reads planted evidence; everything else is the other workspace's."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace.settings)
        self._workspace = workspace
        for name in _SHARED:
            self.__dict__[name] = getattr(workspace, name)
        self.planted: Plant | None = None

    @cached_property
    def store(self) -> Any:
        """The other workspace's, with the planted sentence in every report."""
        return _PlantedStore(self._workspace.store, lambda: self.planted, self.labeler)


class _PlantedStore:
    def __init__(self, store: Any, planted: Callable[[], Plant | None], labeler: Labeler) -> None:
        self._store = store
        self._planted = planted
        self._labeler = labeler

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def sentences(self, case_ids: Sequence[str]) -> Mapping[str, Sequence[Sentence]]:
        """Return the cases' sentences; those that speak of the planted finding are replaced by the planted one."""
        found: Mapping[str, Sequence[Sentence]] = self._store.sentences(case_ids)
        planted = self._planted()
        return found if planted is None else {name: self._with(planted, name, of) for name, of in found.items()}

    def _with(self, planted: Plant, case_id: str, sentences: Sequence[Sentence]) -> Sequence[Sentence]:
        about = _relatives(planted.label)
        kept = [one for one in sentences if not about & {finding.label for finding in one.findings}]
        written = self._labeler.label_section(case_id, "findings", planted.text)
        place = max((one.number for one in sentences), default=-1) + 1
        return (*kept, *(replace(one, number=place) for one in written))
