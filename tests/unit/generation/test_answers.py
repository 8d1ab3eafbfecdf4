"""A model's answer is read when it has the form that was asked for; anything else is a coded error."""

import json

import pytest
from fakes import sentence
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from radrag.errors import GenerationCode, GenerationError
from radrag.generation.answers import (
    LONGEST,
    LONGEST_ANSWER,
    MOST,
    MOST_CITED,
    SECTIONS,
    answer_schema,
    read_answer,
)

EVIDENCE = tuple(sentence(f"Text {n}.", case=f"c:{n}", number=n + 10) for n in range(3))
SCHEMA = Draft202012Validator(answer_schema(len(EVIDENCE)))


def code_of(text, sections=SECTIONS):
    with pytest.raises(GenerationError) as caught:
        read_answer(text, EVIDENCE, sections)
    return caught.value.code


def answer(*findings, impression=()):
    return json.dumps({"findings": list(findings), "impression": list(impression)})


def said(text="The heart is normal.", evidence=(1,)):
    return {"text": text, "evidence": list(evidence)}


def test_each_sentence_comes_with_the_evidence_that_it_names_in_reading_order():
    text = (
        '{"impression": [{"text": "Normal.", "evidence": [3, 3, 1]}], "findings": [{"evidence": [2], "text": "Cl."}]}'
    )
    read = read_answer(text, EVIDENCE)
    assert [(one.section, one.text, one.hints) for one in read] == [
        ("findings", "Cl.", (("c:1", "findings", 11),)),
        ("impression", "Normal.", (("c:2", "findings", 12), ("c:0", "findings", 10))),
    ]


def test_line_breaks_and_blanks_in_a_sentence_are_folded():
    assert read_answer(answer(said(" The\n heart\u00a0 is\tbig. ")), EVIDENCE)[0].text == "The heart is big."


@pytest.mark.parametrize(
    "around", ["{}", "\ufeff{}", " \n{}\n ", "```json\n{}\n```", "```\n{}```", "\n```json \n{}\n```\n"]
)
def test_a_fence_or_a_byte_order_mark_around_the_answer_is_let_pass(around):
    assert len(read_answer(around.replace("{}", answer(said())), EVIDENCE)) == 1


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_nothing_is_an_error_of_its_own(text):
    assert code_of(text) == GenerationCode.EMPTY


@pytest.mark.parametrize(
    "text",
    [
        "The heart is normal.",
        "[]",
        "{}",
        "null",
        "NaN",
        "9" * 10_000,
        "[" * 10_000,
        '{"findings":' * 1_000,
        "```json\n" + "\n" * 10_000,
        "```json\n" * 1_000,
        answer(said()) + " That is all.",
        "Here it is: " + answer(said()),
        answer(said()) * 2,
        answer(said())[:-1],
        '{"findings": []}',
        '{"findings": [], "impression": [], "advice": []}',
        '{"findings": [], "impression": [], "findings": []}',
        '{"findings": null, "impression": []}',
        '{"findings": {}, "impression": []}',
        '{"findings": ["The heart is normal."], "impression": []}',
        '{"findings": [{"text": "A.", "text": "B.", "evidence": [1]}], "impression": []}',
        '{"findings": [{"text": "A.\x01", "evidence": [1]}], "impression": []}',
        answer({"text": "A."}),
        answer({"evidence": [1]}),
        answer(said() | {"side": "left"}),
        answer(said(text="")),
        answer(said(text=" \n")),
        answer(said() | {"text": 5}),
        answer(said() | {"text": None}),
        answer(said() | {"evidence": 1}),
        answer(said() | {"evidence": "1"}),
        answer(said(evidence=())),
        answer(said(evidence=(0,))),
        answer(said(evidence=(-1,))),
        answer(said(evidence=(4,))),
        answer(said(evidence=(1, 99))),
        answer(said(evidence=("1",))),
        answer(said(evidence=(True,))),
        answer(said(evidence=(1.5,))),
        answer(said(evidence=([1],))),
        answer(said(evidence=(float("nan"),))),
        answer(said(evidence=(float("inf"),))),
        answer(said(evidence=(10**4000,))),
        answer(said(evidence=[1] * (MOST_CITED + 1))),
        answer(said()).replace("[1]", f"[{'9' * 5_000}]"),
    ],
)
def test_another_form_is_unreadable(text):
    assert code_of(text) == GenerationCode.UNREADABLE


