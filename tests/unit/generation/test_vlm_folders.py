"""Which folders a local generator is loaded from, which are refused and why, and what its card says."""

import hashlib
import json
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_generators import FAMILIES, generator_folder, save_llama

from radrag.errors import GenerationCode, GenerationError, MissingModel, UsageError, WeightsError
from radrag.generation import local_weights
from radrag.generation.vlm import VlmModel


@pytest.fixture
def llama(tmp_path_factory, tmp_path):
    """A folder of its own for each test."""
    return shutil.copytree(generator_folder(tmp_path_factory, "llama"), tmp_path / "llama")


def load(folder, **changes):
    return VlmModel.load(str(folder), cache=folder.parent / "cache", **changes)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_card_names_the_weights_and_no_path(tmp_path_factory, tmp_path, family):
    folder = generator_folder(tmp_path_factory, family)
    card = VlmModel.load(str(folder), cache=tmp_path, max_new_tokens=50).card
    assert card.name == folder.name
    assert card.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert card.version == card.sha256[:12]
    assert not card.remote
    assert card.parameters["architecture"] == family
    assert card.parameters["max_new_tokens"] == 50
    template = (folder / "chat_template.jinja").read_text()
    assert card.parameters["chat_template_sha256"] == hashlib.sha256(template.encode()).hexdigest()
    assert str(tmp_path_factory.getbasetemp()) not in json.dumps([card.name, dict(card.parameters)])


def test_weights_are_hashed_again_only_when_they_changed(llama, monkeypatch):
    hashed = []
    original = local_weights.weights_sha256
    monkeypatch.setattr(local_weights, "weights_sha256", lambda paths: hashed.append(paths) or original(paths))
    first = load(llama).card.sha256
    assert load(llama).card.sha256 == first
    assert len(hashed) == 1
    save_llama(llama, seed=1)
    assert load(llama).card.sha256 != first
    assert len(hashed) == 2


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"key": 7}'])
def test_a_damaged_book_of_hashes_costs_time_and_nothing_else(llama, damage):
    book = llama.parent / "cache" / "models" / "generators_sha256.json"
    book.parent.mkdir(parents=True)
    book.write_text(damage)
    assert load(llama).card.sha256 == hashlib.sha256((llama / "model.safetensors").read_bytes()).hexdigest()


def test_bfloat16_takes_half_the_memory(llama):
    numbers = local_weights.parameters_in(local_weights.safe_weights(llama))
    assert numbers == sum(value.numel() for value in load_file(llama / "model.safetensors").values())
    enough = int(numbers * 2 * local_weights.HEADROOM)
    assert load(llama, dtype="bfloat16", memory=enough).card.parameters["dtype"] == "bfloat16"
    with pytest.raises(GenerationError) as caught:
        load(llama, dtype="float32", memory=enough)
    assert caught.value.code == GenerationCode.OUT_OF_MEMORY
    assert "GB are free on cpu" in str(caught.value)


def test_free_memory_is_the_least_of_system_and_container(tmp_path, monkeypatch):
    system, container = tmp_path / "meminfo", tmp_path / "group"
    container.mkdir()
    monkeypatch.setattr(local_weights, "MEMORY_INFO", system)
    monkeypatch.setattr(local_weights, "CONTAINER", container)
    assert local_weights.free_memory("cpu") is None
    system.write_text("MemTotal:  900 kB\nMemFree:  100 kB\nMemAvailable:  600 kB\nHugePages_Total: 0\n")
    assert local_weights.free_memory("cpu") == 600 * 1024
    (container / "memory.current").write_text("5000\n")
    (container / "memory.stat").write_text("anon 3000\ninactive_file 2000\n")
    (container / "memory.max").write_text("max\n")
    assert local_weights.free_memory("cpu") == 600 * 1024
    (container / "memory.max").write_text("10000\n")
    assert local_weights.free_memory("cpu") == 7000


