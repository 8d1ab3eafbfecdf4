"""The labeler: the flip suite, offsets, sections, and behaviour on any text."""

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.domain import Polarity
from radrag.reports.findings import default_labeler

SUITE = Path(__file__).parents[2] / "golden" / "flip_suite.csv"


def expectations(text):
    """``Label:polarity:side=left:…;…`` → list of (label, polarity, attributes)."""
    for part in filter(None, text.split(";")):
        label, polarity, *rest = part.split(":")
        yield label, polarity, dict(item.split("=") for item in rest)


def flips():
    with SUITE.open(newline="") as file:
        return [pytest.param(row["text"], row["expected"], id=row["text"][:60]) for row in csv.DictReader(file)]


def test_the_flip_suite_is_large():
    assert len(flips()) >= 200


@pytest.mark.parametrize(("text", "expected"), flips())
def test_flip_suite(text, expected):
    """Label and polarity must match exactly; side, severity and change too (none unless given, ``any`` is free)."""
    wanted = list(expectations(expected))
    found = default_labeler().label_text(text)
    assert {(f.label, f.polarity.value) for f in found} == {(label, polarity) for label, polarity, _ in wanted}
    for label, _, attributes in wanted:
        for finding in (f for f in found if f.label == label):
            for name in ("side", "severity", "change"):
                value = attributes.get(name, "none")
                assert value in {"any", getattr(finding, name).value}, name
            assert finding.location == attributes.get("location", finding.location)


def test_a_finding_is_quoted_by_its_offsets():
    text = "Heart normal. There is a small left pleural effusion."
    effusion = next(f for f in default_labeler().label_text(text) if f.label == "Pleural Effusion")
    assert text[effusion.start : effusion.end] == "pleural effusion"


def test_a_phrase_broken_over_lines_is_found():
    (finding,) = default_labeler().label_text("No pleural\n  effusion.")
    assert (finding.label, finding.polarity) == ("Pleural Effusion", Polarity.NEGATIVE)


def test_sections_give_numbered_sentences_with_section_offsets():
    text = "Lungs clear. Small effusion."
    first, second = default_labeler().label_section("c:1", "findings", text)
    assert (first.number, second.number) == (0, 1)
    assert text[second.start : second.end] == second.text == "Small effusion."
    assert text[second.findings[0].start : second.findings[0].end] == "effusion"


def test_only_findings_and_impression_carry_evidence():
    sections = {"indication": "Pneumonia?", "impression": "Effusion.", "findings": "Edema.", "comparison": "Nodule."}
    found = default_labeler().label_sections("c:1", sections)
    assert [sentence.section for sentence in found] == ["findings", "impression"]
    everything = default_labeler().label_sections("c:1", sections, names=("comparison",))
    assert [finding.label for finding in everything[0].findings] == ["Nodule"]


def test_many_texts_are_labelled_in_order():
    labels = [[finding.label for finding in found] for found in default_labeler().label_many(["Edema.", "", "Nodule."])]
    assert labels == [["Edema"], [], ["Nodule"]]


def test_the_labeler_is_loaded_once():
    assert default_labeler() is default_labeler()


WORDS = st.sampled_from(
    [
        "no",
        "not",
        "without",
        "heart",
        "lungs",
        "clear",
        "enlarged",
        "effusion",
        "left",
        "right",
        "and",
        "or",
        ",",
        ".",
        ";",
        "with",
        "but",
        "is",
        "are",
        "seen",
        "small",
        "pneumothorax",
        "normal",
        "possible",
        "versus",
        "there",
        "which",
        "unchanged",
        "XXXX",
        "aorta",
        "calcified",
        "history",
        "of",
        "bilateral",
        "base",
        "the",
        "in",
        "either",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=30).map(" ".join) | st.text(max_size=200))
def test_any_text_is_labelled_with_true_offsets_and_the_same_again(text):
    labeler = default_labeler()
    found = labeler.label_text(text)
    assert found == labeler.label_text(text)
    for finding in found:
        assert 0 <= finding.start < finding.end <= len(text)
        quote = text[finding.start : finding.end]
        assert quote == quote.strip()
    for sentence in labeler.label_section("c:1", "findings", text):
        assert sentence.text == text[sentence.start : sentence.end]
        assert all(sentence.start <= f.start and f.end <= sentence.end for f in sentence.findings)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=60))
def test_case_does_not_matter(text):
    ascii_text = text.encode("ascii", "ignore").decode() + " no small left Effusion"
    labeler = default_labeler()
    shape = [(f.label, f.polarity) for f in labeler.label_text(ascii_text)]
    assert shape == [(f.label, f.polarity) for f in labeler.label_text(ascii_text.upper())] or "." in text


@pytest.mark.parametrize(
    "piece", ["no effusion and ", "no effusion. ", "heart lungs normal, ", "possible ", "no ", "1. "]
)
def test_time_grows_no_faster_than_length(piece):
    labeler = default_labeler()

    def seconds(words):
        text = piece * (words // len(piece.split()))
        begin = time.perf_counter()
        labeler.label_text(text)
        return time.perf_counter() - begin

    seconds(500)
    assert seconds(10_000) < 60 * max(seconds(1_000), 0.02)  # linear would be 10; quadratic 100
