"""Reports as MIMIC-CXR and MIMIC-III write them; all texts were written for these tests."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.reports.headers import header_name, is_title
from radrag.reports.sections import BODY, parse_sections, section_spans

FINAL = "                                 FINAL REPORT\n"
RULER = " " + "_" * 78 + "\n"


def test_an_indented_report_with_all_its_headers():
    text = (
        FINAL + " EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___F with cough  // ?pneumonia\n \n"
        " COMPARISON:  ___\n \n FINDINGS: \n \n Heart size is\n normal.\n \n"
        " IMPRESSION: \n \n 1.  Clear\n lungs.\n 2. None.\n"
        " RECOMMENDATION(S):  Follow up.\n \n NOTIFICATION:  Told at 9:41 PM.\n"
    )
    assert parse_sections(text) == {
        "technique": "CHEST (PA AND LAT)",
        "indication": "___F with cough  // ?pneumonia",
        "comparison": "___",
        "findings": "Heart size is\n normal.",
        "impression": "1.  Clear\n lungs.\n 2. None.",
        "recommendation": "Follow up.",
        "notification": "Told at 9:41 PM.",
    }


def test_a_preliminary_read_is_no_evidence_where_a_final_report_follows():
    text = (
        " WET READ: ___ ___ ___ 9:41 PM\n  IMPRESSION: Large effusion.\n"
        "  WET READ VERSION #1 ___ 8:00 PM\n  FINDINGS: Edema.\n"
        + RULER + FINAL + " FINDINGS:  Clear.\n"
    )  # fmt: skip
    sections = parse_sections(text)
    assert sections["findings"] == "Clear."
    assert "impression" not in sections
    assert sections["wet read"].startswith("___ ___ ___ 9:41 PM")
    assert sections["wet read"].endswith("FINDINGS: Edema.")


def test_a_preliminary_read_after_the_body_is_no_evidence_either():
    sections = parse_sections(FINAL + " IMPRESSION:  Clear.\n \n WET READ: ___ 1:00 PM\n  FINDINGS: Effusion.\n")
    assert sections == {"impression": "Clear.", "wet read": "___ 1:00 PM\n  FINDINGS: Effusion."}


def test_a_preliminary_read_before_a_report_that_nothing_announces():
    text = "WET READ: Edema.\n\nFINDINGS: Clear.\nIMPRESSION: Normal."
    assert parse_sections(text) == {"wet read": "Edema.", "findings": "Clear.", "impression": "Normal."}


def test_provisional_findings_are_a_preliminary_read():
    text = (
        " PROVISIONAL FINDINGS IMPRESSION (PFI): ABC WED 10:21 AM\n  Edema.\n" + RULER + FINAL + " IMPRESSION: Clear.\n"
    )
    assert parse_sections(text) == {"wet read": "ABC WED 10:21 AM\n  Edema.", "impression": "Clear."}


@pytest.mark.parametrize("header", ["ADDENDUM:", "ADDENDUM ", "                FINAL ADDENDUM\n"])
def test_an_addendum_before_the_report_keeps_its_own_headers(header):
    text = FINAL + f" {header} IMPRESSION: The side is left.\n" + RULER + FINAL + " IMPRESSION:  Right effusion.\n"
    assert parse_sections(text) == {"addendum": "IMPRESSION: The side is left.", "impression": "Right effusion."}


def test_an_addendum_after_the_report():
    text = FINAL + " IMPRESSION:  Right effusion.\n" + RULER + "          ADDENDUM\n The side is left.\n"
    assert parse_sections(text) == {"impression": "Right effusion.", "addendum": "The side is left."}


def test_an_addendum_that_nothing_closes_does_not_swallow_the_report():
    text = FINAL + " ADDENDUM:  A word was wrong.\n \n FINDINGS:  Clear.\n"
    assert parse_sections(text) == {"addendum": "A word was wrong.", "findings": "Clear."}


@pytest.mark.parametrize("host", ["COMPARISON", "TECHNIQUE"])
@pytest.mark.parametrize("impression", ["", " \n IMPRESSION:  Normal.\n"])
def test_findings_without_a_header_are_the_paragraphs_after_comparison_or_technique(host, impression):
    sections = parse_sections(
        FINAL + f" {host}:  Something\n old.\n \n Heart\n normal.\n \n No effusion.\n" + impression
    )
    assert sections[host.lower()] == "Something\n old."
    assert sections["findings"] == "Heart\n normal.\n \n No effusion."
    assert sections.get("impression") == ("Normal." if impression else None)


def test_the_paragraphs_after_an_indication_are_findings_only_in_a_report_without_a_body():
    text = FINAL + " INDICATION:  Cough.\n \n Evaluate for pneumonia.\n"
    assert parse_sections(text) == {"indication": "Cough.", "findings": "Evaluate for pneumonia."}
    assert "findings" not in parse_sections(text + " IMPRESSION:  Normal.\n")


def test_a_report_with_findings_keeps_its_other_sections_whole():
    sections = parse_sections("COMPARISON: One.\n\nTwo.\n\nFINDINGS: Clear.")
    assert sections == {"comparison": "One.\n\nTwo.", "findings": "Clear."}


@pytest.mark.parametrize(
    "title", ["CHEST RADIOGRAPH PERFORMED ON ___", "PA AND LATERAL CHEST OF ___", "AP CHEST, 5:16 A.M., ___"]
)
def test_a_title_is_not_evidence(title):
    text = FINAL + f" {title}\n \n Heart normal.\n \n IMPRESSION:  Normal.\n"
    assert parse_sections(text) == {"technique": title, "findings": "Heart normal.", "impression": "Normal."}


@pytest.mark.parametrize(
    "header", ["PORTABLE AP CHEST RADIOGRAPH", "CHEST, PA AND LATERAL", "Chest",
               "SINGLE AP VIEW OF THE CHEST", "CHEST, TWO VIEWS"]
)  # fmt: skip
def test_a_header_that_names_the_views_opens_the_findings(header):
    text = f" INDICATION:  Cough.\n \n {header}:  Heart normal.\n"
    assert parse_sections(text) == {"indication": "Cough.", "findings": "Heart normal."}


def test_a_number_may_follow_a_header_at_once():
    assert parse_sections("FINDINGS:2 cm nodule.\nIMPRESSION:1. Nodule.") == {
        "findings": "2 cm nodule.", "impression": "1. Nodule."
    }  # fmt: skip


def test_views_that_only_begin_a_sentence_stay_in_it():
    text = " IMPRESSION:\n \n PA and lateral chest compared to ___:\n \n Lungs are clear.\n"
    assert parse_sections(text) == {"impression": "PA and lateral chest compared to ___:\n \n Lungs are clear."}


def test_organs_open_the_findings_of_a_structured_report():
    text = "COMPARISON: None.\nLUNGS: Clear.\nHEART: Normal."
    assert parse_sections(text) == {"comparison": "None.", "findings": "LUNGS: Clear.\nHEART: Normal."}


def test_a_wrapped_line_that_begins_with_a_headers_word_stays_text():
    text = " FINDINGS:  Compared with the prior\n study: no change.  See\n report: none.\n"
    assert parse_sections(text) == {"findings": "Compared with the prior\n study: no change.  See\n report: none."}


def test_the_form_of_a_mimic_iii_note():
    text = (
        "[**2118-6-7**] 8:14 AM\n CHEST (PORTABLE AP)                 Clip # [**Clip Number (Radiology) 1**]\n"
        " Reason: tube\n Admitting Diagnosis: SEPSIS\n" + RULER + " UNDERLYING MEDICAL CONDITION:\n  70 year old man\n"
        " REASON FOR THIS EXAMINATION:\n  check tube\n" + RULER + FINAL + " CHEST\n\n HISTORY:  Sepsis.\n\n"
        " Comparison with [**2118-6-6**].  Edema\n is less.\n"
        "                                                     (Over)\n\n [**2118-6-7**] 8:14 AM\n CHEST (PORTABLE AP)\n"
        " Reason: tube\n" + RULER + FINAL + " (Cont)\n The tube is high.\n"
    )  # fmt: skip
    sections = parse_sections(text)
    assert sections["findings"] == "Comparison with [**2118-6-6**].  Edema\n is less.\nThe tube is high."
    assert sections["indication"] == "tube\ncheck tube"
    assert sections["history"] == "SEPSIS\n70 year old man\nSepsis."
    assert "Clip #" in sections["technique"]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        *((word, "impression") for word in ("IMPRESSON", "IMPRRESSION", "IMPERSSION", "MPRESSION", "FIMPRESSION",
                                                   "COCLUSION")),
        *((word, "findings") for word in ("FINDNGS", "FINIDNGS", "FINDGINGS", "FIDINGS", "FINDIGNS")),
        *((word, "comparison") for word in ("COMPARISION", "COMAPRISON", "OMPARISON")),
        ("FINDINGS AND IMRPESSION", "findings"),
        ("Findings and Impression", "findings"),
        ("TECHNIQUE AND FINDINGS", "findings"),
        ("IMPRESSION AND RECOMMENDATION(S)", "impression"),
        ("CORRECTED IMPRESSION", "impression"),
        ("CLINCAL HISTORY", "history"),
        ("REASON FORE EXAM", "indication"),
        ("CLINICAL INFORMATION & QUESTIONS TO BE ANSWERED", "indication"),
        ("COMPARISON FILM", "comparison"),
        ("RESIDENT WET READ", "wet read"),
        ("PRELIMINARY REPORT", "wet read"),
        ("Bindings", None),
        ("The findings were discussed with", None),
        ("LUNGS", None),
        ("PLEASE NOTE", None),
    ],
)  # fmt: skip
def test_headers_that_occur(header, name):
    assert header_name(header) == name


def test_only_words_about_views_make_a_title():
    assert is_title("FRONTAL CHEST RADIOGRAPH WITH THE PATIENT IN SUPINE AND UPRIGHT POSITIONS")
    assert not is_title("Chest tube in place")
    assert not is_title("Right lower")


PIECES = st.lists(
    st.sampled_from(
        ["FINDINGS:", " IMPRESSON: ", FINAL, RULER, "\n", "\n \n",
         "\n (Over)\n", "\n(Cont)\n", " WET READ: ___", " ADDENDUM  ",
         "CHEST, PA AND LATERAL:", "LUNGS:", "\n COMPARISON:  ", "INDICATION",
         "Heart normal. ", "1. x\r\n", "___ ", "**", ":"]
    )
    | st.text(max_size=6),
    max_size=30,
).map("".join)  # fmt: skip


def only_headers(gap):
    """Whether what lies outside the sections is headers, rulers, and marks of the form."""
    left = re.sub(r"\(Over\)|\(Cont\)|_{10,}|FINAL REPORT", "\n", gap)
    names = [piece.strip(" \t\r#*") for piece in re.split("[:\n]", left)]
    return all(not name.strip() or header_name(name) or is_title(name) for name in names)


@given(PIECES)
def test_sections_are_pieces_of_the_text_in_order_and_only_headers_are_left_out(text):
    at = 0
    for span in section_spans(text):
        assert at <= span.start < span.end
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        assert only_headers(text[at : span.start])
        at = span.end
    assert only_headers(text[at:])


@given(PIECES)
def test_parse_sections_joins_the_spans_of_one_name(text):
    spans = section_spans(text)
    assert parse_sections(text) == {
        name: "\n".join(text[s.start : s.end] for s in spans if s.name == name) for name in {s.name for s in spans}
    }


@given(PIECES)
def test_what_a_closed_preliminary_read_says_is_never_body(text):
    sections = parse_sections(
        f"WET READ: 9:41 PM\nQUITE UNIQUE\n{text.replace('_' * 10, '').replace('FINAL', '')}\n" + RULER + FINAL
    )
    assert not any("QUITE UNIQUE" in sections.get(name, "") for name in BODY)


@pytest.mark.parametrize(
    "piece",
    [" ", "\n", "\n ", "_", "A", "FINDINGS ", "FINDINGS:", "FINDINGS\n", "(Over)\n", "FINAL REPORT\n", "A AND ",
     "\n \nx", "**",
     "WET READ: ", "\nWET READ:\n", "\n" + "_" * 12, "CHEST AP ", "\nCOMPARISON:\n\nx", "REASON FOR ",
     "\n# a", "CHEST\n"],
)  # fmt: skip
def test_hostile_text_takes_no_longer_than_its_length_allows(piece):
    parse_sections(piece * 100)
    started = time.process_time()
    parse_sections((piece * (100_000 // len(piece) + 1))[:100_000])
    assert time.process_time() - started < 3.0
