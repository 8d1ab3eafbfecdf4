"""What a report states, as sets of labels under stated polarity rules: 14, 5 and all labels, and labels with sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from radrag.domain import Finding, Polarity, Side
from radrag.reports.findings import Labeler
from radrag.reports.vocabulary import CHEXPERT, NAMES, NO_FINDING, to_chexpert

FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""CheXpert's competition labels (Irvin et al. 2019)."""

ALL = tuple(name for name in NAMES if name != NO_FINDING)
DEVICES = "Support Devices"

RULES = (
    "A label is positive when any sentence states it, whatever another one denies; {uncertain}; denied and unmentioned "
    "are negative. 14 and 5: radrag's labels fold into CheXpert's; No Finding is positive when none of the 13 others "
    "but Support Devices is. all: radrag's own labels, parents not added. sided: label with side, where a side is said."
)


@dataclass(frozen=True, slots=True)
class StatedFindings:
    """One report's positive labels.

    Attributes:
        folded: of CheXpert's 14.
        labels: of :data:`ALL`.
        sided: (label, side) of those stated with a side.
    """

    folded: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()
    sided: frozenset[tuple[str, Side]] = frozenset()


class FindingsReader:
    """Reads reports; equal texts are read once.

    Args:
        labeler: finds findings in text.
        uncertain: whether a possible finding counts as positive, as in f1chexbert's scores of report generation.
    """

    def __init__(self, labeler: Labeler, *, uncertain: bool = True) -> None:
        self._labeler = labeler
        self._wanted = {Polarity.POSITIVE, Polarity.UNCERTAIN} if uncertain else {Polarity.POSITIVE}
        self._kept: dict[str, StatedFindings] = {}
        counted = "a possible finding is positive" if uncertain else "a possible finding is negative"
        self.rules = RULES.format(uncertain=counted)

    def read(self, text: str) -> StatedFindings:
        """Return what a report states; nothing at all, not even No Finding, for a blank one."""
        if text not in self._kept:
            self._kept[text] = self._stated(self._labeler.label_text(text)) if text.strip() else StatedFindings()
        return self._kept[text]

    def _stated(self, findings: tuple[Finding, ...]) -> StatedFindings:
        stated = [one for one in findings if one.polarity in self._wanted and one.label != NO_FINDING]
        labels = frozenset(one.label for one in stated)
        folded = {name for label in labels if (name := to_chexpert(label))}
        if folded <= {DEVICES}:
            folded.add(NO_FINDING)
        sided = frozenset((one.label, one.side) for one in stated if one.side is not Side.NONE)
        return StatedFindings(frozenset(folded), labels, sided)


SETS: Mapping[str, tuple[str, ...]] = {"14": CHEXPERT, "5": FIVE, "all": ALL}

LABELS = len(CHEXPERT) + len(ALL) + 1
"""Columns of one kind of count: the 14, all labels, and sided ones together."""

FINDING_COLUMNS = 3 * LABELS
_FOLDED = {name: place for place, name in enumerate(CHEXPERT)}
_OWN = {name: len(CHEXPERT) + place for place, name in enumerate(ALL)}


def columns_of(which: str) -> list[int]:
    """Return the places of a set's labels within :data:`LABELS`: "14", "5", "all" or "sided"."""
    if which == "sided":
        return [LABELS - 1]
    return [_OWN[name] for name in ALL] if which == "all" else [_FOLDED[name] for name in SETS[which]]


def finding_counts(wanted: StatedFindings, found: StatedFindings) -> list[float]:
    """Return counts of true positives, then of false positives, then of misses, :data:`LABELS` of each."""
    counts = [0.0] * FINDING_COLUMNS
    for place, there, said in ((_FOLDED, wanted.folded, found.folded), (_OWN, wanted.labels, found.labels)):
        for kind, names in enumerate((there & said, said - there, there - said)):
            for name in names:
                counts[kind * LABELS + place[name]] = 1.0
    sides = (wanted.sided & found.sided, found.sided - wanted.sided, wanted.sided - found.sided)
    for kind, pairs in enumerate(sides):
        counts[kind * LABELS + LABELS - 1] = float(len(pairs))
    return counts
