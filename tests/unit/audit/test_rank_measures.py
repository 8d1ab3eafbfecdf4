"""Measures as arrays are those of ir-measures, and the expectation of random orders is that of all orders."""

from itertools import permutations

import numpy as np
import pytest

from radrag.audit.rank_measures import judge_all
from radrag.audit.searched import NONE
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.ranking import RankingScorer
from radrag.evaluation.relevance import Relevance
from radrag.evaluation.retrieval import judge
from radrag.reports.vocabulary import NO_FINDING

LABELS = ("Edema", "Pneumonia", "Atelectasis", "Nodule", "Cardiomegaly")
DEPTH = 12


def drawn(seed, queries=12, cases=40):
    random = np.random.default_rng(seed)
    stated = {f"c:{n:02d}": {name: 1.0 for name in LABELS if random.random() < 0.3} for n in range(cases)}
    asked = [
        EvaluationQuery(
            f"q{n}",
            f"p{n % 5}",
            {name: float(random.random() < 0.3) for name in LABELS},
            None,
            frozenset(random.choice(list(stated), size=n % 4, replace=False).tolist()),
        )
        for n in range(queries)
    ]
    return Relevance(stated), asked, random


@pytest.mark.parametrize("seed", range(4))
def test_measures_are_those_of_ir_measures(seed):
    relevance, asked, random = drawn(seed)
    found = np.full((len(asked), DEPTH), NONE, dtype=np.int32)
    for row, query in enumerate(asked):
        could = [place for place, case in enumerate(relevance.ids) if case not in query.excluded]
        taken = random.permutation(could)[: random.integers(0, DEPTH + 1)]
        found[row, : len(taken)] = taken
    overall, by_label = judge_all(asked, relevance, {"search": found}, range(len(asked)))
    rankings = {
        query.query_id: [relevance.ids[place] for place in found[row] if place != NONE]
        for row, query in enumerate(asked)
    }
    gains = {query.query_id: judge(query, relevance) for query in asked}
    agree(overall, asked, RankingScorer(gains, depth=DEPTH).score(rankings))
    for label, judgements in by_label.items():
        of_label = {
            asked[row].query_id: {
                case: 100
                for case, stated in zip(relevance.ids, relevance.stating(label), strict=True)
                if (gains[asked[row].query_id].get(case) == 100 if label == NO_FINDING else stated)
                and case not in asked[row].excluded
            }
            for row in judgements.rows
        }
        agree(judgements, asked, RankingScorer(of_label, depth=DEPTH).score(rankings))


def agree(judgements, asked, expected):
    values = judgements.values(DEPTH)["search"]
    for place, row in enumerate(judgements.rows):
        for name, value in expected[asked[row].query_id].items():
            assert values[name][place] == pytest.approx(value, abs=1e-6), name


def test_random_is_the_mean_over_all_orders():
    stated = {f"c:{n}": {"Edema": 1.0} if n < 2 else {} for n in range(6)}
    relevance, query = Relevance(stated), EvaluationQuery("q", "p", {"Edema": 1.0, "Nodule": 0.0}, None)
    orders = list(permutations(range(6)))
    found = np.array(orders, dtype=np.int32)
    asked = [query] * len(orders)
    values = judge_all(asked, relevance, {"search": found}, range(len(orders)))[0].values(6)
    for name, expected in values["random"].items():
        assert values["search"][name].mean() == pytest.approx(expected[0]), name
