"""How fast collections become evidence: the IU reports, and a MIMIC-shaped tree against a plain spaCy loop.

    python benchmarks/corpus.py [--reports 50000] [--peer-reports 2000] [--workers N]

The tree has MIMIC-CXR's folders and headers; its texts are made here from sentence parts, about half of the sentences
of a kind that comes only once. The peer is what a script would do: spaCy's blank English pipeline with sentencizer,
entity ruler and negspacy, one report after another, one commit a report.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from processes import memory

FINDINGS = (
    *("effusion", "pneumothorax", "consolidation", "atelectasis", "edema", "cardiomegaly", "nodule", "mass"),
    *("opacity", "fracture", "emphysema", "pleural thickening", "pneumonia", "scarring"),
)
PLACES = ("left lower lobe", "right upper lobe", "lingula", "right base", "left apex", "retrocardiac region", "hilum")
COMMON = (
    *("The lungs are clear.", "The cardiomediastinal silhouette is normal.", "No pleural effusion or pneumothorax."),
    *("Heart size is normal.", "The hilar contours are unremarkable.", "No acute osseous abnormality."),
    *("Left-sided PICC line terminates in the mid SVC.", "No focal consolidation is seen."),
)


def report(chance: random.Random) -> str:
    """One report in the form of MIMIC-CXR's text files."""

    def sentence() -> str:
        if chance.random() < 0.5:
            return chance.choice(COMMON)
        size, place, finding = chance.randint(3, 60), chance.choice(PLACES), chance.choice(FINDINGS)
        start = chance.choice(("There is", "No", "Possible", "Unchanged", "Mild", "Interval increase in"))
        return f"{start} {finding} in the {place}, {size} mm from the {chance.choice(PLACES)}."

    body = " ".join(sentence() for _ in range(chance.randint(4, 9)))
    lines = " \n ".join(body[start : start + 76] for start in range(0, len(body), 76))
    return (
        " " * 33 + "FINAL REPORT\n EXAMINATION:  CHEST (PA AND LAT)\n \n INDICATION:  ___ with cough.\n \n"
        f" COMPARISON:  ___.\n \n FINDINGS: \n \n {lines}\n \n IMPRESSION: \n \n {sentence()}\n"
    )


def make_tree(folder: Path, reports: int) -> None:
    """Write ``reports`` text files in MIMIC-CXR's folders, about three a patient."""
    chance = random.Random(0)
    study = 50_000_000
    subject = 10_000_000
    while study < 50_000_000 + reports:
        subject += chance.randint(1, 300)
        home = folder / "files" / f"p{str(subject)[:2]}" / f"p{subject}"
        home.mkdir(parents=True)
        for _ in range(min(chance.randint(1, 5), 50_000_000 + reports - study)):
            (home / f"s{study}.txt").write_text(report(chance))
            study += 1


def run_add(workspace: Path, arguments: list[str], workers: int | None) -> dict[str, float | list[float]]:
    """Add a collection in a process of its own; return seconds, peak memory and the time of each thousandth case."""
    command = [sys.executable, __file__, "--child", str(workspace), json.dumps([arguments, workers])]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    peak = [0]
    watcher = threading.Thread(target=watch, args=(process, peak), daemon=True)
    watcher.start()
    out, _ = process.communicate()
    seconds = time.perf_counter() - started
    if process.returncode:
        sys.exit(f"radrag corpus add {' '.join(arguments)} failed.")
    return {"seconds": seconds, "peak_bytes": peak[0], "marks": json.loads(out)}


def watch(process: subprocess.Popen[str], peak: list[int]) -> None:
    """Keep the largest memory of a process with all below it: proportional set size, shared pages counted once."""
    while process.poll() is None:
        peak[0] = max(peak[0], int(memory(process.pid, "Pss") * 2**20))
        time.sleep(0.25)


