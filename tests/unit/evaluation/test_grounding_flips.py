"""The flip suite: turned sentences are caught, by kind and part; edits turn what they say they turn."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from radrag.domain import Status
from radrag.errors import UsageError
from radrag.evaluation.flips import SAME, Expected, FlipCase, read_flips, run_flips
from radrag.evaluation.flips_edits import EDITS
from radrag.evaluation.flips_generated import generate_flips, own_sentences
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

WRITTEN = Path(__file__).parents[2] / "golden" / "grounding_flips.jsonl"
LABELER = default_labeler()
CATCH, FALSE_ALARMS = 0.99, 0.02


def run(cases):
    return run_flips(cases, Verifier(LABELER.label_text), LABELER.label_section)


@pytest.mark.parametrize("part", ["tuned", "held-out", "second held-out"])
def test_the_written_flips_are_caught(part):
    scores = run([case for case in read_flips(WRITTEN) if case.part == part])
    assert scores.total(part).n >= 60
    assert scores.total(part).rate >= CATCH


def test_written_sentences_that_say_the_same_raise_no_alarm():
    scores = run([replace(case, part="all") for case in read_flips(WRITTEN) if case.kind == SAME])
    assert scores.false_alarms("all") <= FALSE_ALARMS


def test_the_flips_of_own_sentences_are_caught():
    scores = run(generate_flips(own_sentences(), part="own"))
    assert scores.total("own").n >= 200
    assert scores.total("own").rate >= CATCH
    assert scores.false_alarms("own") <= FALSE_ALARMS


def test_the_suite_has_both_directions_of_every_kind_and_four_hundred_cases():
    written = read_flips(WRITTEN)
    assert len(written) >= 150
    assert len(written) + len(generate_flips(own_sentences())) >= 400
    assert {case.kind for case in written} == {
        "negation", "side", "severity", "change", "zone", "number", "finding", SAME,
    }  # fmt: skip
    assert len({case.name for case in written}) == len(written)


def test_the_same_sentences_and_seed_give_the_same_cases_in_any_order():
    sentences = own_sentences()
    assert generate_flips(sentences, per_kind=9) == generate_flips(reversed(sentences), per_kind=9)
    assert generate_flips(sentences, per_kind=9) != generate_flips(sentences, per_kind=9, seed=1)


def test_no_edit_makes_more_cases_than_asked_for_and_flips_differ_from_their_sentence():
    cases = generate_flips(own_sentences(), per_kind=5)
    edits = Counter(case.name.rsplit("-", 1)[0] for case in cases)
    assert max(edits.values()) == 5
    assert all(case.claim != case.evidence for case in cases if case.kind != SAME)


TURNED = [
    ("affirmed", "No pleural effusion or pneumothorax.", "There is pleural effusion and pneumothorax."),
    ("denied", "There is a hiatal hernia.", "There is no hiatal hernia."),
    ("denied", "Emphysema is present.", "Emphysema is not present."),
    ("without", "Cardiomegaly without effusion or edema.", "Cardiomegaly with effusion and edema."),
    ("side", "Left effusion.", "Right effusion."),
    ("severity", "Small effusion.", "Large effusion."),
    ("change", "The effusion has increased.", "The effusion has decreased."),
    ("zone", "RUL opacity.", "Rll opacity."),
    ("number", "A 5 mm nodule.", "A 15 mm nodule."),
    ("number", "Compression fracture of T12.", "Compression fracture of T3."),
    ("number", "Fracture of the fifth rib.", "Fracture of the eighth rib."),
    ("finding", "There is a pneumothorax.", "There is a hiatal hernia."),
]
LEFT_ALONE = [
    ("affirmed", "No change in the effusion."),
    ("affirmed", "No effusion, but there is a nodule."),
    ("denied", "There is no effusion."),
    ("denied", "There is improved aeration with a small effusion."),
    ("side", "Opacities on the left and right."),
    ("side", "Right middle lobe opacity."),
    ("side", "No left effusion."),
    ("severity", "Small to moderate effusion."),
    ("severity", "The effusion is slightly increased."),
    ("number", "Fractures."),
    ("finding", "Pneumothorax and hiatal hernia."),
]


def edited(kind, sentence):
    return {edit(sentence) for name, _, edit in EDITS if name == kind} - {None}


@pytest.mark.parametrize(("kind", "sentence", "turned"), TURNED)
def test_an_edit_turns_what_it_names(kind, sentence, turned):
    assert edited(kind, sentence) == {turned}


@pytest.mark.parametrize(("kind", "sentence"), LEFT_ALONE)
def test_what_an_edit_would_not_surely_turn_is_left_alone(kind, sentence):
    assert edited(kind, sentence) == set()


def test_what_is_called_supported_is_counted_apart_from_what_is_only_not_contradicted():
    flips = [
        FlipCase("a", "p", "side", "Left effusion.", "Left effusion.", Expected.CONTRADICTED),
        FlipCase("b", "p", "side", "Left effusion.", "Mass.", Expected.CONTRADICTED),
        FlipCase("c", "p", "side", "Left effusion.", "Right effusion.", Expected.CONTRADICTED),
        FlipCase("d", "p", SAME, "Left effusion.", "Right effusion.", Expected.SUPPORTED),
    ]
    scores = run(flips)
    total = scores.total("p")
    assert (total.n, total.right, total.passed_off) == (3, 1, 1)
    assert scores.false_alarms("p") == 1.0
    assert [(case.name, status) for case, status in scores.wrong] == [
        ("a", Status.SUPPORTED), ("b", Status.UNSUPPORTED), ("d", Status.CONTRADICTED),
    ]  # fmt: skip
    assert scores.as_dict()["parts"]["p"]["passed_off"] == 1


@pytest.mark.parametrize(
    "line", ["{}", "no json", '{"name": "a", "kind": "side", "evidence": "", "claim": "", "expected": "x"}']
)
def test_a_damaged_line_is_named(tmp_path, line):
    path = tmp_path / "cases.jsonl"
    good = {"name": "a", "kind": "side", "evidence": "E", "claim": "C", "expected": "supported"}
    path.write_text(json.dumps(good) + "\n" + line)
    with pytest.raises(UsageError, match=r"cases\.jsonl:2"):
        read_flips(path)
