"""How long one report takes in each form, and in all of them together, as a command or a sender makes them.

    python benchmarks/export.py [--runs 20] [--rows 2500 --columns 2048]

A signed report of two images, which are DICOM files of the size of a radiograph, without a window in their headers: the
dearer case. Prints milliseconds after one run that warms up: the median and the least, and the least of the processor's
time, which says more on a machine that has other work to do. "all" is what ``radrag export`` does: identity, pictures
and PDF are made once for all forms. Each form alone is timed with a report of its own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))


def timed(work: Callable[[], object], runs: int) -> tuple[float, float, float]:
    """Return median and least milliseconds of a run, and the least of the processor's."""
    work()
    taken, busy = [], []
    for _ in range(runs):
        started, on_cpu = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - started) * 1000)
        busy.append((time.process_time() - on_cpu) * 1000)
    return statistics.median(taken), min(taken), min(busy)


def large_images(folder: Path, rows: int, columns: int) -> None:
    """Replace the test images by ones of the size of a radiograph, of the same patient."""
    import numpy as np
    from pydicom import dcmread

    grain = np.random.default_rng(0)
    for path in folder.glob("*.dcm"):
        dataset = dcmread(path)
        dataset.Rows, dataset.Columns = rows, columns
        shade = np.add.outer(np.linspace(0, 2000, rows), np.linspace(0, 2000, columns))
        dataset.PixelData = (
            (shade + grain.normal(0, 30, shade.shape).clip(-90, 90)).clip(0, 4095).astype("<u2").tobytes()
        )
        dataset.save_as(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--columns", type=int, default=2048)
    given = parser.parse_args()

    from export_support import SALT, SENDER, report, study

    from radrag.domain import ReportState
    from radrag.export.files import FORMS
    from radrag.export.identity import read_identity
    from radrag.export.outgoing import Outgoing

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        of = study(folder)
        large_images(folder, given.rows, given.columns)
        signed = report(ReportState.FINAL, of)

        def fresh() -> Outgoing:
            return Outgoing.of(signed, read_identity(of, salt=SALT), SENDER)

        def every() -> None:
            one = fresh()
            for form in FORMS.values():
                form.write(one)

        print(f"ms of {given.runs} runs, 2 images of {given.rows} x {given.columns}")
        print(f"{'':10} {'median':>8} {'least':>8} {'cpu':>8}")
        parts = {"identity": fresh, "pictures": lambda: fresh().pictures}
        parts |= {form: (lambda form=form: FORMS[form].write(fresh())) for form in FORMS}
        for part, work in (parts | {"all": every}).items():
            print(f"{part:10} " + " ".join(f"{value:8.1f}" for value in timed(work, given.runs)))


if __name__ == "__main__":
    main()
