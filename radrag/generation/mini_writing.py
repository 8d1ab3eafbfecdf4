"""Writes an answer within its form, and guesses ahead what it takes over from the prompt.

Most answers say much of what was expected, the plan, and most of their words stand in the prompt. So where the last
tokens stand there, those that follow are guessed, and one pass of the network checks the whole guess: as far as it
would have chosen the same, it is written; the rest is forgotten. Speculative decoding (Leviathan et al. 2023, "Fast
inference from transformers via speculative decoding") with texts in place of a smaller model, as prompt lookup decoding
does (Saxena 2023). A pass over a few tokens takes little longer than over one, since the weights are read once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from radrag.generation.constrained import Constraint

ALIKE = 4
"""Last tokens that are looked for, or else as many of them as are found."""
AHEAD = 48
"""Tokens that are guessed at most. Answers need 7 passes so, 11 with 24 and 16 with 12, and a tenth and a quarter more
time (16 answers; 8 with 12)."""


def write(
    network: Any,
    constraint: Constraint,
    embeddings: torch.Tensor,
    ids: torch.Tensor,
    choose: Callable[[torch.Tensor], torch.Tensor],
    *,
    ends: Sequence[int],
    most: int,
    expected: Sequence[int] = (),
) -> int:
    """Write until the form is complete, the network ends the answer, or ``most`` tokens are written.

    Args:
        network: a causal language model of transformers.
        constraint: takes in what is written.
        embeddings: float [1, tokens, width] of the prompt.
        ids: int64 [1, tokens] of the prompt.
        choose: scores [1, vocabulary] to the token that is taken, int64 [1, 1].
        ends: tokens that end an answer.
        expected: tokens of an answer that is likely; changes nothing but the time where ``choose`` takes the likeliest.

    Returns:
        Passes of the network.
    """
    cache, start, passes = None, ids.shape[1], 0
    look_up = network.get_input_embeddings()
    if guess := constraint.allowed(expected[:AHEAD]):
        embeddings = torch.cat([embeddings, look_up(ids.new_tensor([guess]))], dim=1)
    while ids.shape[1] - start < most:
        given = network(inputs_embeds=embeddings, past_key_values=cache, use_cache=True, logits_to_keep=1 + len(guess))
        cache, passes, place = given.past_key_values, passes + 1, 0
        while True:
            chosen = choose(constraint(ids, given.logits[:, place]))
            ids = torch.cat([ids, chosen], dim=1)
            constraint.follow(ids)
            if int(chosen) in ends:
                return passes
            forced = constraint.forced()
            ids = torch.cat([ids, ids.new_tensor([forced])], dim=1)
            constraint.follow(ids)
            if constraint.finished:
                return passes
            new = [int(chosen), *forced]
            right = _alike(new, guess[place:])
            place += right
            if right < len(new):
                break
        if place < len(guess):
            cache.crop(place - len(guess))  # negative: as many as that from the end
        guess = constraint.allowed(guessed(ids[0].tolist(), expected))
        embeddings = look_up(ids.new_tensor([[*new[right:], *guess]]))
    return passes


def guessed(ids: Sequence[int], expected: Sequence[int]) -> list[int]:
    """Return what follows the last tokens, as many of them as can be found, in ``expected``, or last in ``ids``."""
    for length in range(min(ALIKE, len(ids)), 0, -1):
        last = [*ids[-length:]]
        for known in (expected, ids):
            for place in range(len(known) - length - 1, -1, -1):
                if [*known[place : place + length]] == last:
                    return [*known[place + length : place + length + AHEAD]]
    return []


def _alike(new: Sequence[int], guess: Sequence[int]) -> int:
    """Return how many tokens both begin with."""
    count = 0
    for one, other in zip(new, guess, strict=False):
        if one != other:
            break
        count += 1
    return count
