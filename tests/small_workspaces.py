"""Workspaces of a few written reports, with a real store and index, for tests of what stands on both."""

import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from fakes import image_finding

from radrag.corpus.building import build_snapshot
from radrag.dicom.geometry import Geometry
from radrag.dicom.read import LoadedStudy
from radrag.domain import Case, Study, StudyImage, View
from radrag.encoders import load_text_encoder
from radrag.generation.base import GeneratedReport, GeneratedSentence, GeneratorCard
from radrag.reports.vocabulary import from_nih
from radrag.settings import load_settings
from radrag.store.values import CorpusInfo
from radrag.workspace import Workspace

SHA = "ab" * 32


def report(case_id, findings, impression="", **values):
    """Return a case with a report and nothing else, of a patient of its own."""
    sections = {"findings": findings} | ({"impression": impression} if impression else {})
    return Case(case_id, case_id.partition(":")[0], f"patient of {case_id}", (), sections, **values)


@cache
def text_encoder():
    """Return the text encoder, loaded once for all small workspaces."""
    with tempfile.TemporaryDirectory() as folder:
        return load_text_encoder("minilm", cache=Path(folder))


def small_workspace(folder, cases):
    """Return a workspace that holds and indexes the cases."""
    workspace = Workspace(load_settings(workspace=folder))
    workspace.__dict__["text_encoder"] = text_encoder()
    for corpus in dict.fromkeys(case.corpus for case in cases):
        of_corpus = [case for case in cases if case.corpus == corpus]
        labelled = [(case, workspace.labeler.label_sections(case.case_id, case.sections)) for case in of_corpus]
        workspace.store.add_cases(labelled, corpus=CorpusInfo(corpus))
    build_snapshot(workspace.store, workspace.text_encoder, workspace.settings.indexes)
    return workspace


class SeesThis:
    """An image encoder that says the same of every image: label → probability, all others 0.02."""

    card = SimpleNamespace(name="sees this", version="1", sha256=SHA, card_hash=SHA, views=())

    def __init__(self, **probabilities):
        given = {from_nih(name): value for name, value in probabilities.items()}
        others = ("Pleural Effusion", "Pneumothorax", "Cardiomegaly", "Mass", "Edema")
        self.findings = tuple(
            image_finding(name, given.get(name, 0.02), 0.3) for name in dict.fromkeys((*others, *given))
        )

    def encode(self, images, views):
        vectors = np.eye(4, dtype=np.float32)[[0] * len(views)]
        return SimpleNamespace(findings=(self.findings,) * len(views), vectors=vectors)


class Writes:
    """A generator that writes what it is told to."""

    card = GeneratorCard("writes", "1", SHA, {})

    def __init__(self, *texts):
        self.texts = texts

    def generate(self, request):
        return GeneratedReport(tuple(GeneratedSentence("findings", text) for text in self.texts))


def frontal_study(**values):
    """Return a study of one grey PA image."""
    geometry = Geometry(rows=4, columns=4, display_rows=4, display_columns=4)
    image = StudyImage("1.2", View.PA, 4, 4, pixel_sha256=SHA)
    loaded = SimpleNamespace(image=image, pixels=np.zeros((4, 4), np.float32), geometry=geometry, warnings=())
    return LoadedStudy(Study("1.2", (image,), **values), (loaded,))


def drafter_of(workspace, encoder, generator=None):
    """Return the workspace's drafter with another encoder, and another generator where one is given."""
    workspace.__dict__ |= {"image_encoder": encoder} | ({"generator": generator} if generator else {})
    workspace.__dict__.pop("drafter", None)
    return workspace.drafter
