"""Reports for `radrag eval reports`: what the images show in words, and generators with wrong neighbours."""

import math
from types import SimpleNamespace

import numpy as np
import torch
from fakes import hit, image_finding, sentence
from PIL import Image

from radrag.errors import GenerationCode, GenerationError
from radrag.evaluation.report_files import Side, read_reports
from radrag.generation.base import GeneratedReport, GeneratedSentence
from radrag.training.generator_data import Grounds
from radrag.training.generator_predictions import write_predictions
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.seen_images import SeenImages

CASES = {f"c:{number}": (sentence(f"Report {number}.", case=f"c:{number}"),) for number in range(6)}


class Cases(dict):
    ids = tuple(CASES)


class Counting:
    """Writes which cases it was given; fails for the bright image."""

    def generate(self, request):
        if request.pictures[0].mean() > 128:
            raise GenerationError(GenerationCode.CUT_OFF, "Too long.")
        return GeneratedReport((GeneratedSentence("findings", " ".join(one.case_id for one in request.hits)),))


def written(tmp_path, wrong):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, grey in zip(paths, (0, 60, 200), strict=True):
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(path)
    labels = np.zeros((3, len(LABELS)))
    labels[1, [LABELS.index("Mass"), LABELS.index("Pleural Effusion")]] = 1
    labels[2, LABELS.index("No Finding")] = 1
    validation = np.array([False, True, True])
    data = LabelledImages(tuple(paths), ("p", "q", "r"), validation, labels, np.full((3, 14), math.nan))
    cases = Cases({case: SimpleNamespace(patient_key=case, labels={}) for case in CASES})
    search = SimpleNamespace(search=lambda query, k: (hit("c:0"), hit("c:1", 2)), cases=cases)
    grounds = Grounds(search, lambda ids: {one: CASES[one] for one in ids})
    seen = SeenImages(torch.zeros(3, 1, 4, 4), ((image_finding("Mass", 0.5),),) * 3)
    files = write_predictions({"mini": Counting()}, grounds, seen, data, out=tmp_path / "out", wrong=wrong)
    return {path.stem: read_reports(path, Side.PREDICTIONS) for path in files}


def test_the_references_say_the_labels_of_the_validation_images_and_no_others(tmp_path):
    references = written(tmp_path, 0)["references"]
    assert {study: one.report for study, one in references.items()} == {
        "1": "There is a lung mass. There is a pleural effusion.",
        "2": "No acute cardiopulmonary abnormality.",
    }
    assert references["1"].patient == "q"


def test_wrong_neighbours_are_counted_and_a_failure_is_no_text(tmp_path):
    found = written(tmp_path, 2)
    assert set(found) == {"references", *(f"{name}-{n}" for name in ("mini", "top-1-report") for n in range(3))}
    right = [set(found[f"mini-{count}"]["1"].report.split()) & {"c:0", "c:1"} for count in range(3)]
    assert [len(one) for one in right] == [2, 1, 0]
    assert found["mini-0"]["2"].report == ""
    assert found["top-1-report-0"]["1"].report == "Report 0."
