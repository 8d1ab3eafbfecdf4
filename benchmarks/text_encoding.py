"""Texts a second: radrag's MiniLM against plain loops over the same weights, on the IU X-ray reports, in one run.

The peers are transformers with mean pooling in batches of 32, each filled up to its longest text, in the given order,
and sentence-transformers' own `encode` with its batch of 32. radrag takes the reports as an index build does: 256
cases at a time, equal texts once. All take turns; the least of the rounds counts. The limit is the speed of a product
of two square float32 matrices in the same turns; a share of it is the network's multiplications and additions a second
over that, for the tokens that the texts really have. On a machine that others use too, give it one thread
(OMP_NUM_THREADS=1) and --cpu: processor time is then what the work takes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from data_prep.iu_bundled import bundled_reports
from radrag.corpus.report_labels import searchable_text
from radrag.encoders import load_text_encoder, text_batches
from radrag.encoders.runtime import processor
from radrag.encoders.text import FOLDER, LONGEST

PEER_BATCH, CASES, SIDE = 32, 256, 2048
OPERATIONS = 2 * 6 * (4 * 384 * 384 + 2 * 384 * 1536)
"""A token's multiplications and additions in the six layers of MiniLM; attention scores, under 5 %, are left out."""

Encode = Callable[[list[str]], np.ndarray]


def plain_loop(encoder: Any) -> Encode:
    """Return the usual loop: 32 texts as they come, padded to the longest of them."""

    def encode(texts: list[str]) -> np.ndarray:
        found = []
        for start in range(0, len(texts), PEER_BATCH):
            rows = [encoding.ids for encoding in encoder._tokenizer.encode_batch(texts[start : start + PEER_BATCH])]
            tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
            mask = torch.zeros_like(tokens)
            for place, row in enumerate(rows):
                tokens[place, : len(row)] = torch.tensor(row)
                mask[place, : len(row)] = 1
            with torch.no_grad():
                hidden = encoder._network(input_ids=tokens, attention_mask=mask).last_hidden_state
            pooled = (hidden * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
            found.append(torch.nn.functional.normalize(pooled, dim=1).numpy())
        return np.concatenate(found)

    return encode


def sentence_transformers(folder: Path) -> Encode:
    """Return sentence-transformers' own way, from the unpacked files."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers import models as parts

    tower = parts.Transformer(str(folder), max_seq_length=LONGEST)
    model = SentenceTransformer(modules=[tower, parts.Pooling(384, "mean"), parts.Normalize()], device="cpu")
    return lambda texts: model.encode(texts, batch_size=PEER_BATCH, show_progress_bar=False)


def as_in_a_build(encoder: Any, tokens: int) -> Encode:
    """Return radrag's way, with this many tokens a batch."""

    def encode(texts: list[str]) -> np.ndarray:
        text_batches.TOKENS_A_BATCH = tokens
        return np.concatenate([encoder.encode(texts[start : start + CASES]) for start in range(0, len(texts), CASES)])

    return encode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=1024, help="how many reports, taken evenly from all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu", action="store_true", help="count processor time: for a machine that others use too")
    parser.add_argument("--tokens", default="", help="further sizes of radrag's batches to try, separated by commas")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    every = [searchable_text(case.sections) for case in bundled_reports(salt="benchmark")]
    every = [text for text in every if text]
    texts = every[:: max(1, len(every) // options.reports)][: options.reports]
    with tempfile.TemporaryDirectory() as cache:
        encoder: Any = load_text_encoder("minilm", cache=Path(cache))
        usual = text_batches.TOKENS_A_BATCH
        ways: dict[str, Encode] = {"transformers": plain_loop(encoder)}
        if importlib.util.find_spec("sentence_transformers"):
            folder = Path(cache) / FOLDER
            (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
            ways["sentence-transformers"] = sentence_transformers(folder)
        ways["radrag"] = as_in_a_build(encoder, usual)
        sizes = [int(size) for size in options.tokens.split(",") if size]
        ways |= {f"radrag, {size} tokens": as_in_a_build(encoder, size) for size in sizes}
        report(encoder, ways, texts, options.rounds, time.process_time if options.cpu else time.perf_counter)


def report(encoder: Any, ways: dict[str, Encode], texts: list[str], rounds: int, clock: Callable[[], float]) -> None:
    """Let all ways take turns and print a line for each."""
    matrix = torch.rand(SIDE, SIDE)
    least = dict.fromkeys([*ways, "product"], np.inf)
    vectors = {}
    for _ in range(rounds):
        for name, encode in ways.items():
            started = clock()
            vectors[name] = encode(texts)
            least[name] = min(least[name], clock() - started)
        started = clock()
        matrix @ matrix
        least["product"] = min(least["product"], clock() - started)
    peak = 2 * SIDE**3 / least["product"]
    rows = encoder._tokenizer.encode_batch(texts)
    counts = {text: len(encoding.ids) for text, encoding in zip(texts, rows, strict=True)}
    tokens = sum(counts[text] for text in texts)
    print(processor())
    print(f"{len(texts)} reports, {len(counts)} of them different, {tokens / len(texts):.0f} tokens each")
    print(f"product of matrices: {peak / 1e12:.3f} TFLOP/s float32")
    print(f"{'':24}{'reports/s':>10}{'ratio':>9}{'of the product':>17}  least cosine to transformers")
    for name in ways:
        share = OPERATIONS * tokens / least[name] / peak
        cosine = float((vectors[name] * vectors["transformers"]).sum(axis=1).min())
        ratio = least["transformers"] / least[name]
        print(f"{name:24}{len(texts) / least[name]:10.1f}{ratio:8.2f}x{100 * share:15.0f} %  {cosine:.6f}")


if __name__ == "__main__":
    main()
