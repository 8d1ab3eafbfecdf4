"""Decode and display the sample radiograph: radrag against highdicom, in the same run."""

import statistics
import time
from collections.abc import Callable

import highdicom
import numpy as np

from radrag.cli.demo import sample_radiograph
from radrag.dicom.read import load_image

REPEATS = 9


def timed(call: Callable[[], np.ndarray]) -> tuple[float, np.ndarray]:
    """Return the median seconds of a call and its last result."""
    result = call()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - started)
    return statistics.median(times), result


def main() -> None:
    path = sample_radiograph()

    def peer() -> np.ndarray:
        image = highdicom.imread(path)
        return image.get_frame(1, apply_voi_transform=True, apply_presentation_lut=True)

    ours, display = timed(lambda: load_image(path).pixels)
    theirs, reference = timed(peer)
    agreement = np.corrcoef(display.ravel(), np.asarray(reference, dtype=np.float64).ravel())[0, 1]
    print(f"radrag    {1000 * ours:7.1f} ms")
    print(f"highdicom {1000 * theirs:7.1f} ms   (highdicom {highdicom.__version__})")
    print(f"ratio     {theirs / ours:7.1f} x, correlation of the images {agreement:.6f}")


if __name__ == "__main__":
    main()
