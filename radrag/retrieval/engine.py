"""A query to hits: search every channel, drop what must not be found, fuse, select, explain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from radrag.corpus.snapshot import IMAGE, TEXT, Snapshot, encoder_identity
from radrag.domain import Hit
from radrag.encoders.base import TextEncoder
from radrag.index.base import Neighbour
from radrag.index.manifest import Manifest
from radrag.reports.vocabulary import NAMES, NO_FINDING, report_order
from radrag.reports.wordings import report_names
from radrag.retrieval.channels import Channel
from radrag.retrieval.channels.findings import FindingsChannel
from radrag.retrieval.channels.image import ImageChannel
from radrag.retrieval.channels.lexical import LexicalChannel
from radrag.retrieval.channels.text import TextChannel
from radrag.retrieval.fusion import Fused, weighted_scores
from radrag.retrieval.query import Query
from radrag.retrieval.selection import select

WEIGHTS = {"labels": 1.0, "image": 0.2, "lexical": 0.1, "text": 0.1}
"""Weights of the channels: findings decide, the others order cases that fit alike (ablation: docs/retrieval.md)."""

DEPTH = 1000
"""How many cases each channel hands to fusion: deep enough to hold some for a finding that is rare beside others."""


class Retriever:
    """Searches one index snapshot.

    Args:
        snapshot: a loaded index.
        encoder: the text encoder that built it.
        weights: channel name → weight in fusion.

    Raises:
        BadIndex: the snapshot was built by another encoder or label set.
    """

    def __init__(self, snapshot: Snapshot, encoder: TextEncoder, *, weights: Mapping[str, float] = WEIGHTS) -> None:
        snapshot.manifest.require(text_encoder=encoder_identity(encoder), labels=NAMES)
        self._snapshot = snapshot
        self._weights = weights
        channels: list[Channel] = [
            FindingsChannel(snapshot.cases),
            TextChannel(snapshot.vectors[TEXT], encoder),
            LexicalChannel(snapshot.lexical, snapshot.cases.ids),
        ]
        if IMAGE in snapshot.vectors:
            channels.append(ImageChannel(snapshot.vectors[IMAGE]))
        self.channels: tuple[Channel, ...] = tuple(channels)

    @property
    def manifest(self) -> Manifest:
        """What is searched."""
        return self._snapshot.manifest

    def search(self, query: Query, k: int) -> tuple[Hit, ...]:
        """Return the ``k`` best cases; none of the excluded patient or cases is among them, and no text twice."""
        lists = self.rankings(query, max(k, DEPTH))
        fused = self._without_twins(weighted_scores(lists, weights=self._weights))
        wanted = [label for label in query.findings if label != NO_FINDING]
        chosen = select(fused, k, wanted, self._states)
        return tuple(
            Hit(item.id, rank, item.score, item.channels, self._why(item, query, lists))
            for rank, item in enumerate(chosen, start=1)
        )

    def rankings(self, query: Query, depth: int) -> dict[str, list[Neighbour]]:
        """Return what each channel finds that may be found; channels that the query has nothing for are left out."""
        may = self._filter(query)
        found = {channel.name: _search(channel, query, depth, may) for channel in self.channels}
        return {name: ranked for name, ranked in found.items() if ranked}

    def _filter(self, query: Query) -> Callable[[str], bool]:
        cases = self._snapshot.cases
        allowed = cases.allowed(query.filters, exclude_patient=query.exclude_patient)

        def may(case_id: str) -> bool:
            return case_id not in query.exclude_cases and (allowed is None or bool(allowed[cases.row(case_id)]))

        return may

    def _without_twins(self, fused: Sequence[Fused]) -> list[Fused]:
        """Keep the first of the cases whose reports say the same in the same words: ten copies are one witness."""
        cases = self._snapshot.cases
        seen: set[int] = set()
        kept = []
        for item in fused:
            twin = int(cases.twin[cases.row(item.id)])
            if twin not in seen:
                seen.add(twin)
                kept.append(item)
        return kept

    def _states(self, case_id: str, label: str) -> bool:
        labels = self._snapshot.cases[case_id].labels
        return any(labels.get(name, 0) > 0 for name in report_names(label))

    def _why(self, item: Fused, query: Query, lists: Mapping[str, Sequence[Neighbour]]) -> str:
        """Say in one line what the case shares with the query, what it lacks, and how each channel ranked it."""
        labels = self._snapshot.cases[item.id].labels
        stated = [label for label, weight in labels.items() if weight > 0]
        denied = _named(label for label, weight in labels.items() if weight < 0 and query.weights.get(label, 0) > 0)
        shared = _named(label for label in stated if query.weights.get(label, 0) > 0)
        other = _named(label for label in stated if query.weights.get(label, 0) <= 0 and query.weights)
        parts = []
        if shared:
            parts.append(f"shares {shared}")
        if other:
            parts.append(f"also states {other}")
        if denied:
            parts.append(f"denies {denied}")
        for name in sorted(lists):
            place = (
                f"rank {item.channels[name][0]}" if name in item.channels else f"not in the first {len(lists[name])}"
            )
            parts.append(f"{name}: {place}")
        return "; ".join(parts)


def _search(channel: Channel, query: Query, depth: int, may: Callable[[str], bool]) -> list[Neighbour]:
    """Search deeper until enough cases are left that may be found, or there are no more."""
    fetch = depth
    while True:
        found = channel.search(query, fetch)
        kept = [pair for pair in found if may(pair[0])]
        if len(kept) >= depth or len(found) < fetch:
            return kept[:depth]
        fetch *= 2


def _named(labels: Iterable[str]) -> str:
    names = sorted(labels, key=report_order)
    return ", ".join("no finding" if name == NO_FINDING else name.lower() for name in names)
