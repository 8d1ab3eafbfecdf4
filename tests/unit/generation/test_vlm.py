"""What a local model writes: always of the form, the same for a seed, from the pictures, and no longer than allowed."""

import json
import threading

import numpy as np
import pytest
import torch
from fakes import hit, image_finding, sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_generators import CHATML, FAMILIES, generator_folder, save_llama, tiny_tokenizer

from radrag.errors import GenerationCode, GenerationError
from radrag.generation.answers import SECTIONS, answer_schema, read_answer
from radrag.generation.base import GenerationRequest, RewriteTask
from radrag.generation.chat import model_inputs
from radrag.generation.model import ModelGenerator
from radrag.generation.plan import make_plan
from radrag.generation.prompt import Prompt, report_prompt, rewrite_prompt
from radrag.generation.vlm import VlmModel

SEEING = sorted(set(FAMILIES) - {"llama"})
EVIDENCE = tuple(sentence("The lungs are clear.", case=f"iu-xray:{number}") for number in range(1, 6))
PROMPT = Prompt("Write a report.", json.dumps({"evidence": [one.text for one in EVIDENCE]}), EVIDENCE)
SCHEMA = answer_schema(len(EVIDENCE))
SHORT = answer_schema(len(EVIDENCE), ("impression",))
FILM = np.tile(np.arange(150, dtype=np.uint8), (200, 1))
MANY = 8_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    loaded = {}

    def load(family):
        if family not in loaded:
            folder = generator_folder(tmp_path_factory, family)
            loaded[family] = VlmModel.load(str(folder), cache=folder / "cache", max_new_tokens=MANY)
        return loaded[family]

    return load


@pytest.fixture(scope="module")
def llama(tmp_path_factory):
    return generator_folder(tmp_path_factory, "llama")


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_whatever_the_seed_the_answer_can_be_read_and_every_sentence_cites(model, family, seed):
    answer = model(family).complete(PROMPT, SCHEMA, (FILM,), seed)
    sentences = read_answer(answer, EVIDENCE)
    assert json.loads(answer).keys() == set(SECTIONS)
    assert all(one.hints and one.text.endswith(".") and one.text.isascii() for one in sentences)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_seed_gives_one_answer_and_another_seed_another(model, family):
    answers = [model(family).complete(PROMPT, SHORT, (FILM,), seed) for seed in (0, 0, 5, 5, 6, 7, 8)]
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]
    assert len(set(answers)) >= 3


@pytest.mark.parametrize("family", SEEING)
def test_another_picture_gives_another_answer(model, family):
    noise = np.random.default_rng(0).integers(0, 255, FILM.shape, dtype=np.uint8)
    answers = {model(family).complete(PROMPT, SCHEMA, pictures, 3) for pictures in ((), (FILM,), (noise,))}
    assert model(family).card.sees
    assert len(answers) == 3


def test_a_model_without_eyes_leaves_pictures_out(model):
    assert not model("llama").card.sees
    assert model("llama").complete(PROMPT, SHORT, (FILM,), 0) == model("llama").complete(PROMPT, SHORT, (), 0)


def test_two_views_are_both_shown(model):
    answer = model("qwen2_vl").complete(PROMPT, SHORT, (FILM, FILM.T.copy()), 0)
    assert answer != model("qwen2_vl").complete(PROMPT, SHORT, (FILM,), 0)


