"""What every measure makes of reports whose faults are known: altered references scored against the references."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from radrag.evaluation.flips_edits import EDITS, Edit
from radrag.evaluation.report_baselines import random_others
from radrag.evaluation.report_findings import FindingsReader
from radrag.evaluation.report_measures import (
    BLEUS,
    CIDER,
    F1S,
    MEASURES,
    ROUGE,
    SIDED,
    Protocol,
    ReportMeasures,
    scores_of,
)
from radrag.reports.findings import Labeler
from radrag.reports.sentences import split_sentences

IDENTICAL = "identical"
_LEAST_FALL = 1e-9
_BY_NAME = {name: edit for name, _, edit in EDITS}
_STATED = tuple(name for name in F1S if name.startswith("F1-all"))


@dataclass(frozen=True, slots=True)
class SanityRow:
    """One alteration.

    Attributes:
        n: reports that it changed; they alone are scored.
        scores: measure → value.
        must_fall: measures that it must lower.
        blind: measures that it did not lower.
    """

    name: str
    n: int
    scores: Mapping[str, float]
    must_fall: tuple[str, ...]
    blind: tuple[str, ...]

    @property
    def failed(self) -> tuple[str, ...]:
        """Measures that did not fall although they must."""
        return tuple(name for name in self.must_fall if name in self.blind)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "n": self.n,
            "scores": dict(self.scores),
            "must_fall": list(self.must_fall),
            "blind": list(self.blind),
            "failed": list(self.failed),
        }


def run_sanity(
    references: Sequence[str], labeler: Labeler, *, protocol: Protocol | None = None, seed: int = 0
) -> tuple[SanityRow, ...]:
    """Alter references in known ways and score them.

    Returns:
        A row an alteration that changed any report, "identical" first. A row's best values are those of the same
        reports unaltered: 1 and 10 for CIDEr, but 0 for F1 where none of them states a finding of that kind.
    """
    protocol = protocol or Protocol()
    reader = FindingsReader(labeler, uncertain=protocol.uncertain)
    generator = random.Random(seed)
    others = random_others(references, [str(place) for place in range(len(references))], rounds=1, seed=seed)[0]
    every = (*BLEUS, ROUGE, CIDER, *_STATED)
    alterations: tuple[tuple[str, Sequence[str], tuple[str, ...]], ...] = (
        (IDENTICAL, references, ()),
        ("empty", [""] * len(references), every),
        ("of another study", others, every),
        ("words shuffled", [_shuffled(text, generator) for text in references], (*BLEUS[1:], ROUGE, CIDER)),
        ("negated", [_edited(text, ("affirmed", "denied", "without")) for text in references], _STATED),
        ("side turned", [_edited(text, ("side",)) for text in references], (SIDED,)),
        ("severity turned", [_edited(text, ("severity",)) for text in references], ()),
        ("finding swapped", [_edited(text, ("finding",)) for text in references], _STATED),
    )
    rows = []
    for name, texts, must_fall in alterations:
        kept = [
            place for place, text in enumerate(texts) if name == IDENTICAL or text.split() != references[place].split()
        ]
        if not kept:
            continue
        measures = ReportMeasures([references[place] for place in kept], protocol, reader)
        scores = _values(measures, [texts[place] for place in kept])
        best = _values(measures, [references[place] for place in kept])
        blind = () if name == IDENTICAL else tuple(m for m in MEASURES if scores[m] > best[m] - _LEAST_FALL)
        possible = tuple(measure for measure in must_fall if best[measure] > 0)
        rows.append(SanityRow(name, len(kept), scores, possible, blind))
    return tuple(rows)


def _values(measures: ReportMeasures, texts: Sequence[str]) -> dict[str, float]:
    return {name: float(value) for name, value in scores_of(measures.statistics(texts).sum(axis=0)).items()}


def _shuffled(text: str, generator: random.Random) -> str:
    words = text.split()
    generator.shuffle(words)
    return " ".join(words)


def _edited(text: str, kinds: Sequence[str]) -> str:
    """Turn every sentence that an edit applies to; the others stay."""
    edits: list[Edit] = [_BY_NAME[kind] for kind in kinds]
    return " ".join(_first(text[start:end], edits) for start, end in split_sentences(text))


def _first(sentence: str, edits: Sequence[Callable[[str], str | None]]) -> str:
    return next((turned for edit in edits if (turned := edit(sentence)) is not None), sentence)
