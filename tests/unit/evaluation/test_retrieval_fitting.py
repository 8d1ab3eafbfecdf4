"""Weights are taken only where they help; the risk of a majority follows what was seen."""

import numpy as np

from radrag.domain import ImageFinding
from radrag.evaluation.fitting import fit_risk, fit_weights, fold_of
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.retrieval.fusion import weighted_scores
from radrag.retrieval.query import query_from_image
from radrag.retrieval.ranked import Ranked
from radrag.retrieval.weights import WEIGHTS

CASES = {f"t:{n:02d}": {"Hernia": 1.0} if n < 10 else {"Edema": 1.0} for n in range(20)}
IDS = list(CASES)
BY_ID = np.arange(len(IDS))


def ranked(score):
    """Return all cases by the scores of their labels."""
    scores = np.array([score(labels) for labels in CASES.values()])
    order = np.argsort(-scores, kind="stable")
    return Ranked(order, scores[order])


LABELS = ranked(lambda _: 0.5)


class FixedRankings:
    """A retriever that finds the same whatever it is asked."""

    def __init__(self, weights=WEIGHTS, **lists):
        self.weights = weights
        self.lists = lists

    def with_parts(self, *, weights):
        return FixedRankings(weights, **self.lists)

    def rankings(self, query, depth, *, names=None):
        return {name: found for name, found in self.lists.items() if names is None or name in names}

    def ranked(self, query, lists, k):
        return weighted_scores(lists, BY_ID, weights=self.weights.of(query))

    def ids(self, found):
        return [IDS[row] for row in found.rows]

    def states(self, rows, label):
        return np.array([CASES[IDS[row]].get(label, 0) > 0 for row in rows])


def query(number, truth, probability=0.5):
    findings = [ImageFinding("Hernia", probability, 0.5, True), ImageFinding("Edema", 1 - probability, 0.5, True)]
    return EvaluationQuery(f"q{number}", f"p{number}", truth, query_from_image(findings))


EDEMA = {"Edema": 1.0, "Hernia": 0.0}
HERNIA = {"Edema": 0.0, "Hernia": 1.0}


def fitted(score, patients=10):
    queries = [query(number, EDEMA) for number in range(patients)]
    return fit_weights(queries, FixedRankings(labels=LABELS, text=ranked(score)), Relevance(CASES))


def test_a_channel_that_orders_better_gets_a_weight_and_gains_on_patients_it_was_not_fitted_to():
    found = fitted(lambda labels: float("Edema" in labels))
    assert found.weights["text"] > 0
    assert (found.queries, found.patients, found.after) == (10, 10, 1.0)
    assert found.before < 0.5
    assert found.gain.low > 0.5


def test_a_channel_that_orders_worse_or_not_at_all_gets_none_and_gains_nothing():
    for score in (lambda labels: float("Hernia" in labels), lambda _: 0.5):
        found = fitted(score)
        assert found.weights == WEIGHTS.image  # no query had an image or a profile to learn from
        assert found.gain.mean == 0


def test_one_patient_and_queries_that_ask_otherwise_fit_nothing():
    assert fitted(lambda _: 0.5, patients=1) is None
    queries = [query(number, EDEMA) for number in range(5)]
    assert fit_weights(queries, FixedRankings(labels=LABELS), Relevance(CASES), words=True) is None


def test_a_patient_is_in_one_fold():
    folds = fold_of(["a", "b", "a", "c", "b"])
    assert folds[0] == folds[2]
    assert folds[1] == folds[4]


def test_what_is_likelier_by_the_image_is_likelier_there():
    """All hits state a hernia; it is there where the image says so."""
    random = np.random.default_rng(0)
    queries = [
        query(number, HERNIA if random.random() < chance else EDEMA, chance)
        for number, chance in enumerate(random.uniform(0.05, 0.95, size=400))
    ]
    risk = fit_risk(queries, FixedRankings(labels=LABELS), bound=0.2, most=10)
    assert risk.of_probability > 0
    assert abs(risk.chance(0.5, 1.0) - 0.5) < 0.1
    assert abs(risk.chance(0.9, 1.0) - 0.9) < 0.1


def test_without_any_majority_nothing_is_learnt():
    risk = fit_risk([], FixedRankings(labels=LABELS), bound=0.2)
    assert risk.chance(0.9, 1.0) == 0.5
