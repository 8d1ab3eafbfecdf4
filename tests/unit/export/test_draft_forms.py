"""A draft as JSON follows the shipped schema and keeps paths and accession numbers out; as text it names everything."""

import json
from dataclasses import replace

import jsonschema
import pytest
from fakes import hit, image_finding, sentence

from radrag.domain import Draft, DraftWarning, Finding, Omission, Relation, Side, Status, Study, StudyImage, View
from radrag.domain import DraftSentence as Drafted
from radrag.export.draft_json import draft_schema, draft_to_dict, draft_to_json
from radrag.export.text import BANNER, draft_to_text
from radrag.grounding.verify import link_to

SHA = "ab" * 32
EVIDENCE = sentence("Small left effusion.", Finding("Pleural Effusion", side=Side.LEFT), start=4, number=1)
LINK = link_to(EVIDENCE, Relation.SUPPORTS, 0.87654321)
DRAFT = Draft(
    draft_id="d1",
    study=Study(
        "1.2.3",
        (StudyImage("1.2.3.4", View.PA, 10, 10, path="/secret/name.dcm", pixel_sha256=SHA),),
        accession="ACC-77",
        patient_key="0f" * 16,
        sex="F",
        age=71,
    ),
    sentences=(
        Drafted("findings", "Left effusion.", Status.SUPPORTED, EVIDENCE.findings, (LINK,), ("Pleural Effusion",)),
        Drafted("impression", "Mass.", Status.UNSUPPORTED),
    ),
    omissions=(Omission("Edema", "The image suggests it."),),
    hits=(hit("iu-xray:CXR1"),),
    image_findings=(image_finding("Pleural Effusion", 0.91), image_finding("Mass", float("nan"), trained=False)),
    warnings=(DraftWarning("no_view", "The view is unknown."),),
    provenance={
        "radrag": "0.1.0",
        "encoder": {"name": "starter", "version": "1", "sha256": SHA},
        "index": {"id": "0123456789abcdef", "sha256": SHA, "size": 3955},
        "generator": {"name": "compose", "version": "1", "sha256": SHA, "parameters": {}},
        "prompt_sha256": SHA,
        "pixel_sha256": [SHA],
        "seed": 0,
        "created_at": "2026-01-01T00:00:00+00:00",
    },
)


def test_the_json_follows_the_shipped_schema():
    jsonschema.Draft202012Validator.check_schema(draft_schema())
    jsonschema.validate(json.loads(draft_to_json(DRAFT)), draft_schema())


def test_an_untrained_probability_is_null_not_nan():
    assert draft_to_dict(DRAFT)["image_findings"][1]["probability"] is None


def test_the_json_is_one_line_and_says_preliminary():
    assert "\n" not in draft_to_json(DRAFT)
    assert json.loads(draft_to_json(DRAFT))["status"] == "preliminary"


@pytest.mark.parametrize("form", [draft_to_json, draft_to_text])
def test_paths_and_accession_numbers_stay_out(form):
    assert "/secret" not in form(DRAFT)
    assert "ACC-77" not in form(DRAFT)


@pytest.mark.parametrize(
    "broken",
    [
        replace(DRAFT, provenance={**DRAFT.provenance, "prompt_sha256": ""}),
        replace(DRAFT, sentences=(replace(DRAFT.sentences[0], text=""),)),
        replace(DRAFT, study=replace(DRAFT.study, images=())),
    ],
)
def test_the_schema_notices_what_is_missing(broken):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(draft_to_dict(broken), draft_schema())


def test_the_text_shows_status_evidence_omissions_and_warnings():
    text = draft_to_text(DRAFT)
    assert text.startswith(BANNER)
    assert "1. Left effusion. [supported; 1 for]" in text
    assert '= iu-xray:CXR1 findings[4:24] "Small left effusion."' in text
    assert "2. Mass. [UNSUPPORTED; 0 for]" in text
    assert "Edema: The image suggests it." in text
    assert "[no_view]" in text
    assert "Pleural Effusion 0.91" in text
    assert "(PA; F 71 y)" in text


def test_a_contradicted_sentence_shows_both_sides():
    against = link_to(sentence("No effusion.", "no Pleural Effusion", case="iu-xray:CXR2"), Relation.CONTRADICTS, 1.0)
    disputed = replace(DRAFT.sentences[0], status=Status.CONTRADICTED, links=(LINK, against))
    text = draft_to_text(replace(DRAFT, sentences=(disputed,)))
    assert "[CONTRADICTED; 1 for, 1 against]" in text
    assert "= iu-xray:CXR1" in text
    assert 'x iu-xray:CXR2 findings[0:12] "No effusion."' in text
    assert "x iu-xray" not in draft_to_text(replace(DRAFT, sentences=(replace(disputed, status=Status.SUPPORTED),)))


def test_the_text_fits_its_width_and_says_when_nothing_was_drafted():
    assert max(map(len, draft_to_text(DRAFT, width=70).splitlines()[2:-1])) <= 70
    empty = replace(DRAFT, sentences=(), image_findings=(image_finding("Mass", float("nan"), trained=False),))
    assert "No sentence was drafted." in draft_to_text(empty)
    assert "Image findings: not assessed" in draft_to_text(empty)


NEIGHBOURS = {
    "label": "Edema",
    "support": 3,
    "against": 1,
    "silent": 16,
    "share": 0.75,
    "prevalence": 0.05,
    "lift": 3.0,
    "cases": {"support": ["a:1", "a:2", "a:3"], "against": ["a:4"]},
}
TOLD = replace(DRAFT, provenance={**DRAFT.provenance, "neighbourhood": [NEIGHBOURS], "feedback": [], "novelty": None})


def test_the_neighbourhood_is_a_key_of_its_own_and_empty_in_drafts_made_before_it_was_kept():
    shown = draft_to_dict(TOLD)
    jsonschema.validate(shown, draft_schema())
    assert shown["neighbourhood"] == [NEIGHBOURS]
    assert "neighbourhood" not in shown["provenance"]
    assert draft_to_dict(DRAFT)["neighbourhood"] == []


def test_the_text_shows_the_neighbourhood_only_when_asked():
    assert "WHAT THE CASES" not in draft_to_text(TOLD)
    lines = draft_to_text(TOLD, neighbourhood=True).splitlines()
    row = next(line.split() for line in lines if line.strip().startswith("Edema  "))
    assert row == ["Edema", "3", "1", "16", "5.0%", "3.0x"]


def test_an_unsupported_sentence_shows_what_was_found_against_it():
    against = link_to(sentence("No mass.", "no Mass", case="iu-xray:CXR2"), Relation.CONTRADICTS, 1.0)
    text = draft_to_text(replace(DRAFT, sentences=(replace(DRAFT.sentences[1], links=(against,)),)))
    assert "[UNSUPPORTED; 0 for, 1 against]" in text
    assert 'x iu-xray:CXR2 findings[0:8] "No mass."' in text
