"""Losses on text: cross-entropy of the answer's tokens alone."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import cross_entropy

IGNORED = -100
"""Target of tokens that are no answer: the value that torch's cross_entropy leaves out."""


def answer_loss(network: Any, embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of the answer's tokens, each foretold by what stands before it.

    The vocabulary's 49,152 scores are computed where an answer's token is to be foretold, and nowhere else.

    Args:
        network: a causal language model of transformers with ``model`` and ``lm_head``.
        embeddings: float [1, tokens, width] of prompt and answer.
        targets: int64 [1, tokens]; ``IGNORED`` for the prompt.

    Raises:
        ValueError: no token is an answer.
    """
    foretold = targets[0, 1:]
    places = (foretold != IGNORED).nonzero()[:, 0]
    if not len(places):
        raise ValueError("An example has no answer.")
    hidden = network.model(inputs_embeds=embeddings, use_cache=False).last_hidden_state[0, places]
    return cross_entropy(network.lm_head(hidden).float(), foretold[places])