def test_threads_take_turns_and_nobody_elses_random_numbers_change(model):
    alone = {seed: model("llama").complete(PROMPT, SHORT, (), seed) for seed in (1, 2)}
    together = {}
    torch.manual_seed(11)
    threads = [
        threading.Thread(
            target=lambda seed=seed: together.update({seed: model("llama").complete(PROMPT, SHORT, (), seed)})
        )
        for seed in (1, 2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = torch.rand(1)
    torch.manual_seed(11)
    assert together == alone
    assert after == torch.rand(1)


def test_progress_counts_tokens_and_nothing_else_reaches_the_screen(llama, tmp_path, capfd):
    counts = []
    model = VlmModel.load(str(llama), cache=tmp_path, progress=counts.append)
    answer = model.complete(PROMPT, SHORT, (), 1)
    assert counts == list(range(1, len(counts) + 1))
    assert 0 < len(counts) <= len(answer)
    assert capfd.readouterr() == ("", "")


def test_a_cancelled_answer_ends_at_the_next_token(llama, tmp_path):
    counts = []
    model = VlmModel.load(str(llama), cache=tmp_path, progress=counts.append, cancelled=lambda: len(counts) == 3)
    with pytest.raises(GenerationError) as caught:
        model.complete(PROMPT, SCHEMA, (), 0)
    assert caught.value.code == GenerationCode.CANCELLED
    assert len(counts) == 3


def test_an_unfinished_answer_is_an_error_and_no_text(llama, tmp_path):
    model = VlmModel.load(str(llama), cache=tmp_path, max_new_tokens=12)
    with pytest.raises(GenerationError) as caught:
        model.complete(PROMPT, SCHEMA, (), 0)
    assert caught.value.code == GenerationCode.CUT_OFF
    assert "12" in str(caught.value)


def test_memory_that_runs_out_while_writing_is_told_as_such(llama, tmp_path, monkeypatch):
    model = VlmModel.load(str(llama), cache=tmp_path)

    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model._network, "generate", full)
    with pytest.raises(GenerationError) as caught:
        model.complete(PROMPT, SCHEMA, (), 0)
    assert caught.value.code == GenerationCode.OUT_OF_MEMORY


def request_with_a_mass():
    """A mass in the image; two reports that state it, one of them with much else in it."""
    stating = [sentence("There is a mass.", "Mass", case=f"iu-xray:{number}") for number in (1, 2)]
    others = [
        sentence(f"The {bone} is intact and of normal height.", case="iu-xray:1", number=number)
        for number, bone in enumerate(("spine", "first rib", "second rib", "clavicle", "sternum", "scapula"), start=1)
    ]
    hits = (hit("iu-xray:1"), hit("iu-xray:2", 2))
    return GenerationRequest((image_finding("Mass", 0.9),), hits, (*stating, *others), pictures=(FILM,))


class Recording:
    """A model that keeps what it was asked."""

    def __init__(self, model):
        self.card = model.card
        self.asked = []
        self._model = model

    def complete(self, prompt, schema, pictures, seed):
        self.asked.append((prompt, seed))
        return self._model.complete(prompt, schema, pictures, seed)


def test_a_report_is_written_from_a_request(model):
    request = request_with_a_mass()
    prompt = report_prompt(request, make_plan(request))
    output = model("idefics3").complete(prompt, answer_schema(len(prompt.evidence)), request.pictures, 4)
    assert read_answer(output, prompt.evidence)


def test_where_the_prompt_is_too_long_the_examples_are_left_out(tmp_path):
    request = request_with_a_mass()
    plan = make_plan(request)
    prompts = [report_prompt(request, plan, examples=examples) for examples in (3, 0)]
    tokenizer = tiny_tokenizer(template=CHATML)
    lengths = [model_inputs(tokenizer, prompt, (), sees=False)["input_ids"].shape[1] for prompt in prompts]
    folder = save_llama(tmp_path, longest=lengths[1] + 20)
    recording = Recording(VlmModel.load(str(folder), cache=tmp_path, max_new_tokens=20))
    with pytest.raises(GenerationError) as caught:
        ModelGenerator(recording).generate(request)
    assert caught.value.code in {GenerationCode.CUT_OFF, GenerationCode.EMPTY}  # twenty tokens are no report
    assert [prompt for prompt, _ in recording.asked] == [prompts[0], prompts[1], prompts[1]]


def test_a_prompt_that_is_too_long_is_told_with_its_length(tmp_path):
    model = VlmModel.load(str(save_llama(tmp_path, longest=600)), cache=tmp_path, max_new_tokens=500)
    with pytest.raises(GenerationError) as caught:
        model.complete(Prompt("Write.", "mass " * 200, EVIDENCE), SCHEMA, (), 0)
    assert caught.value.code == GenerationCode.PROMPT_TOO_LONG
    assert "500" in str(caught.value)
    assert "600" in str(caught.value)


def test_a_sentence_is_rewritten_in_its_own_section(model):
    request = request_with_a_mass()
    task = RewriteTask("impression", "There is a large mass.", "no evidence says large", request.evidence)
    prompt = rewrite_prompt(request, task)
    schema = answer_schema(len(prompt.evidence), ("impression",))
    for seed in range(3):
        answer = model("llava").complete(prompt, schema, request.pictures, seed)
        assert {one.section for one in read_answer(answer, prompt.evidence, ("impression",))} <= {"impression"}
