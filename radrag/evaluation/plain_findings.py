"""Findings against findings without any expectation, as the literature retrieves: what an encoder calls, and no more.

A baseline: how far the channels that reckon with probabilities go beyond it.
"""

from __future__ import annotations

import numpy as np

from radrag.corpus.catalogue import Catalogue
from radrag.reports.vocabulary import NAMES, NO_FINDING
from radrag.retrieval.levels import at_level, at_levels
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import NOTHING, BoolArray, Ranked, best_rows

LIKELY = 0.5
"""Probability from which a finding without a threshold, such as one that words state, is called."""


class PlainFindings:
    """Every case by F1 of the findings it states and those that reach their thresholds, both at the common level.

    Over what was assessed and its ancestors; 1 where neither side has any. Of the forms tried on NIH's training images
    this was the best (docs/retrieval.md).
    """

    name = "called findings"

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._stated = at_levels(catalogue.patterns, NAMES)

    def search(self, query: Query, k: int, allowed: BoolArray | None = None) -> Ranked:
        """Rank by F1."""
        if not query.probabilities:
            return NOTHING
        called = query.findings | {name for name, chance in query.probabilities.items() if chance >= LIKELY}
        judged = at_level(dict.fromkeys(query.probabilities, 1.0)) > 0
        wanted = at_level(dict.fromkeys(called - {NO_FINDING}, 1.0))[judged]
        stated = self._stated[:, judged]
        sizes = stated.sum(axis=1) + wanted.sum()
        f1 = np.where(sizes > 0, 2 * np.minimum(stated, wanted).sum(axis=1) / np.maximum(sizes, 1e-9), 1.0)
        return best_rows(f1[self._catalogue.pattern], k, self._catalogue.by_id, allowed=allowed)
