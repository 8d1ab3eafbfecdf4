"""The flip suite: a sentence whose meaning was turned must not pass the verifier against the sentence it came from.

A score that gives "no effusion" nearly full marks for "effusion" is no use; this suite asks the verifier just that.
Where the turned sentence contradicts the evidence (another polarity, side, place, direction, mild for severe) the
verifier must say so. Where it only says something else (another number, another finding, a side that the evidence
leaves open) it must not call it supported. Controls say the same in the same or in other words, and must be supported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.domain import Sentence, Status
from radrag.errors import UsageError

if TYPE_CHECKING:
    from radrag.grounding.verify import Verifier

SAME = "same"
"""The kind of the controls."""

WRITTEN = "written"
"""Part of cases that do not say which part they belong to."""


class Expected(StrEnum):
    """What the verifier must make of a case."""

    CONTRADICTED = "contradicted"
    NOT_SUPPORTED = "not supported"
    SUPPORTED = "supported"

    def met_by(self, status: Status) -> bool:
        """Whether a status is what was expected."""
        if self is Expected.NOT_SUPPORTED:
            return status is not Status.SUPPORTED
        return status.value == self.value


@dataclass(frozen=True, slots=True)
class FlipCase:
    """One sentence and the evidence it is checked against.

    Attributes:
        name: of the case, unique in its suite.
        part: "tuned", "held-out", "generated" …; scores are never mixed over parts.
        kind: what was turned; :data:`SAME` for controls.
    """

    name: str
    part: str
    kind: str
    evidence: str
    claim: str
    expected: Expected


@dataclass(frozen=True, slots=True)
class FlipScore:
    """Cases of one part and kind.

    Attributes:
        right: cases with the expected status.
        passed_off: flips that the verifier called supported: the misses that a reader would not see.
    """

    part: str
    kind: str
    n: int
    right: int
    passed_off: int

    @property
    def rate(self) -> float:
        """Share of flips that were caught; of controls, share without a false alarm."""
        return self.right / self.n if self.n else 0.0


@dataclass(frozen=True, slots=True)
class FlipScores:
    """Scores by part and kind, and the cases that went wrong with the status they got."""

    by_kind: tuple[FlipScore, ...]
    wrong: tuple[tuple[FlipCase, Status], ...]

    def total(self, part: str) -> FlipScore:
        """Return the score over all flips of a part."""
        flips = [score for score in self.by_kind if score.part == part and score.kind != SAME]
        return _sum(part, "all flips", flips)

    def false_alarms(self, part: str) -> float:
        """Return the share of a part's controls that were not supported; 0 where it has none."""
        controls = [score for score in self.by_kind if score.part == part and score.kind == SAME]
        return 1 - controls[0].rate if controls else 0.0

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts in order."""
        return tuple(dict.fromkeys(score.part for score in self.by_kind))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; the texts of generated cases are left out, since they may be a corpus's."""
        return {
            "parts": {
                part: {
                    "flips": self.total(part).n,
                    "caught": self.total(part).rate,
                    "passed_off": self.total(part).passed_off,
                    "false_alarms": self.false_alarms(part),
                }
                for part in self.parts
            },
            "kinds": [asdict(score) | {"rate": score.rate} for score in self.by_kind],
            "wrong": [
                {"name": case.name, "expected": case.expected.value, "status": status.value}
                for case, status in self.wrong
            ],
        }


def _sum(part: str, kind: str, scores: Sequence[FlipScore]) -> FlipScore:
    return FlipScore(
        part,
        kind,
        sum(score.n for score in scores),
        sum(score.right for score in scores),
        sum(score.passed_off for score in scores),
    )


def run_flips(
    cases: Iterable[FlipCase],
    verifier: Verifier,
    label_section: Callable[[str, str, str], Sequence[Sentence]],
) -> FlipScores:
    """Check every case's claim against its evidence.

    Args:
        label_section: (case id, section, text) → sentences, as :meth:`radrag.reports.findings.Labeler.label_section`.
    """
    counts: dict[tuple[str, str], list[int]] = {}
    wrong: list[tuple[FlipCase, Status]] = []
    for case in cases:
        evidence = label_section(f"flips:{case.name}", "findings", case.evidence)
        status = verifier.verify([("findings", case.claim)], evidence)[0].status
        right = case.expected.met_by(status)
        count = counts.setdefault((case.part, case.kind), [0, 0, 0])
        count[0] += 1
        count[1] += right
        count[2] += case.kind != SAME and status is Status.SUPPORTED
        if not right:
            wrong.append((case, status))
    by_kind = tuple(FlipScore(part, kind, *count) for (part, kind), count in counts.items())
    return FlipScores(by_kind, tuple(wrong))


def read_flips(path: Path) -> list[FlipCase]:
    """Read written cases: JSON lines with name, kind, evidence, claim, expected and, optionally, part.

    Raises:
        UsageError: the file cannot be read, or a line is no case; the message names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The cases {path} cannot be read: {error}.") from None
    cases = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                cases.append(_case(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(f"{path.name}:{number}: no flip case ({type(error).__name__}: {error}).") from None
    return cases


def _case(values: Mapping[str, Any]) -> FlipCase:
    part = str(values.get("part", WRITTEN))
    texts = {name: str(values[name]) for name in ("name", "kind", "evidence", "claim")}
    return FlipCase(part=part, expected=Expected(values["expected"]), **texts)