def child(workspace: Path, arguments: list[str], workers: int | None) -> None:
    """Add a collection and print [cases done, seconds since the first] pairs."""
    from data_prep.iu_bundled import bundled_open
    from data_prep.kinds import KINDS, Options
    from radrag.corpus.ingest import ingest
    from radrag.settings import load_settings
    from radrag.workspace import Workspace

    open_workspace = Workspace(load_settings(workspace=workspace))
    options = Options(salt="benchmark")
    kind, *path = arguments
    collection = bundled_open(options) if kind == "iu-reports" else KINDS[kind].open(Path(path[0]), options)
    marks: list[tuple[int, float]] = []

    def note(cases: int) -> None:
        marks.append(((marks[-1][0] if marks else 0) + cases, time.perf_counter()))

    ingest(collection, open_workspace.store, workers=workers, progress=note)
    print(json.dumps([[done, at - marks[0][1]] for done, at in marks]))


def plain_loop(folder: Path, reports: int, database: Path) -> float:
    """Reports a second of the peer over the first ``reports`` files; loading the pipeline is not counted."""
    import spacy
    from negspacy.negation import Negex  # noqa: F401 - registers the component

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "FINDING", "pattern": finding} for finding in FINDINGS])
    nlp.add_pipe("negex", config={"ent_types": ["FINDING"]})
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE findings (report TEXT, start INTEGER, label TEXT, negated INTEGER)")
        started = time.perf_counter()
        paths = sorted(folder.rglob("s*.txt"))[:reports]
        for path in paths:
            document = nlp(path.read_text())
            rows = [(path.stem, ent.start_char, ent.text, int(ent._.negex)) for ent in document.ents]
            connection.executemany("INSERT INTO findings VALUES (?, ?, ?, ?)", rows)
            connection.commit()
        return len(paths) / (time.perf_counter() - started)


def tenth(marks: list[tuple[int, float]], number: int) -> float:
    """Cases a second within one tenth of the cases, 0 to 9."""
    total = marks[-1][0]
    inside = [(done, at) for done, at in marks if number * total <= done * 10 <= (number + 1) * total]
    (first, start), (last, end) = inside[0], inside[-1]
    return (last - first) / (end - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=int, default=50_000)
    parser.add_argument("--peer-reports", type=int, default=2_000)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(Path(options.child[0]), *json.loads(options.child[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        iu = run_add(root / "iu", ["iu-reports"], options.workers)
        print(f"IU reports, 3,955: {iu['seconds']:.1f} s with start-up, {iu['peak_bytes'] / 1e6:.0f} MB at most")
        make_tree(root / "tree", options.reports)
        mimic = run_add(root / "mimic", ["mimic-cxr", str(root / "tree")], options.workers)
        marks = mimic["marks"]
        rate = options.reports / mimic["seconds"]
        print(f"MIMIC-shaped tree, {options.reports:,} reports: {mimic['seconds']:.0f} s, {rate:.0f} reports/s")
        first, last = tenth(marks, 0), tenth(marks, 9)
        print(f"  first tenth {first:.0f}/s, last tenth {last:.0f}/s: ratio {last / first:.2f}")
        print(f"  memory of all processes at most {mimic['peak_bytes'] / 1e6:.0f} MB")
        size = sum(path.stat().st_size for path in (root / "mimic").glob("radrag.sqlite*"))
        print(f"  database {size / options.reports:,.0f} bytes a report")
        again = run_add(root / "mimic", ["mimic-cxr", str(root / "tree")], options.workers)
        print(f"  again, nothing to add: {again['seconds']:.0f} s, {options.reports / again['seconds']:.0f} reports/s")
        peer = plain_loop(root / "tree", options.peer_reports, root / "peer.sqlite")
        print(f"plain spaCy loop, {options.peer_reports:,} of the reports: {peer:.0f} reports/s")
        print(f"ratio: {rate / peer:.1f} times the plain loop")


if __name__ == "__main__":
    main()
