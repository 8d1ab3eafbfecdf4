"""A file to what DenseNet-121 takes: radrag's bulk way against the usual chain, file by file and as a stream.

The usual chain is that of torchxrayvision's examples: pydicom's `pixel_array` (Pillow for JPEG) → float32 →
`datasets.normalize` → `XRayCenterCrop` → `XRayResizer(224)` with its default engine, scikit-image. It knows no windows,
no MONOCHROME1 and refuses nothing; radrag does all of it. Both get one thread for each file and take turns; the ratio
is the median over the rounds. The stream is all JPEG files, the peer as a plain loop and with as many threads.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: threads are counted by files here

import argparse
import contextlib
import io
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
from PIL import Image

from radrag.cli.demo import sample_radiograph
from radrag.dicom.read import load_image
from radrag.encoders.preprocessing import enough_side, fit_centre
from radrag.errors import StudyRefused

SIZE = 224
SHARED = Path(os.environ.get("RADRAG_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def radrag(path: Path) -> np.ndarray:
    """Return float32 [1, 224, 224] in [-1024, 1024], air dark."""
    square, _ = fit_centre(load_image(path, side=enough_side(SIZE)).greys, SIZE)
    return square.mul_(2).sub_(1).mul_(1024).numpy()


def usual_chain() -> Callable[[Path], np.ndarray]:
    import torchxrayvision as xrv

    crop = xrv.datasets.XRayCenterCrop()
    with contextlib.redirect_stdout(io.StringIO()):
        resize = xrv.datasets.XRayResizer(SIZE)

    def load(path: Path) -> np.ndarray:
        if path.suffix == ".dcm":
            dataset = pydicom.dcmread(path)
            pixels, greatest = dataset.pixel_array, 2**dataset.BitsStored - 1
        else:
            pixels, greatest = np.asarray(Image.open(path).convert("L")), 255
        return resize(crop(xrv.datasets.normalize(pixels.astype(np.float32), greatest)[None]))

    return load


def compare(name: str, ours: Callable[[], object], peer: Callable[[], object], rounds: int, files: int = 1) -> float:
    """Let both take turns, print a line and return the median ratio."""
    ours(), peer()
    times = []
    for _ in range(rounds):
        times.append([seconds(call) for call in (ours, peer)])
    own, other = (statistics.median(column) / files for column in zip(*times, strict=True))
    ratio = statistics.median(peer_s / own_s for own_s, peer_s in times)
    print(f"  {name:28}{1000 * own:10.2f}{1000 * other:10.2f}{ratio:9.1f} x", flush=True)
    return ratio


def seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def each(load: Callable[[Path], np.ndarray], paths: Sequence[Path], threads: int = 1) -> None:
    """Load all files, with no more of them in memory than there are threads."""
    if threads == 1:
        for path in paths:
            load(path)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda path: load(path).shape, paths))


def readable(paths: Sequence[Path]) -> list[Path]:
    """Return the files that radrag does not refuse."""
    found = []
    for path in paths:
        with contextlib.suppress(StudyRefused):
            load_image(path)
            found.append(path)
    return found


def plot(ratios: dict[str, float], path: Path) -> None:
    """Draw a bar a row."""
    from radrag.optional import require

    figure, panel = require("matplotlib.pyplot", extra="dev").subplots(figsize=(8, 4))
    panel.barh(list(ratios), list(ratios.values()))
    panel.axvline(4, color="grey", linestyle=":")
    panel.set(xlabel="times as fast as the usual chain")
    panel.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--files", type=int, default=200, help="JPEG files of the stream")
    parser.add_argument("--plot", type=Path, help="draw the ratios to this file; needs matplotlib")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    peer, threads, ratios = usual_chain(), os.cpu_count() or 1, {}
    print(f"  {'':28}{'radrag':>10}{'chain':>10}{'ratio':>11}   ms a file")
    dicom = readable(sorted((SHARED / "dicom").glob("*.dcm")))
    jpeg = sorted((SHARED / "nih" / "images").glob("*.jpg"))[: options.files]
    for path in [sample_radiograph(), *dicom, *jpeg[:1]]:
        ratios[path.name[:24]] = compare(
            path.name[:24], lambda path=path: radrag(path), lambda path=path: peer(path), options.rounds
        )
    if not jpeg:
        print(f"  no JPEG files in {SHARED}: the stream is left out")
    else:
        rounds = max(3, options.rounds // 5)
        for count, peers in ((1, 1), (threads, 1), (threads, threads)):
            name = f"{len(jpeg)} JPEG, threads {count} : {peers}"
            ours, theirs = (
                (lambda count=count: each(radrag, jpeg, count)),
                (lambda peers=peers: each(peer, jpeg, peers)),
            )
            ratios[name] = compare(name, ours, theirs, rounds, len(jpeg))
    if options.plot:
        plot(ratios, options.plot)


if __name__ == "__main__":
    main()
