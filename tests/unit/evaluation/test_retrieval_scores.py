"""Scores of retrieval: own cases never count, failures count 0, baselines stand beside every variant."""

import json

import pytest

from radrag.errors import UsageError
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.relevance import Relevance
from radrag.evaluation.retrieval import evaluate_retrieval
from radrag.evaluation.retrieval_files import scores_as_dict, write_evaluation, write_plots
from radrag.retrieval.query import Query

EDEMA, HERNIA, NOTHING = {"Edema": 1.0, "Lung Opacity": 1.0}, {"Hernia": 1.0}, {"No Finding": 1.0}
CASES = {
    **{f"t:e{number:02d}": EDEMA for number in range(12)},
    **{f"t:h{number:02d}": HERNIA for number in range(12)},
    **{f"t:n{number:02d}": NOTHING for number in range(26)},
}
RELEVANCE = Relevance(CASES)


def query(number, *there, patient="", excluded=(), own=(), failure=""):
    truth = {name: float(name in there) for name in ("Edema", "Hernia")}
    search = (
        None if failure else Query({name: 1.0 for name in there}, " ".join(there), exclude_cases=frozenset(excluded))
    )
    return EvaluationQuery(
        f"q{number}", patient or f"p{number}", truth, search, frozenset(excluded), tuple(own), failure
    )


def right(asked):
    """Return cases that state what is asked for, by id."""
    return [case for case, labels in CASES.items() if all(name in labels for name in asked.weights)]


def evaluated(queries, **searches):
    named = {"right": right, "channel none": lambda _: [], **searches}
    return evaluate_retrieval(queries, named, RELEVANCE, depth=10, draws=200)


def mean(table, variant, measure="nDCG@10"):
    return table.estimates[variant][measure].mean


def test_a_search_that_finds_what_is_stated_is_as_good_as_the_oracle_and_better_than_random():
    scores = evaluated([query(1, "Edema"), query(2, "Hernia")])
    assert mean(scores.overall, "right") == mean(scores.overall, "oracle") == 1
    assert 0 < mean(scores.overall, "random") < 0.6
    assert mean(scores.overall, "channel none") == 0


def test_the_patients_own_case_never_counts():
    own = [case for case in CASES if case.startswith("t:e")]
    scores = evaluated([query(1, "Edema", excluded=own)])
    assert mean(scores.overall, "right", "P@5") == 0
    assert mean(scores.overall, "random", "P@5") == 0
    assert mean(scores.overall, "oracle") == 0
    assert scores.overall.relevant == scores.findings["Edema"].relevant == 0
    assert scores.excluded == 12
    assert not set(own) & set(scores.rankings["right"]["q1"])


def test_an_own_case_among_the_first_gives_its_place_to_the_next():
    scores = evaluated([query(1, "Edema", excluded=["t:e00", "t:e01"])])
    assert mean(scores.overall, "right", "P@10") == 1
    assert scores.rankings["right"]["q1"][0] == "t:e02"


def test_a_failed_query_counts_0_and_is_named():
    scores = evaluated([query(1, "Edema"), query(2, "Edema", failure="not_found")])
    assert mean(scores.overall, "right") == mean(scores.findings["Edema"], "right") == 0.5
    assert scores.failed == {"q2": "not_found"}
    assert scores.empty == ()


def test_a_query_without_results_counts_0_and_is_named():
    scores = evaluate_retrieval([query(1, "Edema")], {"none": lambda _: []}, RELEVANCE, depth=10, draws=10)
    assert (scores.empty, mean(scores.overall, "none")) == (("q1",), 0)


def test_repeats_and_unknown_ids_do_not_count():
    scores = evaluated([query(1, "Edema")], odd=lambda _: ["t:e00"] * 9 + ["elsewhere:1"])
    assert scores.rankings["odd"]["q1"] == ["t:e00"]
    assert mean(scores.overall, "odd", "P@5") == pytest.approx(0.2)


def test_every_label_of_the_queries_has_a_row_and_normal_ones_have_theirs():
    scores = evaluated([query(1, "Edema", "Hernia"), query(2, "Hernia"), query(3)])
    assert {label: len(table.queries) for label, table in scores.findings.items()} == {
        "Edema": 1,
        "Hernia": 2,
        "No Finding": 1,
    }
    assert scores.findings["Hernia"].relevant == 12
    assert scores.findings["No Finding"].relevant == 26
    assert (len(scores.overall.queries), len(scores.abnormal.queries)) == (3, 2)


