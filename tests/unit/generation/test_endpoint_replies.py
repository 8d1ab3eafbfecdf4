"""What counts as an answer of a server, and that nothing else ever does."""

import json

import pytest
from chat_server import MODEL, Answer, ChatServer, chunk, event, streamed, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.domain import Sentence
from radrag.errors import GenerationCode, GenerationError
from radrag.generation.answers import answer_schema, read_answer
from radrag.generation.endpoint import EndpointModel
from radrag.generation.prompt import Prompt

EVIDENCE = (Sentence("iu-xray:CXR1", "findings", 0, 0, 30, "There is a small left effusion."),)
PROMPT = Prompt("Answer in JSON.", json.dumps({"evidence": []}), EVIDENCE)
ANSWER = '{"findings": [{"text": "Left pleural effusion.", "evidence": [1]}], "impression": []}'


@pytest.fixture
def server():
    with ChatServer().running() as running:
        yield running


def ask(server, *body, kind="text/event-stream"):
    server.answers = [Answer(body, kind=kind)]
    model = EndpointModel(server.url, MODEL, patience=5.0, timeout=10.0, retries=0)
    return model.complete(PROMPT, answer_schema(1), (), 0)


def refusal(server, *body, **how):
    with pytest.raises(GenerationError) as error:
        ask(server, *body, **how)
    return error.value


def test_pieces_of_a_stream_become_one_answer(server):
    assert ask(server, *streamed(ANSWER[:9], ANSWER[9:40], ANSWER[40:])) == ANSWER


def test_a_server_that_ignores_streaming_is_read_all_the_same(server):
    assert ask(server, whole(ANSWER), kind="application/json; charset=utf-8") == ANSWER


def test_events_may_be_cut_anywhere_even_inside_a_letter(server):
    body = b"".join(streamed("Épanchement ", "pleural"))
    assert ask(server, *(body[at : at + 3] for at in range(0, len(body), 3))) == "Épanchement pleural"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (streamed(ANSWER[:30], finish="length"), GenerationCode.CUT_OFF),
        (streamed("I will", finish="content_filter"), GenerationCode.REFUSAL),
        ([chunk({"refusal": "I cannot look at patients."})], GenerationCode.REFUSAL),
        (streamed(ANSWER, finish="tool_calls"), GenerationCode.BAD_REPLY),
        ([event("<html>")], GenerationCode.BAD_REPLY),
        ([event([1, 2])], GenerationCode.BAD_REPLY),
        ([event({"object": "chunk"})], GenerationCode.BAD_REPLY),
        ([event({"choices": "none"})], GenerationCode.BAD_REPLY),
        ([event({"choices": [{"text": ANSWER}]})], GenerationCode.BAD_REPLY),
        ([chunk({"content": {"text": ANSWER}})], GenerationCode.BAD_REPLY),
        ([event({"error": {"message": "CUDA out of memory"}})], GenerationCode.BAD_REPLY),
        ([event({"error": "maximum context length is 512"})], GenerationCode.PROMPT_TOO_LONG),
        ([b"data: " + b"x" * 40_000_000], GenerationCode.BAD_REPLY),
        ([chunk({"content": "no " * 1000}) for _ in range(40)], GenerationCode.TOO_LONG),
    ],
)
def test_a_stream_that_is_no_whole_answer_is_an_error_with_a_code(server, body, code):
    assert refusal(server, *body).code == code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", GenerationCode.BAD_REPLY),
        (b"Bad gateway", GenerationCode.BAD_REPLY),
        (b"[]", GenerationCode.BAD_REPLY),
        (b"[" * 100_000, GenerationCode.BAD_REPLY),
        (b'{"choices": []}', GenerationCode.BAD_REPLY),
        (whole(None), GenerationCode.BAD_REPLY),
        (whole(["text"]), GenerationCode.BAD_REPLY),
        (whole(ANSWER, finish=None), GenerationCode.BAD_REPLY),
        (whole(ANSWER, finish="length"), GenerationCode.CUT_OFF),
        (whole(None, refusal="I cannot."), GenerationCode.REFUSAL),
        (whole("a" * 30_000), GenerationCode.TOO_LONG),
    ],
)
def test_an_object_that_is_no_whole_answer_is_an_error_with_a_code(server, body, code):
    assert refusal(server, body, kind="application/json").code == code


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(
                        st.sampled_from(["choices", "delta", "content", "message", "error", "finish_reason", "model"]),
                        inner,
                        max_size=4,
                    )
                ),
                max_leaves=12,
            ).map(event),
        ),
        max_size=4,
    )
)
def test_whatever_a_server_streams_is_an_answer_or_an_error_of_ours(body):
    with ChatServer().running() as server:
        try:
            assert isinstance(ask(server, *body), str)
        except GenerationError as error:
            assert error.code in set(GenerationCode)


def test_the_answer_of_a_sound_server_reads(server):
    (read,) = read_answer(ask(server, *streamed(ANSWER)), EVIDENCE)
    assert (read.text, read.hints) == ("Left pleural effusion.", (("iu-xray:CXR1", "findings", 0),))
