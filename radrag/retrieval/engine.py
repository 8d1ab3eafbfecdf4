"""A query to hits: search every channel, drop what must not be found, fuse, explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from radrag.corpus.snapshot import LABELS, TEXT, Snapshot, encoder_identity
from radrag.domain import Hit
from radrag.encoders.base import TextEncoder
from radrag.index.manifest import Manifest
from radrag.reports.vocabulary import NAMES, NO_FINDING, report_order
from radrag.retrieval.channels import Channel, LabelChannel, TextChannel
from radrag.retrieval.fusion import Fused, reciprocal_rank
from radrag.retrieval.query import Query, report_names
from radrag.retrieval.selection import select

WEIGHTS = {"labels": 2.0, "text": 1.0}
"""Weights of the channels in fusion: sentence embeddings hardly tell "no effusion" from "effusion", labels do."""

DEPTH = 1000
"""How many cases each channel hands to fusion: deep enough to hold some for a finding that is rare beside others."""


class Retriever:
    """Searches one index snapshot.

    Args:
        snapshot: a loaded index.
        encoder: the text encoder that built it.

    Raises:
        BadIndex: the snapshot was built by another encoder or label set.
    """

    def __init__(self, snapshot: Snapshot, encoder: TextEncoder) -> None:
        snapshot.manifest.require(text_encoder=encoder_identity(encoder), labels=NAMES)
        self._snapshot = snapshot
        self._channels: Sequence[Channel] = (
            LabelChannel(snapshot.channels[LABELS]),
            TextChannel(snapshot.channels[TEXT], encoder),
        )

    @property
    def manifest(self) -> Manifest:
        """What is searched."""
        return self._snapshot.manifest

    def search(self, query: Query, k: int) -> tuple[Hit, ...]:
        """Return the ``k`` best cases; none of the excluded patient or cases is among them."""
        lists: dict[str, list[tuple[str, float]]] = {}
        for channel in self._channels:
            found = self._search_channel(channel, query, max(k, DEPTH))
            if found:
                lists[channel.name] = found
        wanted = [label for label in query.findings if label != NO_FINDING]
        chosen = select(reciprocal_rank(lists, weights=WEIGHTS), k, wanted, self._states)
        return tuple(
            Hit(item.id, rank, item.score, item.channels, self._why(item, query, lists))
            for rank, item in enumerate(chosen, start=1)
        )

    def _states(self, case_id: str, label: str) -> bool:
        labels = self._snapshot.cases[case_id].labels
        return any(labels.get(name, 0) > 0 for name in report_names(label))

    def _search_channel(self, channel: Channel, query: Query, depth: int) -> list[tuple[str, float]]:
        """Search deeper until enough cases are left after the exclusions, or there are no more."""
        fetch = depth
        while True:
            found = channel.search(query, fetch)
            kept = [pair for pair in found if not self._excluded(pair[0], query)]
            if len(kept) >= depth or len(found) < fetch:
                return kept[:depth]
            fetch *= 2

    def _excluded(self, case_id: str, query: Query) -> bool:
        if case_id in query.exclude_cases:
            return True
        return bool(query.exclude_patient) and self._snapshot.cases[case_id].patient_key == query.exclude_patient

    def _why(self, item: Fused, query: Query, lists: Mapping[str, Sequence[tuple[str, float]]]) -> str:
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


def _named(labels: Iterable[str]) -> str:
    names = sorted(labels, key=report_order)
    return ", ".join("no finding" if name == NO_FINDING else name.lower() for name in names)
