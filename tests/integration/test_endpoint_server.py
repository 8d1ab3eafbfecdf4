"""A real server with a real model behind the endpoint, and the gate for restricted data before it."""

import json
import threading
import time

import jsonschema
import numpy as np
import pytest
from chat_server import MODEL, Answer, ChatServer, streamed
from fakes import hit, image_finding, sentence
from llama_server import CONTEXT, running_llama_server
from small_workspaces import SeesThis, drafter_of, frontal_study, report, small_workspace

from radrag.errors import GenerationCode, GenerationError, RestrictedData
from radrag.generation.answers import answer_schema, read_answer
from radrag.generation.base import GenerationRequest
from radrag.generation.endpoint import EndpointModel
from radrag.generation.model import ModelGenerator
from radrag.generation.prompt import Prompt

NO_ANSWER = {
    GenerationCode.CUT_OFF,
    GenerationCode.EMPTY,
    GenerationCode.UNREADABLE,
    GenerationCode.TOO_LONG,
    GenerationCode.REPETITIVE,
    GenerationCode.REFUSAL,
    GenerationCode.GIBBERISH,
}

EVIDENCE = (
    sentence("There is a left pleural effusion.", "Pleural Effusion", case="iu-xray:CXR2"),
    sentence("Pleural effusion is seen.", "Pleural Effusion", case="iu-xray:CXR3"),
    sentence("No pneumothorax.", "no Pneumothorax", case="iu-xray:CXR3", number=1),
)
REQUEST = GenerationRequest(
    (image_finding("Pleural Effusion", 0.9),), (hit("iu-xray:CXR2"), hit("iu-xray:CXR3", 2)), EVIDENCE
)
POEM = Prompt("You are a poet. Never write JSON.", json.dumps("Write a poem of the sea."), EVIDENCE)


@pytest.fixture(scope="module")
def server():
    with running_llama_server() as url:
        yield url


def small_model(server, **changes):
    return EndpointModel(server, "smollm2", **({"max_tokens": 250, "sends_pictures": False} | changes))


def test_the_server_tells_its_model(server):
    offer = small_model(server).check()
    assert offer.models == ("smollm2",)
    assert offer.has_model


def test_decoding_is_held_to_the_form_whatever_the_model_would_rather_write(server):
    schema = answer_schema(len(EVIDENCE), ["impression"])
    schema["properties"]["impression"]["maxItems"] = 1
    schema["properties"]["impression"]["items"]["properties"]["text"]["maxLength"] = 40
    schema["properties"]["impression"]["items"]["properties"]["evidence"]["maxItems"] = 2
    answer = small_model(server, max_tokens=500).complete(POEM, schema, (), 0)
    jsonschema.validate(json.loads(answer), schema)
    assert all(written.hints for written in read_answer(answer, EVIDENCE, ["impression"]))


def test_a_form_that_is_too_much_for_the_server_is_asked_for_less_strictly(server):
    too_much = {"type": "object", "properties": {"a": {"type": "string", "minLength": 5000}}, "required": ["a"]}
    model = small_model(server, max_tokens=8)
    with pytest.raises(GenerationError, match="cut_off"):
        model.complete(POEM, too_much, (), 0)
    assert model.card.parameters["form"] == "json_object"


def test_what_a_small_model_writes_is_a_report_with_evidence_or_an_error_and_never_text_by_itself(server):
    shown = {(one.case_id, one.section, one.number) for one in EVIDENCE}
    model = small_model(server)
    try:
        written = ModelGenerator(model).generate(REQUEST)
    except GenerationError as error:
        assert error.code in NO_ANSWER
    else:
        assert written.sentences
        for one in written.sentences:
            assert one.hints
            assert set(one.hints) <= shown
    assert model.card.parameters["served_model"] in {"smollm2", ""}


def test_a_prompt_longer_than_the_context_is_told_apart(server):
    long = Prompt("Answer in JSON.", json.dumps("lung " * 2 * CONTEXT), EVIDENCE)
    with pytest.raises(GenerationError) as error:
        small_model(server).complete(long, answer_schema(3), (), 0)
    assert error.value.code == GenerationCode.PROMPT_TOO_LONG


def test_a_model_without_eyes_says_so(server):
    with pytest.raises(GenerationError, match="reads no images"):
        small_model(server, sends_pictures=True).complete(POEM, {}, (np.zeros((8, 8), np.uint8),), 0)


def test_an_answer_that_has_no_room_for_its_end_is_cut_off(server):
    with pytest.raises(GenerationError) as error:
        small_model(server, max_tokens=8).complete(POEM, answer_schema(3), (), 0)
    assert error.value.code == GenerationCode.CUT_OFF


def test_cancelling_frees_the_server_for_the_next(server):
    cancel = threading.Event()
    threading.Timer(0.5, cancel.set).start()
    endless = {"type": "object", "properties": {"a": {"type": "string", "minLength": 2000}}, "required": ["a"]}
    begun = time.monotonic()
    with pytest.raises(GenerationError) as error:
        small_model(server, max_tokens=1500, cancelled=cancel.is_set).complete(POEM, endless, (), 0)
    assert error.value.code == GenerationCode.CANCELLED
    assert time.monotonic() - begun < 5
    with pytest.raises(GenerationError, match="cut_off"):
        small_model(server, max_tokens=1, timeout=15).complete(POEM, {"type": "object"}, (), 0)


@pytest.mark.parametrize("restricted", [False, True])
def test_restricted_evidence_reaches_no_server(tmp_path, restricted):
    cases = [
        report("own:1", "There is a left pleural effusion.", restricted=restricted),
        report("own:2", "Pleural effusion is seen. No pneumothorax."),
    ]
    workspace = small_workspace(tmp_path, cases)
    answer = '{"findings": [{"text": "Pleural effusion is seen.", "evidence": [1]}], "impression": []}'
    with ChatServer().running() as server:
        server.answers = [Answer(streamed(answer))]
        generator = ModelGenerator(EndpointModel(server.url, MODEL))
        drafter = drafter_of(workspace, SeesThis(Effusion=0.9), generator)
        if restricted:
            with pytest.raises(RestrictedData):
                drafter.draft(frontal_study())
            assert server.asked == []
        else:
            assert "Pleural effusion is seen." in [one.text for one in drafter.draft(frontal_study()).sentences]
            assert server.asked
    workspace.store.close()
