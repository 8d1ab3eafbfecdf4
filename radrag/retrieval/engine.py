"""A query to hits: search every channel, drop what must not be found, fuse, select, explain."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping

import numpy as np

from radrag.corpus.catalogue import Catalogue
from radrag.corpus.snapshot import IMAGE, SHARED, SHARED_IMAGES, TEXT, VECTORS, Snapshot, encoder_identity
from radrag.domain import Hit
from radrag.encoders.base import TextEncoder
from radrag.index.manifest import Manifest
from radrag.reports.vocabulary import NAMES, NO_FINDING, report_order
from radrag.reports.wordings import report_names
from radrag.retrieval.channels import Channel, ScoringChannel
from radrag.retrieval.channels.findings import FindingsChannel
from radrag.retrieval.channels.image import ImageChannel
from radrag.retrieval.channels.lexical import LexicalChannel
from radrag.retrieval.channels.profile import ProfileChannel
from radrag.retrieval.channels.shared import SharedChannel
from radrag.retrieval.channels.text import TextChannel
from radrag.retrieval.fusion import weighted_scores
from radrag.retrieval.query import Query
from radrag.retrieval.ranked import DECIMALS, BoolArray, FloatArray, IntArray, Ranked, joined_rows, ordered
from radrag.retrieval.rerank import AgreementReranker, Reranker
from radrag.retrieval.selection import FixedCount, Selector, cases_wanted, select
from radrag.retrieval.weights import WEIGHTS, Weights

DEPTH = 1000
"""How many cases a channel hands to fusion: deep enough to hold some for a finding that is rare beside others."""

NEAREST = 200
"""The same for channels that search vectors: an approximate index looks far longer for a thousand, and none of them
became a better hit (docs/retrieval.md)."""


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
        self._stating: dict[str, BoolArray] = {}  # label → bool [patterns]
        self._findings = FindingsChannel(snapshot.cases)
        self._profile = ProfileChannel(snapshot.cases)
        channels: list[Channel] = [
            self._findings,
            self._profile,
            TextChannel(snapshot.vectors[TEXT], encoder, snapshot.cases),
            LexicalChannel(snapshot.lexical, snapshot.cases),
        ]
        if IMAGE in snapshot.vectors:
            channels.append(ImageChannel(snapshot.vectors[IMAGE], snapshot.cases))
        if snapshot.alignment:
            reports, images = snapshot.vectors[SHARED], snapshot.vectors.get(SHARED_IMAGES)
            channels.append(SharedChannel(reports, images, snapshot.alignment, encoder, snapshot.cases))
        self.channels: tuple[Channel, ...] = tuple(channels)

    @property
    def manifest(self) -> Manifest:
        """What is searched."""
        return self._snapshot.manifest

    @property
    def cases(self) -> Catalogue:
        """The cases that are searched, by id."""
        return self._snapshot.cases

    @property
    def weights(self) -> Weights:
        """How much each channel counts."""
        return self._weights

    def search(self, query: Query, k: int) -> tuple[Hit, ...]:
        """Return the best cases, ``k`` or as many as the selector says.

        None of the excluded patient or cases is among them, and no text twice.
        """
        weights = self._weights.of(query)
        lists = self.rankings(query, k, names=[name for name, weight in weights.items() if weight > 0])
        fused = self.fused(query, lists)
        chosen = self.chosen(query, self._reranker.rerank(self._with_rare(query, fused, lists, k), query), k)
        return tuple(
            Hit(
                self._snapshot.cases.ids[row],
                rank,
                round(score, DECIMALS),
                _places(row, lists),
                self._why(row, rank, query, fused, lists),
            )
            for rank, (row, score) in enumerate(zip(chosen.rows.tolist(), chosen.scores.tolist(), strict=True), start=1)
        )

    def ranked(self, query: Query, lists: Mapping[str, Ranked], k: int) -> Ranked:
        """Return what the channels found, fused, without twins, and re-ranked: what hits are selected from."""
        return self._reranker.rerank(self._with_rare(query, self.fused(query, lists), lists, k), query)

    def chosen(self, query: Query, ranked: Ranked, k: int) -> Ranked:
        """Return the hits of what was ranked: ``k`` or as many as the selector says, some for each finding."""
        wanted = self.wanted(query, k)
        count = self._selector.count(ranked, k, {} if query.typed else query.probabilities, self.states)
        return select(ranked, min(k, max(count, sum(wanted.values()))), wanted, self.states)

    def fused(self, query: Query, lists: Mapping[str, Ranked]) -> Ranked:
        """Return what the channels found, fused and without twins.

        Findings are compared for what another channel found, too: how far a channel looks must not decide.
        """
        cases = self._snapshot.cases
        rows = joined_rows(list(lists.values()))
        scoring = {channel.name: channel for channel in self._scoring}
        complete = {
            name: ordered(rows, scoring[name].scores(query)[rows], cases.by_id) if name in scoring else found
            for name, found in lists.items()
        }
        return self.without_twins(weighted_scores(complete, cases.by_id, weights=self._weights.of(query)))

    @property
    def _scoring(self) -> tuple[ScoringChannel, ...]:
        return (self._findings, self._profile)

    def wanted(self, query: Query, k: int) -> dict[str, int]:
        """Return how many of ``k`` hits should state each finding that is asked for."""
        return cases_wanted({name: query.weights[name] for name in query.findings if name != NO_FINDING}, k)

    def _with_rare(self, query: Query, fused: Ranked, lists: Mapping[str, Ranked], k: int) -> Ranked:
        """Add the best cases of findings that too few of those found state: no channel looks deep enough for all."""
        rare = {
            name: count for name, count in self.wanted(query, k).items() if self.states(fused.rows, name).sum() < count
        }
        if not rare or not len(fused):
            return fused
        may, every = self.may_be_found(query), np.arange(len(self.cases))
        groups = [
            (self.states(every, name) if may is None else self.states(every, name) & may, count)
            for name, count in rare.items()
        ]
        rows = np.setdiff1d(joined_rows(self._findings.search_within(query, groups)), fused.rows)
        weights = {name: weight for name, weight in self._weights.of(query).items() if name in lists}
        scores = np.zeros(len(rows))
        for channel in self._scoring:
            share = weights.get(channel.name, 0.0) / (sum(weights.values()) or 1.0)
            scores += share * np.clip(channel.scores(query)[rows], 0.0, 1.0)
        added = ordered(rows, scores, self.cases.by_id)
        return self.without_twins(
            Ranked(np.concatenate([fused.rows, added.rows]), np.concatenate([fused.scores, added.scores]))
        )

    def with_parts(
        self, *, weights: Weights | None = None, reranker: Reranker | None = None, selector: Selector | None = None
    ) -> Retriever:
        """Return a retriever of the same index with other parts; None keeps a part."""
        other = copy.copy(self)
        other._weights = weights or self._weights
        other._reranker = reranker or self._reranker
        other._selector = selector or self._selector
        return other

    def rankings(self, query: Query, k: int, *, names: Collection[str] | None = None) -> dict[str, Ranked]:
        """Return what each channel finds that may be found; channels that the query has nothing for are left out.

        Args:
            query: what is searched for.
            k: how many hits there may be; channels look deeper than that, see :data:`DEPTH`.
            names: of the channels that are searched; None for all.
        """
        may = self.may_be_found(query)
        wanted = [channel for channel in self.channels if names is None or channel.name in names]
        found = {
            channel.name: channel.search(query, max(k, NEAREST if channel.name in VECTORS else DEPTH), may)
            for channel in wanted
        }
        return {name: ranked for name, ranked in found.items() if len(ranked)}

    def may_be_found(self, query: Query) -> BoolArray | None:
        """Return which cases a query may find, bool [all rows]; None where all may be found."""
        return self._snapshot.cases.allowed(
            query.filters, exclude_patient=query.exclude_patient, exclude_cases=query.exclude_cases
        )

    def without_twins(self, ranked: Ranked) -> Ranked:
        """Keep the first of the cases whose reports say the same in the same words: ten copies are one witness."""
        first = np.unique(self._snapshot.cases.twin[ranked.rows], return_index=True)[1]
        return ranked.at(np.sort(first))

    def ids(self, ranked: Ranked) -> list[str]:
        """Return the ids of ranked cases."""
        return [self._snapshot.cases.ids[row] for row in ranked.rows.tolist()]

    def states(self, rows: IntArray, label: str) -> BoolArray:
        """Return which cases state a label, as there or possible, under any of its wordings: bool [rows]."""
        cases = self._snapshot.cases
        if label not in self._stating:
            places = [NAMES.index(name) for name in report_names(label)]
            self._stating[label] = np.any(cases.patterns[:, places] > 0, axis=1)
        stated: BoolArray = self._stating[label][cases.pattern[rows]]
        return stated

    def alike(self, rows: IntArray) -> FloatArray:
        """Return the likeness of what cases state, float64 [rows, rows] in [0, 1]: shared over all labels (Jaccard).

        1 where neither states anything.
        """
        cases = self._snapshot.cases
        stated = (cases.patterns[cases.pattern[rows]] > 0).astype(np.float64)
        both = stated @ stated.T
        sizes = stated.sum(axis=1)
        either = sizes[:, None] + sizes[None] - both
        return np.where(either > 0, both / np.maximum(either, 1), 1.0)

    def _why(self, row: int, rank: int, query: Query, fused: Ranked, lists: Mapping[str, Ranked]) -> str:
        """Say in one line what the case shares with the query, what it lacks, and how each step ranked it."""
        labels = self._snapshot.cases.labels(row)
        stated = [label for label, weight in labels.items() if weight > 0]
        denied = _named(label for label, weight in labels.items() if weight < 0 and query.weights.get(label, 0) > 0)
        shared = _named(label for label in stated if query.weights.get(label, 0) > 0)
        other = _named(label for label in stated if query.weights.get(label, 0) <= 0 and query.weights)
        parts = [
            f"{verb} {names}"
            for verb, names in (("shares", shared), ("also states", other), ("denies", denied))
            if names
        ]
        parts += self._reranker.reasons(row, query)
        before = fused.place(row)
        if before is not None and before + 1 != rank:
            parts.append(f"{'up' if before + 1 > rank else 'down'} from rank {before + 1}")
        for name in sorted(lists):
            place = lists[name].place(row)
            parts.append(
                f"{name}: not in the first {len(lists[name])}" if place is None else f"{name}: rank {place + 1}"
            )
        return "; ".join(parts)


def _places(row: int, lists: Mapping[str, Ranked]) -> dict[str, tuple[int, float]]:
    """Return channel → rank from 1 and score of a case, for the channels that found it."""
    places = {name: ranked.place(row) for name, ranked in lists.items()}
    return {name: (place + 1, float(lists[name].scores[place])) for name, place in places.items() if place is not None}


def _named(labels: Iterable[str]) -> str:
    names = sorted(labels, key=report_order)
    return ", ".join("no finding" if name == NO_FINDING else name.lower() for name in names)
