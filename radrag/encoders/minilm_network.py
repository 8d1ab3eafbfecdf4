"""MiniLM-L6 as a torch ``TransformerEncoder``: the same numbers as BERT's, without importing transformers.

``import transformers.models.bert`` costs seconds; torch's own post-norm encoder layer is the same function
(Devlin et al. 2019), so that only the names of the weights differ. Needs torch: imported when a model is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

WIDTH = 384
HEADS = 12
INNER = 1536
LAYERS = 6
VOCABULARY = 30522
POSITIONS = 512
EPSILON = 1e-12

_LAYER_NAMES = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}


class MiniLMNetwork(nn.Module):
    """Token ids [n, t] and their mask to mean-pooled vectors [n, 384] (not yet of unit length)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Embedding(POSITIONS, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=EPSILON)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, INNER, dropout=0.0, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Encode.

        Args:
            tokens: int64 [n, t], padded.
            mask: bool [n, t], True for real tokens.

        Returns:
            float32 [n, 384], the mean over real tokens.
        """
        places = torch.arange(tokens.shape[1], device=tokens.device)
        hidden = self.norm(self.words(tokens) + self.positions(places))
        hidden = self.encoder(hidden, src_key_padding_mask=None if mask.all() else ~mask)
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        pooled: torch.Tensor = (hidden * weight).sum(dim=1) / weight.sum(dim=1)
        return pooled


def from_bert(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename BERT's weights for :class:`MiniLMNetwork`.

    Query, key and value are stacked; the embedding of token type 0, which every token gets, is added to the positions.

    Raises:
        KeyError: a weight is missing.
    """
    first_type = state["embeddings.token_type_embeddings.weight"][0]
    renamed = {
        "words.weight": state["embeddings.word_embeddings.weight"],
        "positions.weight": state["embeddings.position_embeddings.weight"] + first_type,
    }
    for part in ("weight", "bias"):
        renamed[f"norm.{part}"] = state[f"embeddings.LayerNorm.{part}"]
        for number in range(LAYERS):
            theirs, ours = f"encoder.layer.{number}", f"encoder.layers.{number}"
            stacked = [state[f"{theirs}.attention.self.{role}.{part}"] for role in ("query", "key", "value")]
            renamed[f"{ours}.self_attn.in_proj_{part}"] = torch.cat(stacked)
            for name, new in _LAYER_NAMES.items():
                renamed[f"{ours}.{new}.{part}"] = state[f"{theirs}.{name}.{part}"]
    return renamed


def build(state: Mapping[str, torch.Tensor]) -> MiniLMNetwork:
    """Return the network with BERT's weights, ready to encode.

    Raises:
        KeyError: a weight is missing.
        RuntimeError: a weight has another shape (from torch).
    """
    with torch.device("meta"):
        network = MiniLMNetwork()
    network.load_state_dict(from_bert(state), assign=True)
    network.requires_grad_(requires_grad=False)
    return network.eval()
