"""The small generator on a tiny language model with seeded random weights, and an encoder of a few numbers."""

from dataclasses import replace

import numpy as np
import torch
from tiny_generators import generator_folder

from radrag.generation import mini, mini_network
from radrag.generation.gguf_model import SMOLLM2, SMOLLM2_SHA256
from radrag.generation.local_network import load_network
from radrag.generation.mini_weights import MiniCard, save_mini

CHANNELS = 5
CARD = MiniCard("1.0", SMOLLM2, SMOLLM2_SHA256, "tiny", "0" * 64, CHANNELS, rank=2, alpha=4.0, thresholds={})


def look(pictures):
    """Return a feature map [channels, 2, 2] that says how bright the first picture is."""
    return np.full((CHANNELS, 2, 2), pictures[0].mean() / 255, np.float32)


def tiny_mini(tmp_path_factory, monkeypatch):
    """Return a model; the tiny tokenizer has another token to spare than SmolLM2's."""
    monkeypatch.setattr(mini_network, "MARK", "<image>")
    loaded = load_network(generator_folder(tmp_path_factory, "llama"), "float32", "cpu")
    torch.manual_seed(0)
    projector = mini_network.Projector(CHANNELS, loaded.network.config.hidden_size).eval()
    return mini.MiniModel(loaded, projector, mini._card(CARD), look)


def tiny_generator(tmp_path_factory, monkeypatch, folder, **changes):
    """Return a generator whose weights are in ``folder`` and whose model is the tiny one; with changes of its card."""
    save_mini(folder, {"projector.mean": torch.zeros(CHANNELS)}, replace(CARD, **changes))
    monkeypatch.setattr(mini, "load_mini", lambda *_: tiny_mini(tmp_path_factory, monkeypatch))
    return mini.MiniGenerator(folder, cache=folder, encoder=lambda: None)