def test_one_sentence_without_evidence_spoils_the_whole_answer():
    assert code_of(answer(said(), said(evidence=()))) == GenerationCode.UNREADABLE


def test_too_much_is_an_error_of_its_own():
    assert code_of("x" * (LONGEST_ANSWER + 1)) == GenerationCode.TOO_LONG
    assert code_of(answer(said("x" * (LONGEST + 1)))) == GenerationCode.TOO_LONG
    assert code_of(answer(*[said()] * (MOST["findings"] + 1))) == GenerationCode.TOO_LONG
    assert len(read_answer(answer(said("x" * LONGEST), *[said()] * (MOST["findings"] - 1)), EVIDENCE)) == 14


def test_an_answer_for_one_section_has_just_that_section():
    assert read_answer('{"impression": []}', EVIDENCE, ("impression",)) == ()
    assert code_of(answer(said()), ("findings",)) == GenerationCode.UNREADABLE


def test_no_message_quotes_the_model():
    for text in ("secret", answer(said("secret", [9])), '{"secret": 1}', answer({"secret": 1})):
        with pytest.raises(GenerationError) as caught:
            read_answer(text, EVIDENCE)
        assert "secret" not in str(caught.value)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
almost_sentence = st.fixed_dictionaries(
    {
        "text": st.text(max_size=8) | st.just("x" * LONGEST) | anything,
        "evidence": st.lists(st.integers(-1, 5) | st.booleans() | st.floats(0, 5), max_size=8) | anything,
    },
    optional={"more": anything},
)
almost_answer = st.fixed_dictionaries(
    {"findings": st.lists(almost_sentence, max_size=16), "impression": st.lists(almost_sentence, max_size=2)},
    optional={"advice": anything},
)
right_sentence = st.fixed_dictionaries(
    {"text": st.text(min_size=1, max_size=20), "evidence": st.lists(st.sampled_from([1, 2, 3, 2.0]), min_size=1)}
)
right_answer = st.fixed_dictionaries(
    {section: st.lists(right_sentence, max_size=MOST[section] + 1) for section in SECTIONS}
)


def is_valid(value):
    """Whether the schema allows a value; that a text is not blank it cannot say in a way that all servers know."""
    if not SCHEMA.is_valid(value):
        return False
    return all(one["text"].strip() for section in SECTIONS for one in value[section])


@given(value=anything | almost_answer | right_answer)
@example({"findings": [{"text": "A.", "evidence": [1.0]}], "impression": []})
@example({"findings": [{"text": "A.", "evidence": [1, 1, 2]}], "impression": []})
@example({"findings": [{"text": "\u2003", "evidence": [1]}], "impression": []})
def test_what_the_schema_allows_is_read_and_what_it_refuses_is_refused(value):
    text = json.dumps(value)
    if is_valid(value) and len(text) <= LONGEST_ANSWER:
        read = read_answer(text, EVIDENCE)
        assert [one.section for one in read] == [section for section in SECTIONS for _ in value[section]]
        assert all(one.text and one.hints for one in read)
    else:
        with pytest.raises(GenerationError):
            read_answer(text, EVIDENCE)


@given(text=st.text() | st.text(alphabet='{}[]",:`\\ \n\ufeff019eE+-.tfindgsimpreoxvcaulN', max_size=300))
@example("\ufeff")
@example("```")
@example("```json\n```")
@example('{"findings": [], "impression": []}\x00')
def test_any_text_is_read_or_refused_with_a_code(text):
    try:
        read = read_answer(text, EVIDENCE)
    except GenerationError as error:
        assert error.code in set(GenerationCode)
    else:
        assert all(one.text.strip() and one.hints for one in read)
