"""Groups are compared with the rest; small ones and undefined measures are listed, missing metadata is a group."""

import json

import numpy as np
import pytest
from small_workspaces import SeesThis, report, small_workspace, text_encoder

from radrag.audit.attributes import Attributes
from radrag.audit.group_measures import Area, Mean, MicroF1
from radrag.audit.query_measures import of_findings, of_reports
from radrag.audit.sections_subgroups import section
from radrag.audit.subgroups import UNKNOWN, audit_subgroups
from radrag.cli.main import run
from radrag.domain import ImageFinding
from radrag.errors import UsageError
from radrag.evaluation.queries import EvaluationQuery
from radrag.evaluation.report_findings import FindingsReader
from radrag.reports.findings import default_labeler
from radrag.retrieval.query import query_from_image


def people(*sexes):
    return [Attributes(sex=sex) for sex in sexes]


def rows(result, attribute="sex"):
    return {one.group: one for one in result.rows if one.attribute == attribute}


def audited(measure, attributes, patients=None, **options):
    names = patients or [f"p{n}" for n in range(len(attributes))]
    return audit_subgroups([measure], attributes, names, by=["sex"], draws=200, **options)


def test_a_gap_is_flagged_and_a_difference_by_chance_is_not():
    random = np.random.default_rng(0)
    worse = np.concatenate([random.normal(0.8, 0.1, 60), random.normal(0.5, 0.1, 60)])
    groups = rows(audited(Mean("nDCG", worse), people(*"F" * 60, *"M" * 60)))
    assert groups["M"].flagged
    assert groups["M"].gap == pytest.approx(worse[60:].mean() - worse[:60].mean())
    assert groups["M"].gap_low < groups["M"].gap < groups["M"].gap_high < 0
    alike = rows(audited(Mean("nDCG", random.normal(0.8, 0.1, 120)), people(*"FM" * 60)))
    assert not any(one.flagged for one in alike.values())


def test_missing_metadata_is_a_group_and_small_groups_are_listed_with_the_reason():
    result = audited(Mean("x", np.ones(70)), people(*"F" * 30, *"M" * 15, *[""] * 25))
    groups = rows(result)
    assert (groups[UNKNOWN].n, groups[UNKNOWN].score) == (25, 1.0)
    assert (groups["M"].n, groups["M"].score, groups["M"].why) == (15, None, "fewer than 20")
    assert rows(audited(Mean("x", np.ones(70)), people(*"F" * 55, *"M" * 15), least=10))["M"].score == 1.0
    shown = section(result)
    assert [row[2] for row in shown.tables[1].rows] == ["M"]


def test_an_attribute_that_nobody_states_is_said_to_be_missing():
    result = audited(Mean("x", np.ones(30)), people(*[""] * 30))
    assert (result.undescribed, rows(result)) == (("sex",), {})
    assert section(result).flags == ("No query says its sex: not looked at.",)


def test_a_patients_queries_are_drawn_together():
    values = np.array([0.0, 1.0] * 20 + [0.5] * 20)
    attributes = people(*"F" * 40, *"M" * 20)
    together = [f"p{n // 20}" for n in range(40)] + [f"q{n}" for n in range(20)]
    apart = audited(Mean("x", values), attributes)
    few = rows(audited(Mean("x", values), attributes, together))["F"]
    assert (few.n, few.patients) == (40, 2)
    assert few.high - few.low == pytest.approx(0)  # each patient has the same mean
    assert rows(apart)["F"].high - rows(apart)["F"].low > 0.1


def test_a_small_group_in_which_all_are_missed_is_not_certain_to_differ():
    """None of 20 beside 40 of 200: as far off in some four of a hundred groups dealt at random."""
    missed = np.concatenate([np.zeros(20), np.tile([1.0, 0, 0, 0, 0], 40)])
    groups = rows(audited(Mean("sensitivity", missed), people(*"O" * 20, *"FM" * 100)))
    assert (groups["O"].low, groups["O"].high) == (0, 0)
    assert 0.02 < groups["O"].p < 0.3
    assert not groups["O"].flagged
    far = np.concatenate([np.zeros(20), np.tile([1.0, 1, 1, 0, 0], 40)])
    assert rows(audited(Mean("sensitivity", far), people(*"O" * 20, *"FM" * 100)))["O"].flagged


def test_the_table_says_how_many_flags_chance_would_give():
    measures = [Mean(name, np.tile([0.0, 1, 1], 40)) for name in ("a", "b", "c")]
    result = audit_subgroups(measures, people(*"FM" * 60), [f"p{n}" for n in range(120)], by=["sex"], draws=50)
    assert "not for the 3 measures: with no difference anywhere, up to 0.15" in section(result).tables[0].note


def test_queries_that_a_measure_does_not_count_are_no_part_of_a_group():
    values = np.array([1.0] * 30 + [np.nan] * 30)
    groups = rows(audited(Mean("sensitivity", values), people(*"FM" * 30)))
    assert (groups["F"].n, groups["M"].n) == (15, 15)
    assert groups["F"].why == "fewer than 20"


@pytest.mark.parametrize("seed", range(3))
def test_the_area_is_the_chance_to_rank_a_finding_higher(seed):
    random = np.random.default_rng(seed)
    scores, truth = random.integers(0, 6, 40) / 5, (random.random(40) < 0.4).astype(float)
    truth[0], truth[1], scores[2] = 1, 0, np.nan
    weights = random.integers(0, 3, (4, 40)).astype(float)
    for found, weight in zip(Area("a", scores, truth).at(weights), weights, strict=True):
        total = won = 0.0
        for i in range(40):
            for j in range(40):
                if i != 2 and j != 2 and truth[i] == 1 and truth[j] == 0:
                    pair = weight[i] * weight[j]
                    total += pair
                    won += pair * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
        assert found == pytest.approx(won / total)


