"""What the endpoint sends, what it takes for an answer, and what it says of itself."""

import base64
import io
import json

import numpy as np
import pytest
from chat_server import MODEL, Answer, ChatServer, event, streamed
from fakes import hit, image_finding, sentence
from PIL import Image

from radrag.domain import Sentence
from radrag.errors import GenerationCode, GenerationError, RadragError, RestrictedData, UsageError
from radrag.generation.answers import answer_schema
from radrag.generation.base import GenerationRequest, RewriteTask
from radrag.generation.endpoint import EndpointModel
from radrag.generation.model import ModelGenerator
from radrag.generation.prompt import Prompt

EVIDENCE = (Sentence("iu-xray:CXR1", "findings", 0, 0, 30, "There is a small left effusion."),)
SCHEMA = answer_schema(1)
ANSWER = '{"findings": [{"text": "Left pleural effusion.", "evidence": [1]}], "impression": []}'


def prompt_of(text="There is a small left effusion.", system="Answer in JSON."):
    return Prompt(system, json.dumps({"evidence": [{"number": 1, "text": text}]}), EVIDENCE)


@pytest.fixture
def server():
    with ChatServer().running() as running:
        yield running


def model_of(server, **changes):
    return EndpointModel(server.url, MODEL, **({"patience": 5.0, "timeout": 10.0, "retries": 0} | changes))


def ask(server, *body, kind="text/event-stream", pictures=(), **changes):
    if body:
        server.answers = [Answer(body, kind=kind)]
    return model_of(server, **changes).complete(prompt_of(), SCHEMA, pictures, seed=7)


def refusal(server, *body, **how):
    with pytest.raises(GenerationError) as error:
        ask(server, *body, **how)
    return error.value


def test_the_request_asks_for_the_form_and_names_model_seed_and_limits(server):
    ask(server, *streamed(ANSWER), max_tokens=99, temperature=0.4)
    (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    body = asked.body
    assert body.pop("messages") == [
        {"role": "system", "content": prompt_of().system},
        {"role": "user", "content": prompt_of().user},
    ]
    assert body.pop("response_format") == {
        "type": "json_schema",
        "json_schema": {"name": "report", "strict": True, "schema": SCHEMA},
    }
    assert body == {"model": MODEL, "temperature": 0.4, "max_tokens": 99, "seed": 7, "stream": True}


@pytest.mark.parametrize("status", [400, 422])
def test_a_form_that_the_server_refuses_is_asked_for_less_strictly_and_not_tried_again(server, status):
    server.answers = [Answer([b'{"error": "no schema"}'], status=status, kind="application/json")] * 2
    server.answers += [Answer(streamed(ANSWER))]
    model = model_of(server)
    for _ in range(2):
        assert model.complete(prompt_of(), SCHEMA, (), 0) == ANSWER
    forms = [asked.body.get("response_format", {}).get("type") for asked in server.asked]
    assert forms == ["json_schema", "json_object", None, None]
    assert model.card.parameters["form"] == ""


def test_a_request_refused_in_every_form_says_so_and_the_strictest_form_stays(server):
    server.answers = [Answer([b'{"error": "Doe^Jane is no image"}'], status=400, kind="application/json")]
    model = model_of(server)
    for _ in range(2):
        with pytest.raises(GenerationError) as error:
            model.complete(prompt_of(), SCHEMA, (), 0)
        assert error.value.code == GenerationCode.BAD_REPLY
        assert "Doe" not in str(error.value)
    assert [asked.body.get("response_format", {}).get("type") for asked in server.asked].count("json_schema") == 2


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."),  # vLLM
        (400, "You passed 1015 input tokens. However, the model's context length is only 1024 tokens."),
        (400, "the request exceeds the available context size, try increasing it"),  # llama.cpp
        (500, "the request exceeds the available context size. try increasing the context size"),
        (422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096."),  # TGI
        (400, "request (3031 tokens) exceeds the available context size (512 tokens), try increasing it"),
        (413, ""),
    ],
)
def test_a_prompt_that_has_no_room_is_told_apart_and_sent_once(server, status, message):
    body = json.dumps({"error": {"message": message, "code": status}}).encode()
    server.answers = [Answer([body], status=status, kind="application/json")]
    with pytest.raises(GenerationError) as error:
        model_of(server, retries=3).complete(prompt_of(), SCHEMA, (), 0)
    assert error.value.code == GenerationCode.PROMPT_TOO_LONG
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "image input is not supported - hint: you may need to provide the mmproj"),  # llama.cpp
        (400, "At most 0 image(s) may be provided in one prompt."),  # vLLM
        (400, "some/model is not a multimodal model"),
    ],
)
def test_a_model_that_reads_no_images_is_told_apart_and_asked_once(server, status, message):
    body = json.dumps({"error": {"message": message, "code": status}}).encode()
    server.answers = [Answer([body], status=status, kind="application/json")]
    with pytest.raises(GenerationError, match="no images") as error:
        model_of(server, retries=3).complete(prompt_of(), SCHEMA, (), 0)
    assert error.value.code == GenerationCode.BAD_REPLY
    assert len(server.asked) == 1


