"""Scores of reports: baselines always stand beside, what is missing counts as wrong, differences are paired."""

import json

import pytest
from click.testing import CliRunner

from radrag.cli.eval_reports import CLEANINGS, PARTS, RADEVAL, reports
from radrag.errors import UsageError
from radrag.evaluation.report_baselines import CONSTANT_NORMAL, RANDOM_OTHER, random_others
from radrag.evaluation.report_files import Part
from radrag.evaluation.report_findings import FindingsReader
from radrag.evaluation.report_measures import MEASURES
from radrag.evaluation.report_radeval import METRICS
from radrag.evaluation.report_sanity import run_sanity
from radrag.evaluation.report_scores import References, evaluate_reports
from radrag.evaluation.report_text import Cleaning
from radrag.reports.findings import default_labeler
from radrag.settings import load_settings

TEXTS = {
    "s1": "The heart is enlarged. There is a small left pleural effusion.",
    "s2": "The lungs are clear. No pneumothorax.",
    "s3": "There is consolidation in the right lower lobe. No pleural effusion is seen.",
    "s4": "Bibasilar atelectasis is present. The heart is normal in size.",
    "s5": "No focal consolidation, pleural effusion or pneumothorax.",
    "s6": "There is pulmonary edema. There is a large right pleural effusion.",
}


def evaluated(patients=None, **rows):
    return evaluate_reports(References(TEXTS, patients or {}), rows, default_labeler(), draws=200)


def row(scores, name):
    return next(one for one in scores.rows if one.name == name)


def means(scores, name):
    return {measure: one.mean for measure, one in row(scores, name).estimates.items()}


def test_the_references_themselves_score_best_and_baselines_always_stand_beside():
    scores = evaluated(same=TEXTS)
    assert [one.name for one in scores.rows] == ["same", CONSTANT_NORMAL, RANDOM_OTHER]
    assert means(scores, "same") == pytest.approx({name: 10.0 if name == "CIDEr" else 1.0 for name in MEASURES})
    for baseline in (CONSTANT_NORMAL, RANDOM_OTHER):
        assert means(scores, baseline)["F1-all micro"] < 0.5
        assert row(scores, baseline).baseline


def test_a_constant_normal_report_lives_on_no_finding_alone():
    normal = means(evaluated(), CONSTANT_NORMAL)
    assert normal["F1-14 micro"] > 0
    assert normal["F1-5 micro"] == normal["F1-all micro"] == normal["F1 sided"] == 0


def test_missing_and_blank_predictions_are_named_and_count_as_wrong():
    scores = evaluated(some={name: text for name, text in TEXTS.items() if name != "s1"} | {"s6": "  "})
    assert row(scores, "some").missing == ("s1", "s6")
    found = means(scores, "some")
    assert found["ROUGE-L"] == pytest.approx(4 / 6)
    assert row(scores, "some").labels["14"]["Pleural Effusion"] == (0, 0, 2)
    assert found["F1-14 micro"] < 1


def test_a_difference_is_paired_and_zero_between_equal_rows():
    scores = evaluated(a=TEXTS, b=TEXTS)
    pairs = {(one.name, one.against): one.estimates["BLEU-4"] for one in scores.differences}
    assert set(pairs) == {(a, b) for a in "ab" for b in ("b", CONSTANT_NORMAL, RANDOM_OTHER) if a != b}
    assert (pairs["a", "b"].mean, pairs["a", "b"].low, pairs["a", "b"].high) == (0, 0, 0)
    assert pairs["a", CONSTANT_NORMAL].low > 0


def test_draws_are_of_patients_so_that_one_patient_has_no_spread():
    scores = evaluated(dict.fromkeys(TEXTS, "p"), half={name: text[:20] for name, text in TEXTS.items()})
    found = row(scores, "half").estimates["ROUGE-L"]
    assert scores.patients == 1
    assert found.low == found.high == pytest.approx(found.mean)


def test_random_reports_are_never_the_patients_own():
    names = [str(place) for place in range(5)]
    for texts in random_others(names, ["p", "p", "q", "r", "s"], rounds=50, seed=0):
        assert all(text != name for text, name in zip(texts, names, strict=True))
        assert not {"0", "1"} & set(texts[:2])
    assert random_others(["a", "b"], ["p", "p"], rounds=1, seed=0) == [["", ""]]


