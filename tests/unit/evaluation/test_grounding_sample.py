"""A hundred drafted sentences that were read beside their quotes; the quotes are read from the installed IU reports."""

from pathlib import Path

import pytest

from data_prep.iu_xray import bundled_reports
from radrag.errors import ReportError
from radrag.evaluation.grounding_sample import read_sample, score_sample
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler

SAMPLE = Path(__file__).parents[2] / "golden" / "grounding_sample.jsonl"


@pytest.fixture(scope="module")
def scores():
    sections = {case.case_id: case.sections for case in bundled_reports(salt="s")}
    labeler = default_labeler()
    return score_sample(read_sample(SAMPLE), sections.__getitem__, Verifier(labeler.label_text), labeler)


def test_quotes_say_what_the_sentences_say_as_a_reader_judged(scores):
    assert scores.sentences == 100
    assert scores.quotes >= 200
    assert scores.precision >= 0.95
    assert scores.recall >= 0.95
    assert scores.statuses >= 0.95


def test_the_verifier_still_takes_for_support_what_the_reader_did(scores):
    assert scores.still >= 0.98


def test_the_verifier_refuses_most_of_what_the_reader_did_not_take_for_support(scores):
    assert scores.refused >= 0.75


def test_the_file_holds_no_text_of_the_corpus():
    sections = [text.lower() for case in bundled_reports(salt="s") for text in case.sections.values()]
    for one in read_sample(SAMPLE):
        copied = [text for text in sections if one.text and one.text.lower().rstrip(".") in text]
        assert not copied or len(one.text.split()) <= 5


def test_a_damaged_line_is_named(tmp_path):
    (tmp_path / "sample.jsonl").write_text('{"study": "x"}')
    with pytest.raises(ReportError, match=r"sample\.jsonl:1"):
        read_sample(tmp_path / "sample.jsonl")
