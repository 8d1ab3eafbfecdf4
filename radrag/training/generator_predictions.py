"""Reports of generators for the validation images, with 0, 1, 2 wrong neighbours, as files for ``radrag eval reports``.

The references are the images' labels put into words: nobody reported these images for us.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from radrag.disk import replacing
from radrag.domain import Hit
from radrag.errors import GenerationError
from radrag.generation.base import GenerationRequest, Generator
from radrag.generation.phrases import plain_statement
from radrag.reports.vocabulary import NO_FINDING
from radrag.retrieval.query import query_from_image
from radrag.training.checkpoints import disk_errors
from radrag.training.generator_data import Grounds, source_of
from radrag.training.generator_examples import Source
from radrag.training.nih import LabelledImages
from radrag.training.noise import with_wrong_neighbours
from radrag.training.seen_images import SeenImages, read_grey

REFERENCES, TOP_ONE = "references", "top-1-report"
NOTHING_STATED = "No acute cardiopulmonary abnormality."
Texts = dict[str, tuple[str, str]]
"""Study → patient and text."""


def write_predictions(
    generators: Mapping[str, Generator],
    grounds: Grounds,
    seen: SeenImages,
    data: LabelledImages,
    *,
    out: Path,
    hits: int = 20,
    wrong: int = 2,
    limit: int = 0,
    seed: int = 0,
) -> list[Path]:
    """Write references and, a generator and number of wrong neighbours, predictions; return the files.

    A generator's failure is a missing text, which counts as wrong.

    Args:
        wrong: neighbours exchanged for cases that were not found, at most; each number from 0 makes a file.
        limit: images, drawn by the seed; 0 for all.
    """
    rows = np.flatnonzero(data.validation).tolist()
    if limit:
        rows = sorted(random.Random(seed).sample(rows, min(limit, len(rows))))
    source = source_of(grounds, seen, data, rows, hits)
    written: dict[str, Texts] = {REFERENCES: {}}
    for place, row in enumerate(track(rows, "Writing reports", console=Console(stderr=True))):
        study, patient = data.paths[row].stem, data.patients[row]
        image = source.images[place]
        stated = sorted(image.labels - {NO_FINDING})
        written[REFERENCES][study] = (patient, " ".join(map(plain_statement, stated)) or NOTHING_STATED)
        grey = (read_grey(data.paths[row]) * 255 + 0.5).astype(np.uint8)
        found = source.search(query_from_image(image.findings), hits)
        for count in range(wrong + 1):
            others = [report.case_id for report in source.reports]
            noisy = with_wrong_neighbours(found, others, count, random.Random(f"{seed}/{row}/{count}"))
            request = GenerationRequest(image.findings, noisy, source.evidence(noisy), pictures=(grey,))
            for name, generator in generators.items():
                written.setdefault(f"{name}-{count}", {})[study] = (patient, _report(generator, request))
            written.setdefault(f"{TOP_ONE}-{count}", {})[study] = (patient, _first(source, noisy))
    return [_write(out / f"{name}.jsonl", texts) for name, texts in written.items()]


def _report(generator: Generator, request: GenerationRequest) -> str:
    try:
        return " ".join(one.text for one in generator.generate(request).sentences)
    except GenerationError:
        return ""


def _first(source: Source, hits: tuple[Hit, ...]) -> str:
    return " ".join(one.text for one in source.evidence(hits[:1]))


def _write(path: Path, texts: Texts) -> Path:
    lines = (
        json.dumps({"study": study, "patient": patient, "report": text}) for study, (patient, text) in texts.items()
    )
    with disk_errors("the reports"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
