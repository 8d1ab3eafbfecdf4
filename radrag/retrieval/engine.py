"""A query to hits: search every channel, drop what must not be found, fuse, select, explain."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

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
from radrag.retrieval.rerank import AgreementReranker, Reranker
from radrag.retrieval.selection import AT_LEAST, FixedCount, Selector, select
from radrag.retrieval.weights import WEIGHTS, Weights

DEPTH = 1000
"""How many cases each channel hands to fusion: deep enough to hold some for a finding that is rare beside others."""


class Retriever:
    """Searches one index snapshot.

    Args:
        snapshot: a loaded index.
        encoder: the text encoder that built it.
        weights: of the channels in fusion; :func:`radrag.retrieval.weights.load_weights` reads an index's own.
        reranker: orders the best of what was fused; default by sides, sex, age and view.
        selector: says how many become hits; default as many as asked for.

    Raises:
        BadIndex: the snapshot was built by another encoder or label set.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        encoder: TextEncoder,
        *,
        weights: Weights = WEIGHTS,
        reranker: Reranker | None = None,
        selector: Selector | None = None,
    ) -> None:
        snapshot.manifest.require(text_encoder=encoder_identity(encoder), labels=NAMES)
        self._snapshot = snapshot
        self._weights = weights
        self._reranker = reranker or AgreementReranker(snapshot.cases)
        self._selector = selector or FixedCount()
        self._stating: dict[str, np.ndarray] = {}  # label → bool [patterns]
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

    @property
    def weights(self) -> Weights:
        """How much each channel counts."""
        return self._weights

    def search(self, query: Query, k: int) -> tuple[Hit, ...]:
        """Return the best cases, ``k`` or as many as the selector says.

        None of the excluded patient or cases is among them, and no text twice.
        """
        weights = self._weights.of(query)
        lists = self.rankings(query, max(k, DEPTH), names=[name for name, weight in weights.items() if weight > 0])
        ranked = self.ranked(query, lists)
        wanted = [label for label in query.findings if label != NO_FINDING]
        count = self._selector.count(ranked, k, {} if query.typed else query.probabilities, self.states)
        chosen = select(ranked, min(k, max(count, AT_LEAST * len(wanted))), wanted, self.states)
        return tuple(
            Hit(item.id, rank, item.score, item.channels, self._why(item, query, lists))
            for rank, item in enumerate(chosen, start=1)
        )

    def ranked(self, query: Query, lists: Mapping[str, Sequence[Neighbour]]) -> list[Fused]:
        """Return what the channels found, fused, without twins, and re-ranked: what hits are selected from."""
        fused = weighted_scores(lists, weights=self._weights.of(query))
        return self._reranker.rerank(self.without_twins(fused), query)

    def with_parts(
        self, *, weights: Weights | None = None, reranker: Reranker | None = None, selector: Selector | None = None
    ) -> Retriever:
        """Return a retriever of the same index with other parts; None keeps a part."""
        other = copy.copy(self)
        other._weights = weights or self._weights
        other._reranker = reranker or self._reranker
        other._selector = selector or self._selector
        return other

    def rankings(self, query: Query, depth: int, *, names: Collection[str] | None = None) -> dict[str, list[Neighbour]]:
        """Return what each channel finds that may be found; channels that the query has nothing for are left out.

        Args:
            names: of the channels that are searched; None for all.
        """
        may = self._filter(query)
        wanted = [channel for channel in self.channels if names is None or channel.name in names]
        found = {channel.name: _search(channel, query, depth, may) for channel in wanted}
        return {name: ranked for name, ranked in found.items() if ranked}

    def _filter(self, query: Query) -> Callable[[str], bool]:
        cases = self._snapshot.cases
        allowed = cases.allowed(query.filters, exclude_patient=query.exclude_patient)

        def may(case_id: str) -> bool:
            return case_id not in query.exclude_cases and (allowed is None or bool(allowed[cases.row(case_id)]))

        return may

    def without_twins(self, fused: Sequence[Fused]) -> list[Fused]:
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

    def states(self, case_id: str, label: str) -> bool:
        """Return whether a case states a label, as there or possible, under any of its wordings."""
        cases = self._snapshot.cases
        if label not in self._stating:  # for each pattern, since that is asked of thousands of cases
            places = [NAMES.index(name) for name in report_names(label)]
            self._stating[label] = np.any(cases.patterns[:, places] > 0, axis=1)
        return bool(self._stating[label][cases.pattern[cases.row(case_id)]])

    def alike(self, one: str, other: str) -> float:
        """Return the likeness of what two cases state, in [0, 1]: shared over all labels (Jaccard); 1 for none."""
        cases = self._snapshot.cases
        first, second = (cases.patterns[cases.pattern[cases.row(name)]] > 0 for name in (one, other))
        either = np.count_nonzero(first | second)
        return float(np.count_nonzero(first & second) / either) if either else 1.0

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
