"""Sentences by exact offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.reports.sentences import split_sentences


def sentences(text):
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lungs are clear. No effusion.", ["Lungs are clear.", "No effusion."]),
        ("1. No effusion. 2. Normal heart.", ["1. No effusion.", "2. Normal heart."]),
        ("1. Clear\n2. Normal", ["1. Clear", "2. Normal"]),
        ("Seen by Dr. J. Smith today. Clear.", ["Seen by Dr. J. Smith today.", "Clear."]),
        ("A 1.5 cm nodule. Clear.", ["A 1.5 cm nodule.", "Clear."]),
        ("Called at 5 a.m. by phone. Clear.", ["Called at 5 a.m. by phone.", "Clear."]),
        ("Called at 5 a.m. The lungs are clear.", ["Called at 5 a.m.", "The lungs are clear."]),
        ("Fracture of T8. Heart normal.", ["Fracture of T8.", "Heart normal."]),
        ("Compared with XXXX. No change.", ["Compared with XXXX.", "No change."]),
        ("No change vs. prior film. Clear.", ["No change vs. prior film.", "Clear."]),
        ("Is there a nodule? No.", ["Is there a nodule?", "No."]),
        ("The heart is\nnormal in size. Clear.", ["The heart is\nnormal in size.", "Clear."]),
        ("Normal heart\n\nClear lungs", ["Normal heart", "Clear lungs"]),
        ("- Clear\n- Normal", ["- Clear", "- Normal"]),
        ("Lungs clear.Heart normal.", ["Lungs clear.", "Heart normal."]),
        ("Clear. .", ["Clear. ."]),
        ("Nodule (see series 2). Clear.", ["Nodule (see series 2).", "Clear."]),
        ("No. 2 rib fractured. Pneumothorax: no. Clear.", ["No. 2 rib fractured.", "Pneumothorax: no.", "Clear."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_reports_are_split_where_a_reader_would(text, expected):
    assert sentences(text) == expected


@given(st.text(alphabet=st.sampled_from("aB1. \n;!?-X)(,Drmp\u00a0é"), max_size=200) | st.text())
def test_spans_are_trimmed_ordered_and_cover_every_character(text):
    spans = split_sentences(text)
    covered = set()
    last = 0
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert text[start:end] == text[start:end].strip()
        covered.update(range(start, end))
        last = end
    assert all(n in covered for n, char in enumerate(text) if not char.isspace())
