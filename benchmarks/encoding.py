"""Images and texts a second: every runtime of radrag against eager torchxrayvision, with the machine's own limit.

DenseNet-121 (224 x 224, random weights with a seed: speed does not depend on them) and the starter encoder (256 x 256),
each in batches of 16, all runtimes taking turns. The limit is what the machine reaches in a product of two square
matrices, in float32 and bfloat16, measured in the same turns; a network's share of it is its multiplications and
additions a second over those of the float32 product. The text rows are MiniLM in float32 and bfloat16.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radrag.encoders import load_image_encoder, load_text_encoder
from radrag.encoders.runtime import RUNTIMES, agrees, available, eager, probe_images, processor

BATCH, SIDE = 16, 2048
SENTENCE = "the heart lungs are clear no pleural effusion or pneumothorax is seen mild opacity in left right lower lobe"

Call = Callable[[], object]


def torchxrayvision_densenet() -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        import torchxrayvision as xrv

        torch.manual_seed(0)
        return xrv.models.DenseNet(weights=None).eval()


def operations(network: Any, pixels: torch.Tensor) -> int:
    """Return the multiplications and additions of one pass."""
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(pixels)
    return counter.get_total_flops()


def product(kind: torch.dtype) -> Call:
    left, right = torch.rand(SIDE, SIDE, dtype=kind), torch.rand(SIDE, SIDE, dtype=kind)
    return lambda: left @ right


def take_turns(calls: dict[str, Call], rounds: int) -> dict[str, float]:
    """Return the median seconds of each call."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(column) for name, column in times.items()}


def compare(
    title: str, network: Any, peer: Callable[[torch.Tensor], object], size: int, rounds: int
) -> dict[str, float]:
    """Measure all runtimes of one network, print a line for each and return their ratios to the peer."""
    pixels = probe_images(size).mul_(2).sub_(1).repeat(BATCH // 4, 1, 1, 1)
    runs = {name: RUNTIMES[name](network, pixels) for name in available()}
    reference = read(eager(network)(pixels))
    calls: dict[str, Call] = {name: (lambda run=run: run(pixels)) for name, run in runs.items()}
    calls |= {"peer": lambda: peer(pixels), "float32": product(torch.float32)}
    if "bfloat16" in runs:
        calls["product bfloat16"] = product(torch.bfloat16)
    seconds = take_turns(calls, rounds)
    peak = 2 * SIDE**3 / seconds["float32"]
    work = operations(network, pixels)
    print(f"{title}, batch {BATCH}, {work / BATCH / 1e9:.1f} GFLOP an image")
    print(f"  product of matrices: {peak / 1e12:.3f} TFLOP/s float32", end="")
    if "bfloat16" in runs:
        print(f", {2 * SIDE**3 / seconds['product bfloat16'] / 1e12:.3f} TFLOP/s bfloat16", end="")
    print(f"\n  {'':16}{'images/s':>10}{'ratio':>9}{'of float32 product':>21}  guard")
    ratios = {}
    for name in ("peer", *runs):
        ratios[name] = seconds["peer"] / seconds[name]
        guard = "" if name == "peer" else "passed" if agrees(reference, read(runs[name](pixels))) else "FAILED"
        share = work / seconds[name] / peak
        print(f"  {name:16}{BATCH / seconds[name]:10.1f}{ratios[name]:8.2f}x{100 * share:19.0f} %  {guard}", flush=True)
    return ratios


def read(outputs: tuple[torch.Tensor, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors and scores: what the starter gives, or the pooled maps of a trunk, which has no scores."""
    if outputs[0].ndim == 2:
        return outputs[0].numpy(), outputs[1].numpy()
    return outputs[0].mean((2, 3)).numpy(), np.zeros((len(outputs[0]), 0), np.float32)


def texts(count: int) -> list[str]:
    """Return made-up sentences of 8 to 60 words, all different."""
    random, words = np.random.default_rng(0), SENTENCE.split()
    return [f"{number} " + " ".join(random.choice(words, random.integers(8, 60))) for number in range(count)]


def compare_texts(rounds: int) -> None:
    """Print MiniLM in float32 beside bfloat16, and how near their vectors are."""
    given = texts(256)
    with tempfile.TemporaryDirectory() as folder:
        encoder = load_text_encoder("minilm", cache=Path(folder))

        def half() -> np.ndarray:
            with torch.autocast("cpu", torch.bfloat16):
                return encoder.encode(given)

        seconds = take_turns({"float32": lambda: encoder.encode(given), "bfloat16": half}, rounds)
        cosine = float((encoder.encode(given) * half()).sum(axis=1).min())
    print(f"MiniLM, {len(given)} texts of 8 to 60 words")
    for name, taken in seconds.items():
        print(f"  {name:16}{len(given) / taken:10.0f} texts/s{seconds['float32'] / taken:8.2f}x")
    print(f"  least cosine of the two {cosine:.5f}")


def plot(found: dict[str, dict[str, float]], path: Path) -> None:
    """Draw a bar a runtime, a panel a network."""
    from radrag.optional import require

    figure, panels = require("matplotlib.pyplot", extra="dev").subplots(1, len(found), figsize=(9, 4))
    for panel, (title, ratios) in zip(panels, found.items(), strict=True):
        panel.bar(list(ratios), list(ratios.values()))
        panel.set(title=title, ylabel="times as fast as eager")
        panel.tick_params(axis="x", rotation=30)
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="draw the ratios to this file; needs matplotlib")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(processor())
    densenet: Any = torchxrayvision_densenet()
    trunk = torch.nn.Sequential(densenet.features, torch.nn.ReLU())

    def peer(pixels: torch.Tensor) -> object:
        with torch.inference_mode():
            return densenet(pixels * 1024)

    found = {"DenseNet-121": compare("torchxrayvision DenseNet-121", trunk, peer, 224, options.rounds)}
    starter: Any = load_image_encoder("starter")
    plain = eager(starter._network)
    found["starter"] = compare("starter", starter._network, plain, 256, options.rounds)
    compare_texts(options.rounds)
    if options.plot:
        plot(found, options.plot)


if __name__ == "__main__":
    main()
