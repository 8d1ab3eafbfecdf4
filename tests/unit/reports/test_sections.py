"""Reports split into sections, verbatim."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.reports.sections import parse_sections, section_name


def test_headers_in_capitals():
    text = "INDICATION: Cough.\n\nFINDINGS: Lungs clear.\nNo effusion.\n\nIMPRESSION:\n1. Normal chest.\n"
    assert parse_sections(text) == {
        "indication": "Cough.",
        "findings": "Lungs clear.\nNo effusion.",
        "impression": "1. Normal chest.",
    }


def test_headers_in_any_case_and_with_marks():
    assert parse_sections("findings: A.\n**Impression:** B.") == {"findings": "A.", "impression": "B."}


def test_text_without_headers_is_findings():
    assert parse_sections("  The lungs are clear.  ") == {"findings": "The lungs are clear."}


def test_text_before_the_first_header_is_findings():
    assert parse_sections("Lungs clear.\nIMPRESSION: Normal.") == {"findings": "Lungs clear.", "impression": "Normal."}


def test_headers_within_a_line():
    text = "HISTORY: Fall. COMPARISON: None. FINDINGS: No fracture. IMPRESSION: Normal."
    assert parse_sections(text) == {
        "history": "Fall.",
        "comparison": "None.",
        "findings": "No fracture.",
        "impression": "Normal.",
    }


def test_a_header_alone_on_its_line_needs_no_colon():
    assert parse_sections("FINDINGS\nClear.\nIMPRESSION\nNormal.") == {"findings": "Clear.", "impression": "Normal."}


def test_merged_findings_and_impression_are_findings():
    assert parse_sections("FINDINGS AND IMPRESSION: Clear.") == {"findings": "Clear."}
    assert parse_sections("Findings/Impression: Clear.") == {"findings": "Clear."}


def test_a_section_that_comes_twice_keeps_both():
    assert parse_sections("FINDINGS: A.\nFINDINGS: B.") == {"findings": "A.\nB."}


def test_empty_sections_and_empty_text_are_left_out():
    assert parse_sections("FINDINGS:\nIMPRESSION: Normal.") == {"impression": "Normal."}
    assert parse_sections(" \n ") == {}


def test_other_colons_and_capitals_stay_text():
    text = "LUNGS: Clear.\nHEART: Normal."
    assert parse_sections(text) == {"findings": text}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Reason for Exam", "indication"),
        ("CONCLUSION", "impression"),
        ("clinical  history", "history"),
        ("Lungs", None),
    ],
)
def test_section_names(header, name):
    assert section_name(header) == name


@given(st.text())
def test_any_text_is_accepted_and_sections_are_pieces_of_it(text):
    for body in parse_sections(text).values():
        assert all(part in text for part in body.split("\n"))
