"""The plain text says whose, what, on what ground, and whether anybody answers for it."""

import pytest
from export_support import NAME, SECRETS, link, outgoing, with_sentences
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import DraftSentence, ReportState, Status
from radrag.export.plain import printable
from radrag.export.report_text import report_to_text


def test_every_sentence_stands_under_its_heading_with_the_numbers_of_its_evidence(tmp_path):
    text = report_to_text(outgoing(ReportState.FINAL, tmp_path))
    assert "FINDINGS\n  There is a small left pleural effusion. [1-2]\n  No pneumothorax. [3]\n" in text
    assert '[2] iu-xray:CXR2 findings: "No effusion."' in text
    assert "[1] supports 0.87; [2] contradicts 0.40" in text
    assert NAME.replace("^", " ") in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ReportState.DRAFT, "PRELIMINARY - UNVERIFIED DRAFT"),
        (ReportState.PRELIMINARY, "PRELIMINARY - UNVERIFIED. Read by Dr. Ada Adams"),
        (ReportState.FINAL, "FINAL. Signed by Dr. Ada Adams on 2026-03-02 11:30 UTC."),
        (ReportState.ADDENDED, "FINAL WITH ADDENDUM"),
        (ReportState.CORRECTED, "CORRECTED. Correction signed by"),
    ],
)
def test_the_state_is_said_first(state, words):
    assert report_to_text(outgoing(state)).splitlines()[2].startswith(words)


def test_addendum_correction_and_what_was_communicated_are_told():
    assert "ADDENDUM (2026-03-02 15:30 UTC, Dr. Ada Adams)\n  Discussed by telephone." in report_to_text(
        outgoing(ReportState.ADDENDED)
    )
    corrected = report_to_text(outgoing(ReportState.CORRECTED))
    assert "CORRECTION (2026-03-02 15:30 UTC, Dr. Ada Adams)\n  Side was wrong." in corrected
    assert "told to Dr. Berg (telephone)" in corrected


def test_without_identity_no_secret_is_in_the_text():
    text = report_to_text(outgoing(ReportState.FINAL))
    assert not [secret for secret in SECRETS if secret in text]


def test_many_references_are_told_as_runs_and_all_of_them_in_the_appendix():
    many = DraftSentence("findings", "Effusion.", Status.SUPPORTED, links=tuple(link(f"c:{n}", n) for n in range(12)))
    few = DraftSentence("impression", "Fluid.", Status.SUPPORTED, links=many.links[::2])
    text = report_to_text(outgoing(sentences=(many, few)))
    assert "Effusion. [1-12]\n" in text
    assert "Fluid. [1, 3, 5, 7, ...]\n" in text
    assert "[1, 3, 5, 7, 9, 11] supports 0.87" in text


def test_an_empty_report_says_so():
    assert "No sentence stands in this report." in report_to_text(with_sentences(outgoing()))


@given(st.lists(st.text(min_size=1), max_size=5))
def test_no_word_of_any_sentence_is_lost(texts):
    shown = " ".join(report_to_text(with_sentences(outgoing(), *texts)).split())
    for text in texts:
        assert " ".join(printable(text).split()) in shown
