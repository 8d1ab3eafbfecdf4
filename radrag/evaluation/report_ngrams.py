"""BLEU, ROUGE-L and CIDEr as pycocoevalcap computes them, from statistics of single reports that add up.

Papers on report generation score with pycocoevalcap, whose variants differ from sacrebleu's and rouge-score's (BLEU
with its own smoothing, ROUGE-L with beta 1.2, "CIDEr" being CIDEr-D). They are computed here so that a bootstrap can
add up a report's statistics thousands of times; the tests compare every one with the package's own numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from radrag.evaluation.report_text import Tokens

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

ORDERS = 4
"""Longest n-gram of BLEU and CIDEr."""

BLEU_COLUMNS = 2 * ORDERS + 2
_TINY, _SMALL = 1e-15, 1e-9  # pycocoevalcap's bleu_scorer.py
_BETA = 1.2  # pycocoevalcap's rouge.py
_SIGMA = 6.0  # of CIDEr-D's penalty on lengths, Vedantam et al. 2015

_Ngrams = Counter[Tokens]


def _ngrams(tokens: Tokens) -> _Ngrams:
    return Counter(
        tokens[start : start + order] for order in range(1, ORDERS + 1) for start in range(len(tokens) - order + 1)
    )


def bleu_statistics(reference: Tokens, prediction: Tokens) -> list[float]:
    """Return matched and possible n-grams of orders 1 to 4, and both lengths: 10 numbers (Papineni et al. 2002)."""
    wanted, found = _ngrams(reference), _ngrams(prediction)
    matched = [0.0] * ORDERS
    for ngram, count in found.items():
        matched[len(ngram) - 1] += min(count, wanted[ngram])
    possible = [float(max(0, len(prediction) - order)) for order in range(ORDERS)]
    return [*matched, *possible, float(len(prediction)), float(len(reference))]


def bleu(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return BLEU-1 to BLEU-4 of summed statistics: float64 […, 10] to […, 4], in [0, 1]."""
    import numpy as np

    matched, possible = sums[..., :ORDERS], sums[..., ORDERS : 2 * ORDERS]
    precisions = (matched + _TINY) / (possible + _SMALL)
    scores: npt.NDArray[np.float64] = np.cumprod(precisions, axis=-1) ** (1 / np.arange(1, ORDERS + 1))
    ratio = (sums[..., -2] + _TINY) / (sums[..., -1] + _SMALL)
    scores *= np.exp(np.minimum(0.0, 1 - 1 / ratio))[..., None]
    return scores


def rouge_l(reference: Tokens, prediction: Tokens) -> float:
    """Return ROUGE-L in [0, 1] (Lin 2004), recall counting 1.2 squared times as much as precision."""
    from rapidfuzz.distance import LCSseq

    common = LCSseq.similarity(reference, prediction)
    if not common:
        return 0.0
    precision, recall = common / len(prediction), common / len(reference)
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


class Cider:
    """CIDEr-D of predictions against one reference each (Vedantam et al. 2015), in [0, 10].

    A word weighs more the fewer references hold it; so the score of one report depends on all references.

    Args:
        references: tokens of each.
    """

    def __init__(self, references: Sequence[Tokens]) -> None:
        counted = [_ngrams(reference) for reference in references]
        self._holding = Counter(ngram for ngrams in counted for ngram in ngrams)
        self._most = math.log(len(references)) if references else 0.0
        self._references = [self._weighed(ngrams) for ngrams in counted]

    def score(self, place: int, prediction: Tokens) -> float:
        """Return the score of a prediction against the reference at ``place``."""
        wanted, wanted_norms, wanted_length = self._references[place]
        found, norms, length = self._weighed(_ngrams(prediction))
        similar = [0.0] * ORDERS
        for ngram, weight in found.items():
            against = wanted.get(ngram, 0.0)
            similar[len(ngram) - 1] += min(weight, against) * against
        cosines = (
            value / (a * b) if a and b else value for value, a, b in zip(similar, norms, wanted_norms, strict=True)
        )
        penalty = math.exp(-((length - wanted_length) ** 2) / (2 * _SIGMA**2))
        return 10 * penalty * sum(cosines) / ORDERS

    def _weighed(self, ngrams: _Ngrams) -> tuple[dict[Tokens, float], list[float], int]:
        """Return each n-gram's weight, the norm of each order, and the number of pairs of words, its length here."""
        weights = {
            ngram: count * (self._most - math.log(max(1, self._holding.get(ngram, 0))))
            for ngram, count in ngrams.items()
        }
        squares = [0.0] * ORDERS
        for ngram, weight in weights.items():
            squares[len(ngram) - 1] += weight**2
        pairs = sum(count for ngram, count in ngrams.items() if len(ngram) == 2)
        return weights, [math.sqrt(value) for value in squares], pairs
