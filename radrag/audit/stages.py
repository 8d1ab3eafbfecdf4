"""What a stage of a draft came to when it was done again: the same, something else, or nothing to compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from radrag.domain import Draft, Hit, ImageFinding


class Outcome(StrEnum):
    """What became of a stage."""

    SAME = "same"
    DIFFERENT = "different"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage done again.

    Attributes:
        name: ``record``, ``evidence``, ``pixels``, ``findings``, ``hits``, ``prompt``, ``sentences`` or ``remarks``.
        says: what is the same, what differs, or what is missing, in a sentence.
    """

    name: str
    outcome: Outcome
    says: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self) | {"outcome": self.outcome.value}


def same(name: str, says: str) -> Stage:
    """Return a stage that came out as recorded."""
    return Stage(name, Outcome.SAME, says)


def different(name: str, says: str) -> Stage:
    """Return a stage that came out otherwise."""
    return Stage(name, Outcome.DIFFERENT, says)


def not_compared(name: str, says: str) -> Stage:
    """Return a stage that could not be done again."""
    return Stage(name, Outcome.NOT_COMPARED, says)


ROUNDING = 1e-5
"""Difference of probabilities that is none: sums of float32 depend on processor and number of threads (a probability
of the shipped encoder moves by up to 3e-7 between one thread and two)."""

PIXEL = 1.0
"""Difference of a box's edges, in pixels, that is none, for the same reason."""


def compare_findings(recorded: Sequence[ImageFinding], now: Sequence[ImageFinding]) -> Stage:
    """Compare image findings: labels, thresholds, and up to rounding probabilities and boxes."""
    then, again = ({one.label: one for one in findings} for findings in (recorded, now))
    if then.keys() != again.keys():
        return different("findings", f"other labels: {', '.join(sorted(then.keys() ^ again.keys()))}")
    pairs = [(old, again[label]) for label, old in then.items()]
    shift = max(
        (abs(old.probability - new.probability) for old, new in pairs if old.trained and new.trained), default=0.0
    )
    turned = [old.label for old, new in pairs if old.positive != new.positive]
    changed = [old.label for old, new in pairs if not _alike(old, new)]
    if not changed and not turned:
        exactly = "exactly" if not shift else f"to within {shift:.1g}"
        return same("findings", f"{len(then)} labels with the same probabilities, {exactly}")
    crossed = f"; across the threshold: {', '.join(turned)}" if turned else ", none of them across its threshold"
    return different("findings", f"{len(changed)} of {len(then)} labels differ, by up to {shift:.2g}{crossed}")


def _alike(one: ImageFinding, other: ImageFinding) -> bool:
    if one.trained != other.trained or (one.region is None) != (other.region is None):
        return False
    numbers = [(one.probability, other.probability), (one.threshold, other.threshold)] if one.trained else []
    edges = zip(one.region or (), other.region or (), strict=True)
    return all(abs(a - b) <= ROUNDING for a, b in numbers) and all(abs(a - b) <= PIXEL for a, b in edges)


def compare_hits(recorded: Sequence[Hit], now: Sequence[Hit]) -> Stage:
    """Compare retrieved cases: which, in which order, with which scores of which channels."""
    if list(recorded) == list(now):
        return same("hits", f"the same {len(recorded)} cases in the same order with the same scores")
    then, again = [hit.case_id for hit in recorded], [hit.case_id for hit in now]
    if then == again:
        first = next(old.rank for old, new in zip(recorded, now, strict=True) if old != new)
        return different("hits", f"the same {len(then)} cases in the same order, but other scores from rank {first} on")
    place = next(
        (n for n, (old, new) in enumerate(zip(then, again, strict=False)) if old != new), min(map(len, (then, again)))
    )
    shared = len(set(then) & set(again))
    return different(
        "hits", f"{shared} of {len(then)} cases are found again; the order differs from rank {place + 1} on"
    )


def compare_sentences(recorded: Draft, now: Draft) -> Stage:
    """Compare sentences: words, status, findings, and every link with its offsets and strength."""
    if recorded.sentences == now.sentences:
        links = sum(len(one.links) for one in recorded.sentences)
        return same("sentences", f"{len(recorded.sentences)} sentences with {links} links, word for word")
    then, again = ([(one.section, one.text) for one in draft.sentences] for draft in (recorded, now))
    if then == again:
        changed = [n for n, (a, b) in enumerate(zip(recorded.sentences, now.sentences, strict=True), 1) if a != b]
        return different("sentences", f"the same words, but other evidence or status in {_listed(changed)}")
    lost = [number for number, pair in enumerate(then, start=1) if pair not in again]
    fresh = sum(pair not in then for pair in again)
    return different(
        "sentences", f"not written again: {_listed(lost)}; {fresh} written now that the draft does not have"
    )


OF_FILES = ("image_refused", "duplicate_instance")
"""Warnings of files that the record does not name: refused ones, and further copies."""


def compare_remarks(recorded: Draft, now: Draft) -> Stage:
    """Compare possible omissions, and warnings but for those of files that are not on record."""
    then, again = ([one for one in draft.warnings if one.code not in OF_FILES] for draft in (recorded, now))
    parts = {"omissions": recorded.omissions == now.omissions, "warnings": then == again}
    if all(parts.values()):
        return same("remarks", f"{len(recorded.omissions)} possible omissions and {len(then)} warnings")
    return different("remarks", f"other {' and '.join(name for name, equal in parts.items() if not equal)}")


def _listed(numbers: Sequence[int]) -> str:
    if not numbers:
        return "none"
    return f"sentence{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
