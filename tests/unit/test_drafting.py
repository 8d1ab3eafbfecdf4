"""The pipeline merges views, drops comparisons, warns of what the reader must know, and records what it used."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import hit, image_finding, sentence

from radrag.dicom.geometry import Geometry
from radrag.dicom.read import LoadedImage, LoadedStudy
from radrag.domain import DraftWarning, Status, Study, StudyImage, View
from radrag.drafting import Drafter, combine
from radrag.errors import RefusalCode, StudyRefused
from radrag.generation.base import GeneratedReport, GeneratedSentence, GeneratorCard
from radrag.grounding.verify import Verifier
from radrag.reports.findings import default_labeler
from radrag.reports.screening import is_comparison

SHA = "ab" * 32
EVIDENCE = {
    "c:1": (sentence("Left effusion.", "Pleural Effusion", case="c:1"),),
    "c:2": (sentence("No fracture.", "no Fracture", case="c:2"),),
}


class Encoder:
    card = SimpleNamespace(name="fake", version="1", sha256=SHA)

    def __init__(self, *findings):
        self.findings = findings

    def encode(self, images, views):
        lateral = tuple(image_finding(f.label, math.nan, math.nan, trained=False) for f in self.findings)
        found = tuple(lateral if view is View.LATERAL else self.findings for view in views)
        return SimpleNamespace(findings=found)


class Retriever:
    manifest = SimpleNamespace(index_id="i", sha256=SHA, rows=2)

    def search(self, query, k):
        self.query = query
        return tuple(hit(case, rank) for rank, case in enumerate(EVIDENCE, start=1))[:k]


class Generator:
    card = GeneratorCard("fake", "1", SHA, {"a": 1})

    def __init__(self, *texts):
        self.texts = texts

    def generate(self, request):
        self.request = request
        return GeneratedReport(tuple(GeneratedSentence("findings", text) for text in self.texts))


def study(*views, refusals=(), **values):
    geometry = Geometry(rows=4, columns=4, display_rows=4, display_columns=4)
    images = tuple(
        LoadedImage(
            StudyImage(f"1.{i}", view, 4, 4, pixel_sha256=SHA),
            np.zeros((4, 4), np.float32),
            geometry,
            (DraftWarning("view_unknown", "…"),) if view is View.UNKNOWN else (),
        )
        for i, view in enumerate(views)
    )
    return LoadedStudy(Study("1", tuple(one.image for one in images), **values), images, tuple(refusals))


def draft(*texts, of=None):
    drafter = Drafter(
        encoder=Encoder(image_finding("Pleural Effusion", 0.9)),
        retriever=Retriever(),
        sentences_of=lambda cases: EVIDENCE,
        generator=Generator(*texts),
        verifier=Verifier(default_labeler().label_text),
        is_comparison=is_comparison,
        hits=5,
        seed=3,
    )
    return drafter.draft(of or study(View.PA)), drafter


def codes(drafted):
    return [warning.code for warning in drafted.warnings]


def test_sentences_are_checked_against_the_evidence_of_the_hits():
    drafted, _ = draft("There is a pleural effusion.", "There is a mass.")
    assert [item.status for item in drafted.sentences] == [Status.SUPPORTED, Status.UNSUPPORTED]
    assert codes(drafted) == ["weak_evidence"]


def test_a_sentence_that_compares_is_dropped_and_the_reader_told():
    drafted, _ = draft("Effusion is unchanged.", "There is a pleural effusion.")
    assert [item.text for item in drafted.sentences] == ["There is a pleural effusion."]
    assert codes(drafted) == ["comparison_removed"]


def test_the_patient_and_the_indication_reach_the_query():
    _, drafter = draft(of=study(View.PA, patient_key="key", indication="Cough."))
    assert drafter._retriever.query.exclude_patient == "key"
    assert drafter._retriever.query.text == "Cough. Pleural effusion."
    assert drafter._generator.request.indication == "Cough."


def test_a_denial_the_encoder_cannot_judge_and_one_it_judges_otherwise_are_named():
    drafted, _ = draft("No fracture.", "No pleural effusion.")
    messages = {warning.code: warning.message for warning in drafted.warnings}
    assert "Fracture" in messages["not_assessed"]
    assert "denies Pleural Effusion" in messages["image_disagrees"]
    assert [omission.label for omission in drafted.omissions] == ["Pleural Effusion"]


def test_a_study_without_a_frontal_image_says_so():
    drafted, _ = draft(of=study(View.LATERAL))
    assert codes(drafted) == ["no_frontal"]
    assert not drafted.image_findings[0].trained


def test_warnings_of_images_and_refused_files_reach_the_draft_once():
    refusal = StudyRefused(RefusalCode.TRUNCATED, "/home/doe^jane.dcm", "the file is cut off.")
    drafted, _ = draft(of=study(View.UNKNOWN, View.UNKNOWN, refusals=[refusal]))
    assert codes(drafted) == ["view_unknown", "image_refused"]
    assert "doe" not in drafted.warnings[1].message


def test_provenance_names_every_part_and_changes_with_the_input():
    first, _ = draft("There is a pleural effusion.")
    again, _ = draft("There is a pleural effusion.")
    other, _ = draft("There is a pleural effusion.", of=study(View.PA, indication="Cough."))
    made = first.provenance
    assert (made["encoder"]["name"], made["index"]["size"], made["seed"]) == ("fake", 2, 3)
    assert made["generator"]["parameters"] == {"a": 1, "hits": 5}
    assert made["pixel_sha256"] == [SHA]
    assert made["prompt_sha256"] == again.provenance["prompt_sha256"] != other.provenance["prompt_sha256"]
    assert first.draft_id != again.draft_id


def test_views_are_averaged_where_the_encoder_was_trained_for_them():
    frontal = (image_finding("Mass", 0.2), image_finding("Edema", 0.8))
    other = (image_finding("Mass", 0.6), image_finding("Edema", math.nan, math.nan, trained=False))
    merged = combine([frontal, other])
    assert [finding.probability for finding in merged] == pytest.approx([0.4, 0.8])
    assert all(finding.trained for finding in merged)