def test_one_class_makes_an_area_undefined_and_says_so():
    scores, truth = np.linspace(0, 1, 60), np.array([0.0] * 30 + [0.0, 1.0] * 15)
    groups = rows(audited(Area("Hernia: AUC", scores, truth), people(*"F" * 30, *"M" * 30)))
    assert (groups["F"].score, groups["F"].why) == (None, "one class only: undefined")
    assert (groups["M"].gap, groups["M"].why) == (None, "too few others to compare with")
    truth[0] = 1
    assert rows(audited(Area("x", scores, truth), people(*"F" * 30, *"M" * 30)))["F"].why == "fewer than 5 of a class"


def test_f1_is_of_the_sums_and_undefined_without_findings():
    right, wrong, missed = np.array([1.0, 0.0, 0.0]), np.array([0.0, 2.0, 0.0]), np.array([1.0, 0.0, 0.0])
    measure = MicroF1("F1", right, wrong, missed)
    assert measure.at(np.array([[1.0, 1.0, 1.0], [2.0, 0.0, 1.0], [0.0, 0.0, 5.0]])).tolist() == pytest.approx(
        [2 / 5, 4 / 6, np.nan], nan_ok=True
    )
    assert "undefined" in measure.lacks(np.array([False, False, True]))


def query(probability, truth, *, failure=""):
    search = None if failure else query_from_image([ImageFinding("Edema", probability, 0.5)])
    return EvaluationQuery("q", "p", {"Edema": truth}, search, failure=failure)


def test_findings_are_scored_by_label_and_a_refused_image_misses_what_is_there():
    asked = [query(0.9, 1.0), query(0.2, 1.0), query(0.7, 0.0), query(0.1, 0.5), query(0, 1.0, failure="not_dicom")]
    area, sensitivity, false_positives = of_findings(asked)
    assert sensitivity.values.tolist() == pytest.approx([1, 0, np.nan, np.nan, 0], nan_ok=True)
    assert false_positives.values.tolist() == pytest.approx([np.nan, np.nan, 1, np.nan, np.nan], nan_ok=True)
    assert area.known.tolist() == [True, True, True, False, False]
    with pytest.raises(UsageError, match="Oedema, Fluff") as refused:
        of_findings(asked, ["Edema", "Oedema", "Fluff"])
    assert refused.value.hint == "There are: Edema."


def test_reports_are_scored_by_study_and_a_missing_one_counts_as_wrong():
    reader = FindingsReader(default_labeler())
    references = {"s1": "There is a pleural effusion.", "s2": "There is a pneumothorax."}
    first = of_reports(["s1", "s2", "s2", "other"], references, {"s1": "Pleural effusion."}, reader)[0]
    assert first.known.tolist() == [True, True, False, False]  # a study counts once
    assert first.at(np.ones((1, 4)))[0] == pytest.approx(2 / 3)
    with pytest.raises(UsageError, match="1 predictions are for studies"):
        of_reports(["s1"], references, {"s9": "x"}, reader)
    with pytest.raises(UsageError, match="No study of the references"):
        of_reports(["elsewhere"], references, {}, reader)


def test_unknown_attributes_are_all_named():
    with pytest.raises(UsageError, match="height, weight"):
        audit_subgroups([Mean("x", np.ones(1))], people("F"), ["p"], by=["weight", "sex", "height"])
    with pytest.raises(UsageError, match="nothing to group"):
        audit_subgroups([], people("F"), ["p"])


def test_the_command_scores_retrieval_and_reports(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("radrag.encoders.load_image_encoder", lambda *_, **__: SeesThis())
    monkeypatch.setattr("radrag.encoders.load_text_encoder", lambda *_, **__: text_encoder())
    texts = ("Left pleural effusion.", "The lungs are clear.")
    workspace = small_workspace(tmp_path / "w", [report(f"c:{n}", f"{texts[n % 2]} Film {n}.") for n in range(8)])
    made = [f"{texts[n % 2]},{n},s{n},{int(n % 2 == 0)},{'FM'[n % 2]}" for n in range(12)]
    manifest, said = tmp_path / "queries.csv", tmp_path / "said.csv"
    manifest.write_text("\n".join(["text,patient,study_id,Effusion,sex", *made]) + "\n")
    said.write_text("\n".join(["study_id,report", *(f"s{n},{texts[n % 2]}" for n in range(12))]) + "\n")
    command = ["--workspace", str(workspace.settings.workspace), "audit", "subgroups", "--manifest", str(manifest)]
    command += ["--by", "sex", "--min-n", "5", "--json"]
    assert run(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert {(one["attribute"], one["group"]) for one in found["groups"]} == {("all", "all"), ("sex", "F"), ("sex", "M")}
    assert run([*command, "--of", "reports", "--references", str(said), "--predictions", str(said)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["score"] for one in found["groups"] if one["measure"] == "micro-F1, 14 labels"} == {1.0}
    assert run([*command, "--of", "reports"]) == 2
    assert run([*command, "--label", "Edema"]) == 2
    said.write_text("study_id,report\ns1,\ns2,\n")
    assert run([*command, "--of", "reports", "--references", str(said), "--predictions", str(said)]) == 2
    assert "no text in any report" in capsys.readouterr().err
