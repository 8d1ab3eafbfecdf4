"""Every measure of a set of reports as a function of sums over reports: what is summed once can be drawn many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radrag.evaluation.f1 import f1_of
from radrag.evaluation.report_findings import FINDING_COLUMNS, LABELS, SETS, FindingsReader, columns_of, finding_counts
from radrag.evaluation.report_ngrams import BLEU_COLUMNS, ORDERS, Cider, bleu, bleu_statistics, rouge_l
from radrag.evaluation.report_text import Cleaning, tokens_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Sums = npt.NDArray[np.float64]

BLEUS = tuple(f"BLEU-{order}" for order in range(1, ORDERS + 1))
ROUGE, CIDER = "ROUGE-L", "CIDEr"
SIDED = "F1 sided"
F1S = tuple(f"F1-{name} {mean}" for name in SETS for mean in ("micro", "macro"))
MEASURES = (*BLEUS, ROUGE, CIDER, *F1S, SIDED)
"""All in [0, 1] but CIDEr, which is in [0, 10]."""

_COUNT = BLEU_COLUMNS + 2
_FIRST_LABEL = _COUNT + 1
COLUMNS = _FIRST_LABEL + FINDING_COLUMNS


@dataclass(frozen=True, slots=True)
class Protocol:
    """What scores depend on besides the texts; scores of two protocols are never compared.

    Attributes:
        cleaning: of texts into tokens, for the n-gram measures; findings are read in the texts as they are.
        limit: tokens kept, 0 for all.
        uncertain: whether a possible finding counts as positive.
    """

    cleaning: Cleaning = Cleaning.R2GEN_IU
    limit: int = 0
    uncertain: bool = True


class ReportMeasures:
    """Compares predictions with one list of references.

    Args:
        references: texts, none blank.
        reader: reads findings, by the protocol's rule for possible ones.
    """

    def __init__(self, references: Sequence[str], protocol: Protocol, reader: FindingsReader) -> None:
        self._protocol = protocol
        self._reader = reader
        self._tokens = [tokens_of(text, protocol.cleaning, limit=protocol.limit) for text in references]
        self._stated = [reader.read(text) for text in references]
        self._cider = Cider(self._tokens)

    def statistics(self, predictions: Sequence[str]) -> Sums:
        """Return what each prediction adds, float64 [reports, columns]; a blank one is wrong wherever it can be."""
        cleaning, limit = self._protocol.cleaning, self._protocol.limit
        rows = np.zeros((len(self._tokens), COLUMNS))
        for place, (text, wanted) in enumerate(zip(predictions, self._tokens, strict=True)):
            tokens = tokens_of(text, cleaning, limit=limit)
            rows[place] = [
                *bleu_statistics(wanted, tokens),
                rouge_l(wanted, tokens),
                self._cider.score(place, tokens),
                1.0,
                *finding_counts(self._stated[place], self._reader.read(text)),
            ]
        return rows


def scores_of(sums: Sums) -> dict[str, Sums]:
    """Return measure → value of summed statistics, float64 […, columns] to […].

    A macro mean is over the labels that any reference states; a label that none states counts in the micro means only.
    """
    count = np.maximum(sums[..., _COUNT], 1)
    found: dict[str, Sums] = dict(zip(BLEUS, np.moveaxis(bleu(sums[..., :BLEU_COLUMNS]), -1, 0), strict=True))
    found[ROUGE] = sums[..., BLEU_COLUMNS] / count
    found[CIDER] = sums[..., BLEU_COLUMNS + 1] / count
    for name in SETS:
        hits, extra, missed = _counts(sums, name)
        found[f"F1-{name} micro"] = f1_of(hits.sum(-1), extra.sum(-1), missed.sum(-1))
        stated = (hits + missed) > 0
        found[f"F1-{name} macro"] = (f1_of(hits, extra, missed) * stated).sum(-1) / np.maximum(stated.sum(-1), 1)
    hits, extra, missed = _counts(sums, "sided")
    found[SIDED] = f1_of(hits.sum(-1), extra.sum(-1), missed.sum(-1))
    return found


def by_label(sums: Sums, which: str) -> Mapping[str, tuple[int, int, int]]:
    """Return label → (true positives, false positives, misses) of statistics summed over all reports.

    Args:
        sums: float64 [columns].
        which: "14", "5" or "all".
    """
    rows = np.stack(_counts(sums, which), axis=-1).astype(int).tolist()
    return {name: (row[0], row[1], row[2]) for name, row in zip(SETS[which], rows, strict=True)}


def _counts(sums: Sums, which: str) -> tuple[Sums, Sums, Sums]:
    places = np.array(columns_of(which)) + _FIRST_LABEL
    return sums[..., places], sums[..., places + LABELS], sums[..., places + 2 * LABELS]