def test_queries_without_a_known_label_are_named_and_left_out():
    silent = EvaluationQuery("q9", "p9", {}, Query({}, "x"))
    scores = evaluated([query(1, "Edema"), silent])
    assert (scores.unjudged, scores.overall.queries) == (("q9",), ("q1",))
    with pytest.raises(UsageError, match="No query has a known label"):
        evaluated([silent])


def test_the_first_variant_is_compared_with_every_channel_the_others_with_the_best_and_all_with_random():
    queries = [query(number, "Edema") for number in range(4)]
    scores = evaluated(queries, **{"channel half": lambda asked: [*right(asked)[:2], "t:n00", "t:n01"]})
    against = [(one.variant, one.against) for one in scores.differences]
    assert ("right", "channel half") in against
    assert ("channel half", "random") in against
    assert [pair for pair in against if pair[1] == "channel none"] == [("right", "channel none")]
    first = next(one for one in scores.differences if (one.variant, one.against) == ("right", "channel half"))
    estimate = first.estimates["nDCG@10"]
    assert estimate.mean == pytest.approx(mean(scores.overall, "right") - mean(scores.overall, "channel half"))
    assert estimate.low > 0


def test_a_rare_finding_counts_as_a_common_one_in_the_mean_of_findings():
    queries = [query(number, "Edema") for number in range(3)] + [query(9, "Hernia")]
    only_edema = [case for case, labels in CASES.items() if "Edema" in labels]
    scores = evaluated(queries, edema=lambda _: only_edema)
    assert mean(scores.overall, "edema") == 0.75
    assert scores.by_finding["edema"].mean == 0.5
    by_finding = {(one.variant, one.against): one.estimates["nDCG@10 by finding"] for one in scores.differences}
    assert by_finding["right", "channel none"].as_dict() == {"mean": 1, "low": 1, "high": 1}
    assert by_finding["edema", "channel none"].low >= 0


def test_an_image_may_find_its_own_case_only_where_pairs_are_scored():
    scores = evaluated([query(1, "Edema", excluded=["t:e00"], own=["t:e00"]), query(2, "Edema")])
    assert scores.pairs.queries == ("q1",)
    assert mean(scores.pairs, "right", "R@1") == 1
    assert mean(scores.pairs, "channel none", "R@10") == 0
    assert "t:e00" not in scores.rankings["right"]["q1"]
    assert evaluated([query(1, "Edema")]).pairs is None


def test_scores_do_not_depend_on_the_size_of_a_block(monkeypatch):
    queries = [query(number, *names) for number, names in enumerate([("Edema",), ("Hernia",), ()] * 3)]
    whole = evaluated(queries)
    monkeypatch.setattr("radrag.evaluation.retrieval.BLOCK", 2)
    parts = evaluated(queries)
    for name in ("right", "oracle"):
        assert parts.overall.estimates[name] == whole.overall.estimates[name]
        assert parts.findings["Hernia"].estimates[name] == whole.findings["Hernia"].estimates[name]


@pytest.mark.parametrize(("depth", "name"), [(9, "fused"), (10, "random"), (10, "oracle")])
def test_a_shallow_depth_or_a_baselines_name_is_wrong_usage(depth, name):
    with pytest.raises(UsageError, match="at least 10"):
        evaluate_retrieval([query(1, "Edema")], {name: right}, RELEVANCE, depth=depth)


def test_files_carry_the_same_scores_and_are_the_same_every_time(tmp_path):
    import ir_measures

    queries = [query(1, "Edema", excluded=["t:e00"]), query(2, "Hernia")]
    scores = evaluated(queries)
    for name in ("first", "second"):
        written = write_evaluation(tmp_path / name, scores, {"seed": 0}, queries, RELEVANCE)
        written += write_plots(tmp_path / name, scores)
    assert {"scores.json", "qrels.trec", "run-right.trec", "run-channel-none.trec", "ndcg.png"} <= set(written)
    assert not list((tmp_path / "first").glob("*random*"))
    for name in written:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    judged = ir_measures.read_trec_qrels(str(tmp_path / "first" / "qrels.trec"))
    run = ir_measures.read_trec_run(str(tmp_path / "first" / "run-right.trec"))
    again = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], judged, run)
    assert again[ir_measures.nDCG @ 10] == pytest.approx(mean(scores.overall, "right"))
    plain = json.loads((tmp_path / "first" / "scores.json").read_text())
    assert plain["overall"]["values"]["right"]["nDCG@10"] == [1.0, 1.0]
    assert plain["overall"]["variants"] == scores_as_dict(scores, {})["overall"]["variants"]
