"""How every text encoder goes through its texts: equal ones once, texts of similar length together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from radrag.encoders.base import FloatArray, check_texts, unit_rows

if TYPE_CHECKING:
    import torch

TOKENS_A_BATCH = 2048


def encode_distinct(
    texts: Sequence[str],
    *,
    ids_of: Callable[[list[str]], list[list[int]]],
    vectors_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    dimension: int,
    padding: int = 0,
) -> FloatArray:
    """Encode texts.

    Equal texts are computed once (a quarter of IU-Xray's reports repeat another one), and texts of similar length
    share a batch, so that little is spent on padding.

    Args:
        texts: any Unicode.
        ids_of: texts → token numbers of each, at least one.
        vectors_of: token numbers int64 [n, t] and which of them are real bool [n, t] → float32 [n, dimension].
        dimension: of the vectors.
        padding: token number that fills up shorter texts.

    Returns:
        float32 [n, dimension], unit rows, in the order of ``texts``.

    Raises:
        UsageError: a single string or something else than strings was given.
    """
    import torch

    check_texts(texts)
    distinct = {text: number for number, text in enumerate(dict.fromkeys(texts))}
    ids = ids_of(list(distinct)) if distinct else []
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    vectors = np.zeros((len(ids), dimension), np.float32)
    with torch.inference_mode():
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop + 1 - start) * len(ids[order[stop]]) <= TOKENS_A_BATCH:
                stop += 1
            rows = order[start:stop]
            tokens = torch.full((len(rows), len(ids[rows[-1]])), padding, dtype=torch.long)
            mask = torch.zeros(tokens.shape, dtype=torch.bool)
            for place, row in enumerate(rows):
                tokens[place, : len(ids[row])] = torch.tensor(ids[row])
                mask[place, : len(ids[row])] = True
            vectors[rows] = vectors_of(tokens, mask).cpu().numpy()
            start = stop
    return unit_rows(vectors)[[distinct[text] for text in texts]]
