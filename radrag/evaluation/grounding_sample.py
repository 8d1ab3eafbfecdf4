"""A sample of drafted sentences that were read one by one beside their quotes, which no labeler can do of itself.

The file keeps no corpus text: quotes, and sentences that a draft copied, are named by case, section and offsets and
read from the corpus when the sample is scored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radrag.domain import Relation, Sentence, Status
from radrag.errors import ReportError
from radrag.generation.plan import ENUMERATOR
from radrag.grounding.verify import Verifier
from radrag.reports.findings import Labeler

Place = tuple[str, str, int, int]
"""Case id, section, start, end."""


@dataclass(frozen=True, slots=True)
class ReadQuote:
    """One quote beside its sentence.

    Attributes:
        relation: what the draft said that it does.
        right: whether the reader agrees: it states, or denies, something that the sentence says.
    """

    place: Place
    relation: Relation
    right: bool


@dataclass(frozen=True, slots=True)
class ReadSentence:
    """One drafted sentence as it was read.

    Attributes:
        study: manifest and line that it was drafted for.
        text: the sentence; empty where it is a copy.
        copy_of: where the corpus has it; None where it is the generator's own.
        cited: whether the supporting quotes together say everything that the sentence says.
        status_right: whether the reader would give the same status, having seen the quotes and the counts.
    """

    study: str
    text: str
    copy_of: Place | None
    status: Status
    quotes: tuple[ReadQuote, ...]
    cited: bool
    status_right: bool


@dataclass(frozen=True, slots=True)
class SampleScores:
    """What the reader says of drafts as they were, and of the verifier as it is.

    Attributes:
        precision: share of quotes shown as supporting that do.
        recall: share of sentences whose quotes say all of it.
        statuses: share of statuses that are right.
        against: share of quotes shown as contradicting that do.
        still: share of the quotes read as supporting which the verifier takes for support today.
        refused: share of the quotes read as not supporting which it does not take for support today.
    """

    sentences: int
    quotes: int
    precision: float
    recall: float
    statuses: float
    against: float
    still: float
    refused: float

    def as_dict(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


def read_sample(path: Path) -> list[ReadSentence]:
    """Read the sample: JSON lines.

    Raises:
        ReportError: a line is damaged; the message names it.
    """
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            found.append(_sentence(json.loads(line)))
        except (ValueError, KeyError, TypeError) as error:
            raise ReportError(f"{path.name}:{number}: no sentence that was read ({error}).") from None
    return found


def _sentence(values: Mapping[str, Any]) -> ReadSentence:
    copied = values.get("copy_of")
    return ReadSentence(
        values["study"],
        values.get("text", ""),
        _place(copied) if copied else None,
        Status(values["status"]),
        tuple(
            ReadQuote(_place(one["place"]), Relation(one["relation"]), bool(one["right"])) for one in values["quotes"]
        ),
        bool(values["cited"]),
        bool(values["status_right"]),
    )


def _place(values: Sequence[Any]) -> Place:
    case_id, section, start, end = values
    return str(case_id), str(section), int(start), int(end)


def score_sample(
    sample: Sequence[ReadSentence],
    sections_of: Callable[[str], Mapping[str, str]],
    verifier: Verifier,
    labeler: Labeler,
) -> SampleScores:
    """Score a sample.

    Args:
        sections_of: case id → section → text, as the corpus has it.
    """
    quotes = [quote for one in sample for quote in one.quotes]
    supporting = [quote for quote in quotes if quote.relation is Relation.SUPPORTS]
    against = [quote for quote in quotes if quote.relation is Relation.CONTRADICTS]
    still: list[bool] = []
    refused: list[bool] = []
    for one in sample:
        text = one.text or _copied(one.copy_of, sections_of)
        for quote in one.quotes:
            evidence = _evidence(quote.place, sections_of, labeler)
            links = verifier.verify([("findings", text)], evidence)[0].links
            taken = any(link.relation is Relation.SUPPORTS for link in links)
            if quote.relation is Relation.SUPPORTS and quote.right:
                still.append(taken)
            else:
                refused.append(not taken)
    return SampleScores(
        len(sample),
        len(quotes),
        _share([quote.right for quote in supporting]),
        _share([one.cited for one in sample]),
        _share([one.status_right for one in sample]),
        _share([quote.right for quote in against]),
        _share(still),
        _share(refused),
    )


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def _text(place: Place, sections_of: Callable[[str], Mapping[str, str]]) -> str:
    case_id, section, start, end = place
    return sections_of(case_id)[section][start:end]


def _copied(place: Place | None, sections_of: Callable[[str], Mapping[str, str]]) -> str:
    if place is None:
        raise ReportError("A sentence of the sample has neither a text nor a place.")
    return ENUMERATOR.sub("", _text(place, sections_of).strip())


def _evidence(place: Place, sections_of: Callable[[str], Mapping[str, str]], labeler: Labeler) -> tuple[Sentence, ...]:
    """Return the one sentence that a quote is."""
    return labeler.label_section(place[0], place[1], _text(place, sections_of))
