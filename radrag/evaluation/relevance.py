"""How relevant an indexed case is for a query whose truth is known: agreement of what the two state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from radrag.corpus.report_labels import finding_labels
from radrag.domain import Finding
from radrag.reports.vocabulary import NAMES, NO_FINDING
from radrag.reports.wordings import report_names
from radrag.retrieval.levels import LEVELS, PLACE, at_level, level

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RELEVANT = 0.5
"""A case is relevant when its gain is greater: more of what is stated on the two sides agrees than does not."""

Truth = Mapping[str, float]
"""Label → 1 (there), 0.5 (uncertain), 0 (not there); what was not judged is missing. Empty: nothing is known."""


def truth_of_columns(judged: Truth, columns: Iterable[str]) -> Truth:
    """Return the truth of a manifest's row: what its cells say, and what "No Finding" implies.

    "No Finding" there means that nothing else of the manifest's labels is, but for support devices (CheXpert's
    definition), unless a cell says otherwise. "No Finding" not there says only that something is, and is dropped.
    """
    truth = {label: value for label, value in judged.items() if label != NO_FINDING}
    if judged.get(NO_FINDING) == 1:
        implied = set(columns) - {NO_FINDING, "Support Devices"}
        truth = dict.fromkeys(sorted(implied), 0.0) | truth
    elif NO_FINDING in judged and not any(truth.values()):
        return {}
    return truth


def truth_of_text(findings: Iterable[Finding]) -> Truth:
    """Return the truth of a report by its findings: what it does not state is not there.

    Empty where the text neither states nor denies anything ("fever and cough"): silence of a note is no normal film.
    """
    said = list(findings)
    if not said:
        return {}
    stated = finding_labels(said)
    return {name: max(stated.get(name, 0.0), 0.0) for name in NAMES if name != NO_FINDING}


def wanted_labels(truth: Truth) -> tuple[str, ...]:
    """Return the labels whose table rows a query counts for: those that are there, else "No Finding"."""
    there = tuple(name for name in NAMES if truth.get(name) == 1)
    return there or ((NO_FINDING,) if truth and not any(truth.values()) else ())


class Relevance:
    """The gains of all indexed cases for a truth.

    Args:
        cases: case id → label → 1 (stated), 0.5 (possible) or -1 (denied), as in an index's snapshot.
    """

    def __init__(self, cases: Mapping[str, Mapping[str, float]]) -> None:
        import numpy as np

        self.ids: tuple[str, ...] = tuple(sorted(cases))
        self.place: Mapping[str, int] = {case_id: place for place, case_id in enumerate(self.ids)}
        # Many reports state the same findings: each set of them is kept and scored once.
        sets: dict[tuple[tuple[str, float], ...], int] = {}
        of = [sets.setdefault(tuple(sorted(cases[name].items())), len(sets)) for name in self.ids]
        self._of = np.array(of, dtype=np.int64)
        self._sets = [dict(items) for items in sets]
        self._levels = np.array([at_level(labels) for labels in self._sets]).reshape(-1, len(LEVELS))
        self._stating: dict[str, npt.NDArray[np.bool_]] = {}

    def gains(self, truth: Truth) -> npt.NDArray[np.float64]:
        """Return the gain of every case, float64 [n] in [0, 1], in the order of ``ids``.

        F1 of the labels that are there and those that the case states, at the common :func:`level` and with all
        their ancestors (hierarchical F1: Kiritchenko, Matwin & Famili, "Functional annotation of genes using
        hierarchical text categorization", 2005), over the labels that were judged; an uncertain or possible label
        counts half. 1 where neither side has any: normal agrees with normal. What a case denies counts as what it
        does not mention.
        """
        import numpy as np

        there = at_level(truth)
        judged = there > 0
        for label in truth:
            judged[PLACE[level(label)]] = True
        stated = self._levels[:, judged]
        wanted = there[judged]
        both = np.minimum(stated, wanted).sum(axis=1)
        sizes = stated.sum(axis=1) + wanted.sum()
        return np.where(sizes > 0, 2 * both / np.maximum(sizes, 1e-9), 1.0)[self._of]

    def stating(self, label: str) -> npt.NDArray[np.bool_]:
        """Return which cases state a label, bool [n]: as there or possible, under any of its wordings or kinds."""
        import numpy as np

        if label not in self._stating:
            names = report_names(label)
            found = [any(labels.get(name, 0.0) > 0 for name in names) for labels in self._sets]
            self._stating[label] = np.array(found, dtype=bool)[self._of]
        return self._stating[label]
