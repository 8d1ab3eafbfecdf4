"""Column types give back what was put in, and refuse what a database would bend."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import Polarity
from radrag.errors import StoreError
from radrag.store.columns import ExactText, JsonText, Real, Words

ANY = None  # no type looks at the dialect


@given(st.none() | st.floats())
def test_a_float_survives_and_nan_is_one_object(value):
    loaded = Real().process_result_value(Real().process_bind_param(value, ANY), ANY)
    if value is None or math.isnan(value):
        assert id(loaded) == id(math.nan)
    else:
        assert loaded == value


@given(st.recursive(st.none() | st.floats(allow_nan=False) | st.text() | st.integers(), st.lists))
def test_json_survives(value):
    assert JsonText().process_result_value(JsonText().process_bind_param(value, ANY), ANY) == value


def test_json_keeps_nan_and_infinity():
    nan, infinite = JsonText().process_result_value(JsonText().process_bind_param([math.nan, -math.inf], ANY), ANY)
    assert id(nan) == id(math.nan)
    assert infinite == -math.inf


def test_null_json_is_none():
    assert JsonText().process_result_value(None, ANY) is None


def test_words_are_kept_as_their_value_and_read_as_members():
    words = Words(Polarity)
    assert words.process_bind_param(Polarity.POSITIVE, ANY) == words.process_bind_param("positive", ANY) == "positive"
    assert words.process_result_value("positive", ANY) is Polarity.POSITIVE
    assert words.process_bind_param(None, ANY) is words.process_result_value(None, ANY) is None


def test_a_word_the_database_should_not_hold_is_an_error():
    with pytest.raises(StoreError, match=r"'maybe' is no Polarity\. One of: positive, negative, uncertain"):
        Words(Polarity).process_result_value("maybe", ANY)


@pytest.mark.parametrize(("text", "message"), [("a\x00", "NUL"), ("\udc80", "surrogate")])
def test_text_no_database_holds_is_refused_everywhere(text, message):
    with pytest.raises(StoreError, match=message):
        ExactText().process_bind_param(text, ANY)


def test_other_text_passes():
    assert ExactText().process_bind_param("möglich 🫁", ANY) == "möglich 🫁"
    assert ExactText().process_bind_param(None, ANY) is None
