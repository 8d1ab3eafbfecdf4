"""The labeler's scores: counting is right, baselines stand beside, and the collection's scores hold."""

import time

import pytest

from data_prep.iu_xray import bundled_reports
from radrag.domain import Case
from radrag.errors import UsageError
from radrag.evaluation.labeler import LabelScore, MethodScores, evaluate_labeler, report_positives, split
from radrag.reports.findings import default_labeler


def case(number, text, *labels):
    return Case(f"t:{number}", "t", "", (), {"findings": text}, labels)


CASES = [
    case(1, "The lungs are clear.", "normal"),
    case(2, "No effusion. Small nodule.", "normal"),
    case(3, "Left pleural effusion.", "Pleural Effusion/left"),
    case(4, "The heart is enlarged.", "Pleural Effusion/right", "Cardiomegaly"),
    case(5, "", "normal"),
    case(6, "Effusion.", "No Indexing"),
]


def test_cases_without_text_or_codes_are_skipped_and_counted():
    scores = evaluate_labeler(CASES, minimum_support=1)
    assert (scores.n, scores.normal, scores.skipped) == (4, 2, 2)


def test_precision_recall_and_f1_are_counted_by_report():
    effusion = next(
        s for s in evaluate_labeler(CASES, minimum_support=1).labeler.labels if s.label == "Pleural Effusion"
    )
    assert (effusion.support, effusion.predicted, effusion.correct) == (2, 1, 1)
    assert (effusion.precision, effusion.recall) == (1.0, 0.5)
    assert effusion.f1 == pytest.approx(2 / 3)


def test_false_positives_on_normal_reports_come_in_two_rates():
    labeler = evaluate_labeler(CASES, minimum_support=1).labeler
    assert labeler.any_false_positive_rate == 0.5  # the nodule
    assert labeler.false_positive_rate == 0.0  # nodule is no label of this table


def test_labels_with_little_support_are_left_out():
    assert [score.label for score in evaluate_labeler(CASES, minimum_support=2).labeler.labels] == ["Pleural Effusion"]


def test_baselines_stand_in_the_same_table():
    rows = {row["method"]: row for row in evaluate_labeler(CASES, minimum_support=1).rows()}
    assert set(rows) == {"labeler", "keywords without negation", "random other report", "always normal"}
    assert rows["always normal"]["micro_f1"] == 0.0
    assert rows["keywords without negation"]["any_false_positive_rate_on_normal"] == 0.5


def test_undefined_ratios_are_zero_not_missing():
    empty = LabelScore("Edema", 0, 0, 0)
    assert (empty.precision, empty.recall, empty.f1) == (0.0, 0.0, 0.0)
    assert MethodScores("none", (), 0.0, 0.0).micro_f1 == 0.0
    assert MethodScores("none", (), 0.0, 0.0).macro_f1 == 0.0


def test_doubted_findings_count_only_when_asked():
    doubted = case(1, "Possible edema.")
    assert report_positives(default_labeler(), doubted) == frozenset()
    assert report_positives(default_labeler(), doubted, doubtful=True) == {"Edema"}


def test_nothing_to_score_is_an_error():
    with pytest.raises(UsageError):
        evaluate_labeler([])


def test_scores_turn_into_plain_values():
    plain = evaluate_labeler(CASES, minimum_support=1).as_dict()
    assert plain["methods"][0]["labels"][0].keys() == {"label", "support", "predicted", "precision", "recall", "f1"}


def test_the_split_is_stable_and_near_half():
    halves = split(bundled_reports(salt="any"))
    assert [len(half) for half in halves] == [1971, 1984]
    assert "iu-xray:CXR1" in {case.case_id for half in halves for case in half}


def test_the_whole_collection_is_labelled_within_twenty_seconds_and_as_well_as_documented():
    cases = list(bundled_reports(salt="any"))
    labeler = default_labeler()
    begin = time.process_time()
    scores = evaluate_labeler(cases, labeler=labeler)
    assert time.process_time() - begin < 20
    assert scores.labeler.micro_f1 >= 0.88
    assert scores.labeler.false_positive_rate <= 0.03


def test_the_held_out_half_meets_the_documented_score():
    _, held_out = split(bundled_reports(salt="any"))
    scores = evaluate_labeler(held_out)
    assert scores.labeler.micro_f1 >= 0.92
    assert scores.labeler.micro_f1 > max(row["micro_f1"] for row in scores.rows()[1:])