def test_one_reference_or_a_row_named_like_a_baseline_is_refused():
    with pytest.raises(UsageError, match="fewer than two"):
        evaluate_reports(References({"s1": "Clear."}), {}, default_labeler())
    with pytest.raises(UsageError, match="named like a baseline"):
        evaluated(**{CONSTANT_NORMAL: TEXTS})


def test_possible_findings_count_as_the_rule_says():
    text = "Possible left pleural effusion."
    positive, negative = (FindingsReader(default_labeler(), uncertain=one).read(text) for one in (True, False))
    assert positive.folded == {"Pleural Effusion"}
    assert negative.folded == {"No Finding"}


def test_no_finding_stands_beside_devices_only_and_never_for_a_blank_report():
    reader = FindingsReader(default_labeler())
    assert reader.read("The lungs are clear. A pacemaker is present.").folded == {"Support Devices", "No Finding"}
    assert reader.read("").folded == frozenset()


def test_the_sanity_suite_fails_no_measure_and_shows_which_are_blind():
    rows = {one.name: one for one in run_sanity(list(TEXTS.values()), default_labeler())}
    best = {name: 10.0 if name == "CIDEr" else 1.0 for name in MEASURES}
    assert dict(rows["identical"].scores) == pytest.approx(best)
    assert not any(one.failed for one in rows.values())
    assert dict(rows["empty"].scores) == pytest.approx(dict.fromkeys(MEASURES, 0.0))
    assert "F1-all micro" not in rows["negated"].blind
    assert "F1 sided" not in rows["side turned"].blind
    assert "F1-14 micro" in rows["side turned"].blind


def run(tmp_path, *arguments):
    (tmp_path / "references.json").write_text(json.dumps(TEXTS))
    given = ["--references", str(tmp_path / "references.json"), "--no-meteor", *arguments]
    settings = load_settings(workspace=tmp_path / "workspace")
    return CliRunner().invoke(reports, given, obj=settings, standalone_mode=False)


def test_the_command_prints_json_writes_leaderboard_files_and_exits_1_for_what_is_missing(tmp_path):
    (tmp_path / "mine.csv").write_text("study_id,report\ns2,The lungs are clear. No pneumothorax.\nother,No.\n")
    out = tmp_path / "out"
    result = run(tmp_path, "--predictions", str(tmp_path / "mine.csv"), "--sanity", "--json", "--out", str(out))
    assert result.return_value == 1
    found = json.loads(result.stdout)
    assert found["n"] == 6
    assert found["rows"][0]["missing"] == ["s1", "s3", "s4", "s5", "s6"]
    assert found["protocol"]["cleaning"] == "r2gen-iu"
    assert (out / "mine.csv").read_text().splitlines()[:3] == [
        "study_id,report",
        "s1,",
        "s2,The lungs are clear. No pneumothorax.",
    ]
    assert json.loads((out / "mine.rexrank.json").read_text())["s1"]["model_prediction"] == ""
    assert json.loads((out / "scores.json").read_text()) == found
    assert "1 predictions are of studies without a reference" in result.stderr


def test_the_table_names_missing_studies_and_the_rules(tmp_path):
    (tmp_path / "mine.csv").write_text("study_id,report\ns2,The lungs are clear.\n")
    result = run(tmp_path, "--predictions", f"ours={tmp_path / 'mine.csv'}", "--sanity")
    assert "ours: 5 missing or blank, counted as wrong: s1, s3, s4, s5, s6." in result.stdout
    assert "a possible finding is positive" in result.stdout
    assert "ours − constant normal" in result.stdout


def test_predictions_of_other_studies_are_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("study_id,report\nx,The lungs are clear.\n")
    result = run(tmp_path, "--predictions", str(tmp_path / "mine.csv"))
    assert isinstance(result.exception, UsageError)


def test_references_without_the_part_are_left_out_and_counted(tmp_path):
    path = tmp_path / "sections.jsonl"
    records = [{"id": name, "findings": text} for name, text in TEXTS.items()] + [{"id": "s7", "impression": "Normal."}]
    path.write_text("\n".join(json.dumps(record) for record in records))
    arguments = ["--references", str(path), "--no-meteor", "--section", "findings", "--json"]
    result = CliRunner().invoke(reports, arguments, obj=load_settings(workspace=tmp_path / "workspace"))
    found = json.loads(result.stdout)
    assert (found["n"], found["references"]["without_text"]) == (6, 1)


def test_the_commands_choices_are_the_modules_own():
    assert tuple(Part) == PARTS
    assert tuple(Cleaning) == CLEANINGS
    assert METRICS == RADEVAL
