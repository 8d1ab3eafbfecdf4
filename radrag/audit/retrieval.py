"""What retrieval does over a set of queries: how well, by which channels, how surely, and whether that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radrag.audit.agreement import Agreement, agreements
from radrag.audit.drift import Block, blocks_of, drift
from radrag.audit.hubs import HubScores, count_hubs
from radrag.audit.rank_measures import Judgements, judge_all
from radrag.audit.searched import NONE, FloatArray, Searched
from radrag.audit.selecting import Selection, selection
from radrag.corpus.catalogue import Catalogue
from radrag.errors import UsageError
from radrag.evaluation.intervals import Estimate, PatientBootstrap
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.reports.vocabulary import NAMES, report_order
from radrag.retrieval.selection import log_odds

SCHEMA = "radrag.audit_retrieval/1"
SEARCH = "search"
DRAWS = 1000
PERCENTILES = (5, 25, 50, 75, 95)
OVERALL, ABNORMAL = "all queries", "with a finding"
RARE = 30
"""Queries below which a finding's scores are shown but raise no flag."""


@dataclass(frozen=True, slots=True)
class MeasureSet:
    """Scores of one set of queries.

    Attributes:
        name: :data:`OVERALL`, :data:`ABNORMAL`, or a label (a case is then relevant when it states it).
        relevant: mean number of relevant cases a query.
        estimates: variant (``search``, ``random``, a channel's name) → measure → mean and interval.
        gain: of the search over random orders in each measure, paired.
    """

    name: str
    queries: int
    patients: int
    relevant: float
    estimates: Mapping[str, Mapping[str, Estimate]]
    gain: Mapping[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "queries": self.queries,
            "patients": self.patients,
            "relevant": self.relevant,
            "variants": {
                variant: {name: one.as_dict() for name, one in of.items()} for variant, of in self.estimates.items()
            },
            "gain_over_random": {name: one.as_dict() for name, one in self.gain.items()},
        }


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles 5, 25, 50, 75 and 95 of the scores of one kind of hit; None where there are none."""

    name: str
    count: int
    percentiles: tuple[float | None, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "count": self.count,
            "percentiles": dict(zip(PERCENTILES, self.percentiles, strict=True)),
        }


@dataclass(frozen=True, slots=True)
class Abstentions:
    """Queries that retrieval did not answer, or answered without a question.

    Attributes:
        failed: code of the refusal → queries whose image was refused.
        empty: searched, and nothing was found.
        no_finding: the image shows no finding above its threshold: the search asks for normal reports.
        unjudged: without a known truth; in no score.
    """

    queries: int
    failed: Mapping[str, int]
    empty: int
    no_finding: int
    unjudged: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "queries": self.queries,
            "failed": dict(self.failed),
            "empty": self.empty,
            "no_finding": self.no_finding,
            "unjudged": self.unjudged,
        }


@dataclass(frozen=True, slots=True)
class RetrievalAudit:
    """Everything that the audit found; ``sets`` begins with all queries, then those with a finding, then by finding."""

    depth: int
    cases: int
    sets: tuple[MeasureSet, ...]
    scores: tuple[Spread, ...]
    agreement: tuple[Agreement, ...]
    selection: tuple[Selection, ...]
    abstentions: Abstentions
    drift: tuple[Block, ...]
    hubs: HubScores

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": SCHEMA,
            "depth": self.depth,
            "cases": self.cases,
            "measures": [one.as_dict() for one in self.sets],
            "scores": [one.as_dict() for one in self.scores],
            "agreement": [one.as_dict() for one in self.agreement],
            "selection": [one.as_dict() for one in self.selection],
            "abstentions": self.abstentions.as_dict(),
            "drift": [one.as_dict() for one in self.drift],
            "hubs": self.hubs.as_dict(),
        }


def audit_retrieval(
    queries: Sequence[EvaluationQuery],
    searched: Searched,
    relevance: Relevance,
    cases: Catalogue,
    *,
    dates: Sequence[str] = (),
    seed: int = 0,
    draws: int = DRAWS,
) -> RetrievalAudit:
    """Audit what was found.

    Args:
        queries: in the manifest's order.
        searched: of these queries, see :func:`radrag.audit.searched.search_all`.
        relevance: of the index's cases.
        cases: of the index.
        dates: ISO 8601 date of each query; empty ones are unknown. None at all: drift by the manifest's order.
        seed: of bootstrap, permutations and random results.
        draws: of the bootstrap.

    Raises:
        UsageError: no query has a known truth.
    """
    judged = [row for row, query in enumerate(queries) if query.truth]
    if not judged:
        raise UsageError("No query has a known label.", hint="Fill label columns, or give texts that state findings.")
    depth = searched.hits.shape[1]
    found = {SEARCH: searched.hits, **searched.channels}
    overall, by_label = judge_all(queries, relevance, found, judged)
    abnormal = {row for row in judged if any(queries[row].truth.values())}
    patients = [query.patient for query in queries]
    sets = [_scored(OVERALL, overall, patients, depth, (draws, seed))]
    if abnormal and len(abnormal) < len(judged):
        sets.append(_scored(ABNORMAL, overall, patients, depth, (draws, seed), only=abnormal))
    sets += [
        _scored(label, by_label[label], patients, depth, (draws, seed)) for label in sorted(by_label, key=report_order)
    ]
    first = searched.scores[:, 0]
    ids = np.array(relevance.ids)
    rankings = [ids[row[row != NONE]].tolist() for row in searched.hits]
    return RetrievalAudit(
        depth,
        len(cases),
        tuple(sets),
        _spreads(searched),
        agreements(found),
        tuple(
            selection(name, queries, searched, relevance, rows=judged, bootstrap=(draws, seed))
            for name in searched.counts
        ),
        _abstentions(queries, searched),
        drift(blocks_of(dates or [""] * len(queries)), patients, query_vectors(queries), first, seed=seed),
        count_hubs(rankings, cases, depth=depth, seed=seed),
    )


def query_vectors(queries: Sequence[EvaluationQuery]) -> FloatArray:
    """Return what the encoder says of each query, float64 [n, d].

    The image's vector where all that were searched have one; else the log-odds of the findings' probabilities (0 where
    a label was not assessed). NaN for a query that was not searched.
    """
    searches = [query.search for query in queries]
    vectors = [search.image for search in searches if search is not None]
    if vectors and all(vector is not None for vector in vectors):
        size = len(vectors[0]) if vectors[0] is not None else 0
        empty = np.full(size, np.nan)
        rows = [empty if search is None or search.image is None else search.image for search in searches]
        return np.array(rows, dtype=np.float64).reshape(len(rows), size)
    labels = [name for name in NAMES if any(search and name in search.probabilities for search in searches)]
    return np.array(
        [
            [np.nan] * len(labels)
            if search is None
            else [log_odds(search.probabilities[name]) if name in search.probabilities else 0.0 for name in labels]
            for search in searches
        ],
        dtype=np.float64,
    ).reshape(len(searches), len(labels))


def _scored(
    name: str,
    judgements: Judgements,
    patients: Sequence[str],
    depth: int,
    bootstrap: tuple[int, int],
    *,
    only: set[int] | None = None,
) -> MeasureSet:
    kept = np.array([only is None or row in only for row in judgements.rows], dtype=bool)
    rows = np.array(judgements.rows)[kept]
    values = {
        variant: {measure: row[kept] for measure, row in of.items()} for variant, of in judgements.values(depth).items()
    }
    paired = PatientBootstrap([patients[row] for row in rows], draws=bootstrap[0], seed=bootstrap[1])
    return MeasureSet(
        name,
        len(rows),
        paired.patients,
        float(np.array(judgements.relevant)[kept].mean()),
        {variant: {measure: paired.mean(row) for measure, row in of.items()} for variant, of in values.items()},
        {measure: paired.mean(row - values["random"][measure]) for measure, row in values[SEARCH].items()},
    )


def _spreads(searched: Searched) -> tuple[Spread, ...]:
    places = [1, *(k for k in (5, 10, 20) if k <= searched.scores.shape[1])]
    kinds = {f"hit {k}": searched.scores[:, k - 1] for k in places}
    kinds["random pair"] = searched.random_scores
    spreads = []
    for name, values in kinds.items():
        known = values[~np.isnan(values)]
        at = [float(value) for value in np.percentile(known, PERCENTILES)] if len(known) else [None] * len(PERCENTILES)
        spreads.append(Spread(name, len(known), tuple(at)))
    return tuple(spreads)


def _abstentions(queries: Sequence[EvaluationQuery], searched: Searched) -> Abstentions:
    failed: dict[str, int] = {}
    for query in queries:
        if query.failure:
            failed[query.failure] = failed.get(query.failure, 0) + 1
    asked = [query.search is not None for query in queries]
    return Abstentions(
        len(queries),
        failed,
        sum(known and row[0] == NONE for known, row in zip(asked, searched.hits.tolist(), strict=True)),
        sum(query.search is not None and not query.search.typed and not query.search.findings for query in queries),
        sum(not query.truth for query in queries),
    )