def test_weights_in_several_files_are_one_model(llama):
    whole = load(llama)
    state = load_file(llama / "model.safetensors")
    names = {name: f"model-{number % 2 + 1:05}-of-00002.safetensors" for number, name in enumerate(sorted(state))}
    for file in set(names.values()):
        part = {name: state[name] for name in state if names[name] == file}
        save_file(part, llama / file, metadata={"format": "pt"})
    (llama / "model.safetensors").unlink()
    (llama / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": names}))
    parts = load(llama)
    assert parts.card.sha256 != whole.card.sha256
    assert all(torch.equal(a, b) for a, b in zip(parts._network.parameters(), whole._network.parameters(), strict=True))
    (llama / sorted(set(names.values()))[1]).unlink()
    with pytest.raises(WeightsError, match="lacks model-00002"):
        load(llama)


def test_pickled_weights_are_refused_with_the_way_out(llama):
    torch.save(load_file(llama / "model.safetensors"), llama / "pytorch_model.bin")
    (llama / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="radrag models pull"):
        load(llama)


def test_code_in_a_folder_is_never_run(llama):
    code = "raise SystemExit('this code was run')\n"
    for name in ("modeling_own.py", "tokenization_own.py", "custom_generate/generate.py"):
        (llama / name).parent.mkdir(exist_ok=True)
        (llama / name).write_text(code)
    own = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnModel"}
    change(llama / "config.json", auto_map=own)
    change(llama / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_own.Own", None]})
    assert load(llama).card.parameters["architecture"] == "llama"
    change(llama / "config.json", model_type="own")
    with pytest.raises(WeightsError, match="never run"):
        load(llama)


@pytest.mark.parametrize("kind", ["bert", "t5", "clip", "dinov2"])
def test_models_that_hold_no_conversation_are_refused(llama, kind):
    (llama / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(WeightsError):
        load(llama)


def test_a_model_that_was_not_made_for_instructions_is_refused(llama):
    (llama / "chat_template.jinja").unlink()
    with pytest.raises(WeightsError, match="instruct"):
        load(llama)


def test_weights_that_do_not_fill_the_network_are_refused(llama):
    state = load_file(llama / "model.safetensors")
    del state["model.layers.1.mlp.up_proj.weight"]
    save_file(state, llama / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WeightsError, match="do not fit"):
        load(llama)


def test_weights_of_another_size_and_weights_cut_short_are_refused(llama):
    path = llama / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(WeightsError):
        load(llama)
    path.write_bytes(whole)
    change(llama / "config.json", intermediate_size=64)
    with pytest.raises(WeightsError):
        load(llama)


@pytest.mark.parametrize(
    "header",
    [b"", b"\x01", struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 10**9) + b"{}", struct.pack("<Q", 2) + b"{"],
)
def test_damaged_weights_are_named(llama, header):
    (llama / "model.safetensors").write_bytes(header)
    with pytest.raises(WeightsError, match=r"model\.safetensors"):
        load(llama)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_an_incomplete_folder_is_refused(llama, name):
    (llama / name).write_text("{")
    with pytest.raises(WeightsError):
        load(llama)


def test_an_adapter_is_no_model(llama):
    (llama / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/name"}')
    with pytest.raises(WeightsError, match="adapter"):
        load(llama)


def test_the_folders_own_sampling_does_not_change_the_answer(llama):
    plain = load(llama)
    change(llama / "generation_config.json", repetition_penalty=5.0, temperature=9.0, do_sample=True, num_beams=3)
    assert load(llama)._network.generation_config.to_dict() == plain._network.generation_config.to_dict()


@pytest.mark.parametrize(
    "arguments", [{"dtype": "int8"}, {"device": "tpu"}, {"device": "cuda:99"}, {"max_new_tokens": 0}]
)
def test_arguments_that_mean_nothing_are_refused(llama, arguments):
    with pytest.raises(UsageError):
        load(llama, **arguments)


def test_what_is_not_here_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingModel, match="radrag models pull hf:someone/nothing"):
        VlmModel.load("hf:someone/nothing", cache=tmp_path)
    with pytest.raises(MissingModel):
        VlmModel.load(str(tmp_path / "no" / "such" / "folder"), cache=tmp_path)
