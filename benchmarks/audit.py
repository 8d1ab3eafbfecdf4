"""How long the retrieval audit of many queries takes beyond the search itself, over a workspace's index.

Queries are drawn with findings, truth and patients (three queries each) from fixed shares; what they find is the real
search for the first ``--searched`` of them, repeated for the others. Beside the time stands that of evaluating as many
of them as are searched with ir-measures (`radrag eval retrieval`), scaled to all.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from radrag.audit.retrieval import SEARCH, audit_retrieval
from radrag.audit.searched import Searched, search_all
from radrag.domain import ImageFinding
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.evaluation.retrieval import evaluate_retrieval
from radrag.reports.vocabulary import NIH
from radrag.retrieval.query import query_from_image
from radrag.settings import load_settings
from radrag.workspace import Workspace

DEPTH = 20
SHARE = 0.08
"""Of queries that show a finding, for each of NIH's 14."""


def drawn_queries(count: int, seed: int) -> list[EvaluationQuery]:
    """Return queries of drawn images, each with a truth of its own."""
    random = np.random.default_rng(seed)
    queries = []
    for number in range(count):
        there = random.random(len(NIH)) < SHARE
        seen = np.clip(random.beta(1, 9, len(NIH)) + 0.4 * there, 0, 1)
        findings = [ImageFinding(name, float(p), 0.4) for name, p in zip(NIH, seen, strict=True)]
        truth = {name: float(value) for name, value in zip(NIH, there, strict=True)}
        queries.append(EvaluationQuery(f"q{number:06d}", f"p{number // 3}", truth, query_from_image(findings)))
    return queries


def repeated(found: Searched, count: int) -> Searched:
    """Return what was found, as often as there are queries."""
    rows = np.arange(count) % len(found.hits)
    return replace(
        found,
        hits=found.hits[rows],
        scores=found.scores[rows],
        ranked=found.ranked[rows],
        channels={name: of[rows] for name, of in found.channels.items()},
        counts={name: of[rows] for name, of in found.counts.items()},
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True, help="one with an index")
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--searched", type=int, default=200)
    given = parser.parse_args()
    workspace = Workspace(load_settings(workspace=given.workspace))
    cases = workspace.snapshot.cases
    relevance = Relevance({name: case.labels for name, case in cases.items()})
    queries = drawn_queries(given.queries, seed=0)
    few = queries[: given.searched]
    start = time.perf_counter()
    found = search_all(few, workspace.retriever, relevance, depth=DEPTH)
    searching = (time.perf_counter() - start) / len(few)
    start, used = time.perf_counter(), time.process_time()
    result = audit_retrieval(queries, repeated(found, len(queries)), relevance, cases)
    clock, processor = time.perf_counter() - start, time.process_time() - used
    start = time.perf_counter()
    kept = {
        id(query.search): [relevance.ids[place] for place in row if place >= 0]
        for query, row in zip(few, found.hits.tolist(), strict=True)
    }
    scores = evaluate_retrieval(few, {SEARCH: lambda query: kept[id(query)]}, relevance, depth=DEPTH)
    slow = (time.perf_counter() - start) / len(few) * len(queries)
    same = abs(scores.overall.estimates[SEARCH]["nDCG@10"].mean - _ndcg(few, found, relevance, cases)) < 1e-9
    print(
        f"{len(queries):,} queries, {len(cases):,} cases, {len(result.sets)} sets of measures: audit {clock:.1f} s "
        f"(processor {processor:.1f} s) beyond retrieval ({1000 * searching:.1f} ms a query); "
        f"ir-measures would take {slow:.0f} s ({slow / clock:.0f} times); the same nDCG: {'yes' if same else 'NO'}"
    )
    return 0 if same else 1


def _ndcg(few: list[EvaluationQuery], found: Searched, relevance: Relevance, cases: object) -> float:
    result = audit_retrieval(few, found, relevance, cases, draws=2)  # type: ignore[arg-type]
    return result.sets[0].estimates[SEARCH]["nDCG@10"].mean


if __name__ == "__main__":
    sys.exit(main())
