"""What the viewer sends for real films: bytes of the first picture and of full depth, time to make them, memory.

Files are given as arguments; without any, the sample radiograph alone. Times are the least of five.
"""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from radrag.cli.demo import sample_radiograph
from radrag.dicom.depth import load_depth
from radrag.dicom.read import load_image
from radrag.errors import StudyRefused
from ui import viewer_encoding

REPEATS = 5
Made = TypeVar("Made")


def least(call: Callable[[], Made]) -> tuple[float, Made]:
    """Return the least milliseconds of a call, and what it returns."""
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        made = call()
        times.append(time.perf_counter() - started)
    return 1000 * min(times), made


def main() -> None:
    paths = [Path(one) for one in sys.argv[1:]] or [sample_radiograph()]
    print("file           rows  columns  bits  read ms  preview kB  ms    full kB  of raw  ms    check ms")
    for path in paths:
        try:
            check, _ = least(lambda path=path: load_image(path))
        except StudyRefused as refusal:
            print(f"{path.stem[:13]:13}  refused: {refusal.code}")
            continue
        read, depth = least(lambda path=path: load_depth(path))
        first, (picture, kind) = least(lambda depth=depth: viewer_encoding.preview(depth))
        later, full = least(lambda depth=depth: viewer_encoding.full(depth))
        (rows, columns), kilobytes = depth.values.shape, len(full) / 1000
        share = 100 * len(full) / (depth.values.size * (1 if depth.bits <= 8 else 2))
        shown = f"{len(picture) / 1000:6.0f} {kind.removeprefix('image/'):4} {first:4.0f}"
        print(
            f"{path.stem[:13]:13} {rows:5} {columns:8} {depth.bits:5} {read:8.1f} {shown} "
            f"{kilobytes:8.0f} {share:5.0f} % {later:4.0f} {check:8.1f}"
        )
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
