"""METEOR 1.5 by its authors' Java program, as pycocoevalcap carries and calls it; nothing where either is missing."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from radrag.errors import MissingDependency
from radrag.evaluation.report_text import Tokens

METEOR = "METEOR"
_SEPARATOR = " ||| "


def meteor(references: Sequence[Tokens], rows: Sequence[Sequence[Tokens]]) -> list[float]:
    """Return METEOR (Denkowski & Lavie 2014) of each row of predictions, in [0, 1]: of sums over reports, not a mean.

    The program needs 15 s to start, whatever it is asked.

    Raises:
        MissingDependency: Java, or pycocoevalcap with the program in it, is not installed, or broke off.
    """
    java, jar = shutil.which("java"), _jar()
    if java is None or jar is None:
        missing, line = ("Java", "apt-get install default-jre") if java is None else ("pycocoevalcap", "")
        raise MissingDependency(f"METEOR needs {missing}.", hint=f"Install it with: {line or 'pip install ' + missing}")
    # The options are those of published scores (pycocoevalcap's meteor.py).
    command = [java, "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", jar.name, "-", "-", "-stdio", "-l", "en", "-norm"]
    with subprocess.Popen(
        command,
        cwd=jar.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise MissingDependency("Java cannot be spoken to.")
        try:
            return [_score(process.stdin, process.stdout, references, row) for row in rows]
        except (OSError, ValueError) as error:
            raise MissingDependency("METEOR broke off.", hint="Its program needs 2 GB of memory.") from error


def _score(send: IO[str], answers: IO[str], references: Sequence[Tokens], predictions: Sequence[Tokens]) -> float:
    counted = [
        _ask(send, answers, ("SCORE", _line(reference), _line(prediction)))
        for reference, prediction in zip(references, predictions, strict=True)
    ]
    _ask(send, answers, ("EVAL", *counted))  # answers with every report's score, then with that of all
    for _ in counted[1:]:
        answers.readline()
    return float(answers.readline())


def _ask(send: IO[str], answers: IO[str], parts: Sequence[str]) -> str:
    send.write(_SEPARATOR.join(parts) + "\n")
    send.flush()
    return answers.readline().strip()


def _jar() -> Path | None:
    spec = importlib.util.find_spec("pycocoevalcap")
    if spec is None or not spec.submodule_search_locations:
        return None
    jar = Path(spec.submodule_search_locations[0]) / "meteor" / "meteor-1.5.jar"
    return jar if jar.is_file() else None


def _line(tokens: Tokens) -> str:
    return " ".join(tokens).replace("|||", "")