def test_no_error_repeats_what_the_server_says_or_the_key(server):
    secret = "Doe^Jane 4711"
    for status in (400, 401, 403, 404, 409, 429, 500, 503):
        server.answers = [Answer([secret.encode()], status=status, headers={"X-Echo": secret})]
        error = refusal(server, key="k-secret")
        assert not any(word in str(error) for word in ("Doe", "4711", "k-secret"))


def test_the_key_goes_only_into_its_header_and_shows_nowhere(server):
    model = model_of(server, key="k-secret")
    server.answers = [Answer(streamed(ANSWER))]
    model.complete(prompt_of(), SCHEMA, (), 0)
    (asked,) = server.asked
    assert asked.headers["authorization"] == "Bearer k-secret"
    assert b"k-secret" not in asked.raw
    assert "k-secret" not in f"{model.card} {vars(model)}"


def test_a_key_with_a_line_break_cannot_add_a_header(server):
    with pytest.raises(UsageError) as error:
        model_of(server, key="k-secret\r\nX-Other: 1")
    assert "k-secret" not in str(error.value)


def test_pictures_go_as_small_png_without_metadata_before_the_text(server):
    picture = np.tile(np.arange(256, dtype=np.uint8), (3000, 8))
    ask(server, *streamed(ANSWER), pictures=(picture, picture[:10, :20]))
    first, second, text = server.asked[0].body["messages"][1]["content"]
    assert text == {"type": "text", "text": prompt_of().user}
    images = []
    for part in (first, second):
        head, _, data = part["image_url"]["url"].partition(",")
        assert head == "data:image/png;base64"
        images.append(Image.open(io.BytesIO(base64.b64decode(data))))
    assert [image.size for image in images] == [(699, 1024), (20, 10)]
    assert all(image.mode == "L" and not image.info for image in images)
    assert np.array_equal(np.asarray(images[1]), picture[:10, :20])


def test_a_model_without_eyes_gets_the_text_alone(server):
    ask(server, *streamed(ANSWER), pictures=(np.zeros((4, 4), np.uint8),), sends_pictures=False)
    assert server.asked[0].body["messages"][1]["content"] == prompt_of().user


def test_a_picture_of_another_kind_is_refused_before_anything_is_sent(server):
    with pytest.raises(UsageError, match="uint8"):
        ask(server, pictures=(np.zeros((4, 4), np.float32),))
    assert server.asked == []


IDENTIFIERS = [
    "Doe^Jane.",
    "Study A1234567.",
    "Call 555-1234.",
    "Seen by Dr. Miller.",
    "Born 03/14/1961.",
    "MRN 4711.",
    "Accession 8812.",
    "Number 123456789.",
    "A 63-year-old man.",
    "At 10:45 in the morning.",
]


@pytest.mark.parametrize("text", IDENTIFIERS)
def test_a_prompt_with_an_identifier_is_refused_before_anything_is_sent(server, text):
    with pytest.raises(RestrictedData) as error:
        model_of(server).complete(prompt_of(f"Clear lungs. {text}"), SCHEMA, (), 0)
    assert server.asked == []
    assert text not in str(error.value)


