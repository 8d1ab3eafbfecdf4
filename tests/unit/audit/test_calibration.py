"""Calibration is measured against chance, the Brier score decomposes exactly, thresholds cost what they say."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.audit.calibration import Items, audit_calibration, equal_mass_bins, isotonic
from radrag.audit.calibration_items import SUPPORT, of_findings, of_support, read_items
from radrag.audit.sections_calibration import section
from radrag.audit.thresholds import Costs, cheapest, thresholds
from radrag.cli.main import run
from radrag.domain import (
    Draft,
    DraftSentence,
    EvidenceLink,
    Finding,
    ImageFinding,
    Polarity,
    Relation,
    Side,
    Status,
    Study,
)
from radrag.errors import UsageError
from radrag.evaluation.queries import EvaluationQuery
from radrag.reports.findings import default_labeler
from radrag.retrieval.query import query_from_image

ITEMS = st.lists(st.tuples(st.integers(0, 20).map(lambda n: n / 20), st.booleans()), min_size=20, max_size=60)


def items(probabilities, truth, **options):
    p = np.array(probabilities, dtype=np.float64)
    return Items("x", p, np.array(truth, dtype=np.float64), [f"p{n}" for n in range(len(p))], **options)


def drawn(shift, n=600, seed=0):
    """Items whose probabilities are too high by a shift."""
    random = np.random.default_rng(seed)
    truths = random.uniform(0.05, 0.75, n)
    return items(truths + shift, random.random(n) < truths)


def measured(one, **options):
    return audit_calibration([one], **options).rows[0]


def test_right_probabilities_are_off_by_chance_alone_and_wrong_ones_by_more():
    right, wrong = measured(drawn(0.0)), measured(drawn(0.2))
    assert right.p > 0.05
    assert right.ece == pytest.approx(right.ece_by_chance, abs=0.02)
    assert (wrong.p < 0.01, wrong.ece) == (True, pytest.approx(0.2, abs=0.05))
    assert wrong.rms == pytest.approx(0.2, abs=0.05)
    assert right.rms < 0.03
    shown = section(audit_calibration([drawn(0.2)]))
    assert "too high on average" in shown.flags[0]
    assert shown.plots[0].kind == "reliability"


@settings(max_examples=25)
@given(ITEMS)
def test_the_brier_score_is_its_parts(pairs):
    one = items(*zip(*pairs, strict=True))
    found = measured(one)
    if found.discrimination is None:
        assert found.why.startswith("one class only")
    else:
        assert found.brier == pytest.approx(found.miscalibration - found.discrimination + found.uncertainty)
        assert found.discrimination >= -1e-12
    assert found.miscalibration >= -1e-12


@settings(max_examples=25)
@given(ITEMS)
def test_the_isotonic_fit_rises_and_keeps_the_sum(pairs):
    p, truth = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))
    fitted = isotonic(p, truth)
    order = np.argsort(p, kind="stable")
    assert (np.diff(fitted[order]) >= -1e-12).all()
    assert fitted.sum() == pytest.approx(truth.sum())


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=100), st.integers(2, 12))
def test_bins_hold_about_as_many_items_and_equal_probabilities_share_one(values, bins):
    p = np.array(values)
    found = equal_mass_bins(p, bins)
    assert set(found) == set(range(found.max() + 1))
    assert found.max() < bins
    assert all(len(set(found[p == value])) == 1 for value in p)
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()
    if len(set(values)) == len(values):
        assert np.bincount(found).max() <= math.ceil(len(values) / bins) + 1


def test_one_class_and_few_items_are_said_to_be_undefined():
    one_class, few = measured(items([0.1] * 30, [0] * 30)), measured(items([0.5] * 19, [1] * 19))
    assert (one_class.discrimination, one_class.thresholds, one_class.ece) == (None, (), pytest.approx(0.1))
    assert "one class only" in one_class.why
    assert (few.ece, few.why) == (None, "fewer than 20")
    json.dumps(audit_calibration([items([0.1] * 30, [0] * 30)]).as_dict(), allow_nan=False)
    with pytest.raises(UsageError, match="no probability"):
        audit_calibration([])
    with pytest.raises(UsageError, match="lie in"):
        items([1.2], [1])


@settings(max_examples=25)
@given(ITEMS, st.floats(0, 10), st.floats(0.1, 10))
def test_no_threshold_is_cheaper_than_the_fitted_one(pairs, miss, false):
    p, truth = (np.array(side, dtype=np.float64) for side in zip(*pairs, strict=True))

    def cost(value):
        stated = p >= value
        return miss * (truth[~stated] == 1).sum() + false * (truth[stated] == 0).sum()

    best = cheapest(p, truth, Costs(miss, false))
    assert cost(best) == pytest.approx(min(cost(value) for value in [*set(p.tolist()), math.inf]))


def test_thresholds_say_what_they_do():
    p, truth = np.array([0.1, 0.4, 0.6, 0.9]), np.array([0.0, 1.0, 0.0, 1.0])
    found = {one.name: one for one in thresholds(p, truth, "abcd", Costs(3, 1), now=0.5)}
    assert (found["now"].missed, found["now"].alarms, found["now"].cost) == (1, 1, 1.0)
    assert (found["now"].sensitivity, found["now"].false_rate, found["now"].precision) == (0.5, 0.5, 0.5)
    assert found["by the costs"].value == 0.25
    assert (found["fitted"].value, found["fitted"].cost, found["fitted"].held_out) == (0.4, 0.25, None)
    assert (found["never"].value, found["never"].cost, found["never"].precision) == (None, 1.5, None)
    assert found["always"].cost == 0.5


def test_a_fitted_threshold_costs_more_on_those_it_was_not_fitted_to():
    owners = [f"p{n}" for n in range(60)]
    surplus = []
    for seed in range(10):
        random = np.random.default_rng(seed)
        truth = (random.random(60) < 0.5).astype(float)  # of which the probabilities know nothing
        found = {one.name: one for one in thresholds(random.random(60), truth, owners, Costs())}
        surplus.append(found["fitted"].held_out - found["fitted"].cost)
    assert np.mean(surplus) > 0.02


@pytest.mark.parametrize("costs", [(-1, 1), (0, 0), (math.nan, 1), (1, math.inf)])
def test_costs_that_mean_nothing_are_refused(costs):
    with pytest.raises(UsageError, match="Costs"):
        Costs(*costs)


def test_image_findings_come_by_label_without_uncertain_truths():
    def query(probability, truth, patient):
        seen = query_from_image([ImageFinding("Edema", probability, 0.5), ImageFinding("Mass", 0.2, 0.5)])
        return EvaluationQuery("q", patient, {"Edema": truth}, seen)

    refused = EvaluationQuery("r", "p9", {"Edema": 1.0}, None, failure="not_dicom")
    (found,) = of_findings([query(0.9, 1.0, "a"), query(0.3, 0.5, "b"), query(0.2, 0.0, "c"), refused], {"Edema": 0.4})
    assert (found.name, found.threshold, list(found.owners)) == ("Edema", 0.4, ["a", "c"])
    assert found.probabilities.tolist() == [0.9, 0.2]
    with pytest.raises(UsageError, match="Mass, Dust"):
        of_findings([query(0.9, 1.0, "a")], {}, ["Edema", "Mass", "Dust"])


def test_support_is_right_where_the_quote_states_the_claim():
    effusion = Finding("Pleural Effusion", Polarity.POSITIVE, Side.LEFT)

    def link(quote, strength, relation=Relation.SUPPORTS):
        return EvidenceLink("c:1", "findings", 0, 0, len(quote), quote, relation, strength)

    quotes = (
        link("There is a left pleural effusion.", 0.9),
        link("There is a right pleural effusion.", 0.8),
        link("No pleural effusion.", 1.0, Relation.CONTRADICTS),
    )
    said = DraftSentence("findings", "Left pleural effusion.", Status.SUPPORTED, (effusion,), quotes)
    plain = DraftSentence("findings", "Rotated film.", Status.SUPPORTED, (), (link("Rotated film.", 1.0),))
    draft = Draft("d1", Study("1.2", ()), (said, plain), (), (), (), ())
    (found,) = of_support([draft], default_labeler().label_text)
    assert found.name == SUPPORT
    assert (found.probabilities.tolist(), found.truth.tolist(), list(found.owners)) == (
        [0.9, 0.8],
        [1, 0],
        ["d1", "d1"],
    )
    assert of_support([], default_labeler().label_text) == []
    known = replace(draft, study=Study("1.2", (), patient_key="p1"))
    assert set(of_support([known, replace(known, draft_id="d2")], default_labeler().label_text)[0].owners) == {"p1"}


def test_a_table_is_read_and_all_its_faults_are_listed_at_once(tmp_path):
    path = tmp_path / "read.csv"
    path.write_text("strength,right,study\n0.9,1,a\n0.2,0,a\n0.4,0,b\n")
    (found,) = read_items(path)
    assert (found.name, found.probabilities.tolist(), list(found.owners)) == ("read", [0.9, 0.2, 0.4], ["a", "a", "b"])
    path.write_text("strength,right,study,patient\n0.9,1,a,p\n0.2,0,b,p\n")
    assert list(read_items(path)[0].owners) == ["p", "p"]
    rows = ["1,Edema,0.5,1", "1,Edema,0.6,0", "2,Edem,0.5,1", "3,Blurr,0.5,1", "4,Edema,1.5,0", "5,Edema,,0"]
    path.write_text("\n".join(["id,label,probability,truth", *rows, "6,Edema,0.1,2", "7"]) + "\n")
    with pytest.raises(UsageError) as refused:
        read_items(path)
    message = str(refused.value)
    assert "unknown labels: Edem, Blurr" in message
    assert "lines that repeat an id: 3" in message
    assert "lines without a probability from 0 to 1: 6, 7" in message
    assert "lines whose truth is not 0 or 1: 8" in message
    assert "lines with another number of fields than the header: 9" in message
    path.write_text("label,value\nEdema,1\n")
    with pytest.raises(UsageError, match="probability or strength, and no column truth or right"):
        read_items(path)
    path.write_text("probability,truth\n")
    with pytest.raises(UsageError, match="no rows"):
        read_items(path)


def test_the_command_prints_thresholds_with_their_costs(tmp_path, capsys):
    one = drawn(0.1, n=80)
    path = tmp_path / "read.csv"
    rows = [f"{p:.3f},{int(t)},{n}" for n, (p, t) in enumerate(zip(one.probabilities, one.truth, strict=True))]
    path.write_text("\n".join(["probability,truth,patient", *rows]) + "\n")
    command = ["--workspace", str(tmp_path / "w"), "audit", "calibration", "--items", str(path), "--cost-miss", "4"]
    assert run([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["costs"] == {"miss": 4.0, "false": 1.0}
    by_name = {one["name"]: one for one in found["calibration"][0]["thresholds"]}
    assert by_name["by the costs"]["value"] == 0.2
    assert by_name["fitted"]["cost"] <= by_name["by the costs"]["cost"]
    assert run(command) == 0
    assert "What thresholds would do" in capsys.readouterr().out
    assert run(["--workspace", str(tmp_path / "w"), "audit", "calibration"]) == 2
