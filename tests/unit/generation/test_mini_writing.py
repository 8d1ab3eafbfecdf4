"""Guessing ahead changes how often the network is asked, and nothing of what is written."""

import json
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_generators import generator_folder
from transformers import AutoTokenizer

from radrag.generation import mini_writing
from radrag.generation.answers import answer_schema
from radrag.generation.constrained import TokenVocabulary
from radrag.generation.mini_writing import AHEAD, ALIKE, guessed, write

ANSWER = {
    "findings": [{"text": "There is a mass.", "evidence": [1]}, {"text": "No effusion.", "evidence": [2]}],
    "impression": [],
}


class Cache:
    """Remembers the tokens that were passed in."""

    def __init__(self):
        self.tokens = []

    def crop(self, fewer):
        assert fewer < 0
        del self.tokens[fewer:]


class Says:
    """A network that wants to say one text, whatever was said before; its embeddings are the tokens themselves."""

    def __init__(self, prompt, answer, size):
        self.wanted, self.size = [*prompt, *answer], size

    def get_input_embeddings(self):
        return lambda ids: ids[..., None].double()

    def __call__(self, inputs_embeds, past_key_values, use_cache, logits_to_keep):
        cache = past_key_values or Cache()
        cache.tokens += inputs_embeds[0, :, 0].long().tolist()
        logits = torch.zeros(1, logits_to_keep, self.size)
        for row, length in enumerate(range(len(cache.tokens) - logits_to_keep + 1, len(cache.tokens) + 1)):
            assert row > 0 or cache.tokens[:length] == self.wanted[:length]  # what was wrongly guessed is forgotten
            logits[0, row, self.wanted[min(length, len(self.wanted) - 1)]] = 1
        return SimpleNamespace(logits=logits, past_key_values=cache)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    return AutoTokenizer.from_pretrained(generator_folder(tmp_path_factory, "llama"))


def written(tokenizer, prompt, *, guessing, most=400, expected=""):
    """Return what is written, and in how many passes."""
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    answer = tokenizer(json.dumps(ANSWER), add_special_tokens=False)["input_ids"]
    network = Says(asked, answer, len(tokenizer))
    constraint = TokenVocabulary(tokenizer, len(tokenizer), [tokenizer.eos_token_id]).constrain(
        answer_schema(3), len(asked)
    )
    ids = torch.tensor([asked])
    with pytest.MonkeyPatch.context() as patched:
        if not guessing:
            patched.setattr(mini_writing, "AHEAD", 0)
        passes = write(
            network, constraint, network.get_input_embeddings()(ids), ids, lambda one: one.argmax(-1, keepdim=True),
            ends=[tokenizer.eos_token_id], most=most,
            expected=tokenizer(expected, add_special_tokens=False)["input_ids"],
        )  # fmt: skip
    return constraint.text, passes


@pytest.mark.parametrize(
    "prompt",
    [
        'There is a mass. "1": "There is a mass.", "2": "No effusion."',
        "There is a nodule. No edema, no effusion",
        "x",
    ],
)
def test_guessing_writes_the_same_in_no_more_passes(tokens, prompt):
    whole, most = written(tokens, prompt, guessing=False)
    assert json.loads(whole) == ANSWER
    assert written(tokens, prompt, guessing=True)[0] == whole
    assert written(tokens, prompt, guessing=True)[1] <= most


def test_what_stands_in_the_prompt_is_written_in_few_passes(tokens):
    prompt = ' "There is a mass.", "evidence": [1] "No effusion.", "evidence": [2]'
    assert written(tokens, prompt, guessing=True)[1] < 0.7 * written(tokens, "x", guessing=False)[1]


@pytest.mark.parametrize("part", ["whole", "first", "last", "none"])
def test_the_nearer_an_answer_is_to_what_was_expected_the_fewer_passes_it_takes(tokens, part):
    first, last = ANSWER["findings"][:1], ANSWER["findings"][1:]
    findings = {"whole": first + last, "first": first, "last": last, "none": []}[part]
    expected = json.dumps(ANSWER | {"findings": findings})
    text, passes = written(tokens, "x", guessing=True, expected=expected)
    alone, most = written(tokens, "x", guessing=True)
    assert text == alone
    share = {"whole": 0.3, "none": 1.0}.get(part, 0.9)
    assert passes <= share * most


def test_writing_stops_where_it_may_not_go_on(tokens):
    text, passes = written(tokens, "x", guessing=False, most=5)
    assert json.dumps(ANSWER).startswith(text)
    assert passes <= 5


@given(st.lists(st.integers(0, 3), max_size=30), st.lists(st.integers(0, 3), max_size=30))
def test_what_is_guessed_followed_the_most_last_tokens_that_stood_before(ids, expected):
    def following(length):
        last = ids[-length:]
        for known in (expected, ids):
            found = [place for place in range(length, len(known)) if known[place - length : place] == last]
            if found:
                return known[found[-1] :][:AHEAD]
        return None

    runs = [following(length) for length in range(min(ALIKE, len(ids)), 0, -1)]
    assert guessed(ids, expected) == next((run for run in runs if run is not None), [])