@pytest.mark.parametrize("planted", IDENTIFIERS)
def test_identifiers_in_indication_evidence_and_notes_never_reach_the_server(server, planted):
    clear = sentence("The lungs are clear.", "no Consolidation", "no Pneumothorax")
    effusion = sentence("There is a left pleural effusion.", "Pleural Effusion", case="iu-xray:CXR2")
    named = sentence(f"Pleural effusion. {planted}", "Pleural Effusion", case="iu-xray:CXR3")
    request = GenerationRequest(
        (image_finding("Pleural Effusion", 0.9),),
        (hit("iu-xray:CXR1"), hit("iu-xray:CXR2", 2), hit("iu-xray:CXR3", 3)),
        (clear, effusion, named),
        indication=f"Dyspnea. {planted}",
    )
    task = RewriteTask("findings", f"Effusion. {planted}", f"Say left. {planted}", (effusion, named))
    server.answers = [Answer(streamed(ANSWER))]
    generator = ModelGenerator(model_of(server))
    generator.generate(request)
    server.answers = [Answer(streamed('{"findings": []}'))]
    generator.rewrite(request, task)
    assert len(server.asked) == 2
    sent = b" ".join(asked.raw for asked in server.asked)
    assert b"Dyspnea" in sent
    assert b"Say left" in sent
    assert planted.encode() not in sent
    assert b"CXR2" not in sent


def test_the_card_says_remote_and_tells_model_and_server_but_no_path_or_key(server):
    model = EndpointModel(f"{server.url}/tenant-secret/", MODEL, key="k")
    card = model.card
    assert card.remote
    assert (card.name, card.version) == ("endpoint", "1")
    assert card.parameters["server"] == f"http://127.0.0.1:{server.port}"
    assert "tenant-secret" not in str(card)
    others = [EndpointModel(server.url, "other"), EndpointModel(server.url, MODEL, temperature=0.5)]
    assert len({card.sha256, *(other.card.sha256 for other in others)}) == 3
    assert card.sha256 == EndpointModel(server.url, MODEL).card.sha256


def test_the_card_tells_the_model_that_answered_made_harmless(server):
    model = model_of(server)
    assert model.card.parameters["served_model"] == ""
    value = {
        "model": "name\n\x1b[31m" + "x" * 500,
        "choices": [{"delta": {"content": ANSWER}, "finish_reason": "stop"}],
    }
    server.answers = [Answer([event(value)])]
    model.complete(prompt_of(), SCHEMA, (), 0)
    served = model.card.parameters["served_model"]
    assert served.isprintable()
    assert len(served) == 200


def test_check_tells_what_the_server_offers(server):
    offer = model_of(server, key="k").check()
    assert offer.models == (MODEL,)
    assert offer.has_model
    assert not EndpointModel(server.url, "another").check().has_model
    assert server.asked[0].method == "GET"
    assert server.asked[0].path == "/v1/models"


@pytest.mark.parametrize("models", [[], {"data": "none"}, {"data": None}, "text"])
def test_a_list_of_models_that_is_none_is_a_bad_reply(server, models):
    server.models = models
    with pytest.raises(GenerationError) as error:
        model_of(server).check()
    assert error.value.code == GenerationCode.BAD_REPLY


@pytest.mark.parametrize(
    "changes",
    [{"timeout": 0}, {"patience": -1}, {"retries": -1}, {"max_tokens": 0}, {"temperature": -0.1}, {"temperature": 9}],
)
def test_limits_that_cannot_be_meant_are_refused(changes):
    with pytest.raises(UsageError):
        EndpointModel("http://127.0.0.1:1/v1", MODEL, **changes)


def test_an_answer_that_cites_nothing_is_asked_for_again_and_then_refused(server):
    server.answers = [Answer(streamed('{"findings": [{"text": "All well.", "evidence": []}]}'))]
    request = GenerationRequest(
        (image_finding("Pleural Effusion", 0.9),),
        (hit("iu-xray:CXR2"),),
        (sentence("There is a left pleural effusion.", "Pleural Effusion", case="iu-xray:CXR2"),),
    )
    with pytest.raises(RadragError) as error:
        ModelGenerator(model_of(server)).generate(request)
    assert error.value.code == GenerationCode.UNREADABLE
    assert [asked.body["seed"] for asked in server.asked] == [0, 1]


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "glm-4.6:cloud"])
def test_models_that_a_local_ollama_sends_on_are_refused_unless_requests_may_leave(name):
    with pytest.raises(UsageError, match="internet"):
        EndpointModel("http://127.0.0.1:11434/v1", name)
    assert EndpointModel("http://127.0.0.1:11434/v1", name, anywhere=True).card.parameters["model"] == name
