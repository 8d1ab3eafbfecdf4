"""A draft made again says which stage came out otherwise, or could not be done again, and why."""

import hashlib
import json
import sqlite3
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from small_workspaces import SeesThis, drafter_of, report, small_workspace, text_encoder

from radrag.audit.provenance import provenance, section
from radrag.audit.stages import Outcome, compare_findings
from radrag.cli.main import run
from radrag.dicom.read import find_studies, load_study
from radrag.domain import ImageFinding, Status
from radrag.errors import StoreError, UsageError
from radrag.generation.base import GeneratorCard
from radrag.generation.model import ModelGenerator
from radrag.review.decisions import replay
from radrag.review.values import Act
from radrag.store.values import ReviewEvent

CASES = [
    report("c:1", "There is a left pleural effusion. No pneumothorax."),
    report("c:2", "Small left pleural effusion. The heart is normal in size."),
    report("c:3", "The lungs are clear. No pleural effusion."),
]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A workspace with a saved draft of a picture, and an encoder that stands in wherever one is loaded."""
    encoder = SeesThis(Effusion=0.9)
    monkeypatch.setattr("radrag.encoders.load_image_encoder", lambda *_, **__: encoder)
    monkeypatch.setattr("radrag.encoders.load_text_encoder", lambda *_, **__: text_encoder())
    monkeypatch.setattr("radrag.encoders.runtime.hasten", lambda *_, **__: None)
    workspace = small_workspace(tmp_path / "workspace", CASES)
    path = tmp_path / "frontal_pa.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (320, 300), dtype=np.uint8)).save(path)
    return SimpleNamespace(workspace=workspace, encoder=encoder, path=path)


def drafted(made, generator=None):
    studies, _ = find_studies([made.path], salt=made.workspace.settings.salt())
    draft = drafter_of(made.workspace, made.encoder, generator).draft(load_study(studies[0]))
    made.workspace.store.save_draft(draft)
    return draft


def outcomes(result):
    return {stage.name: stage.outcome.value for stage in result.stages}


def test_a_draft_that_nothing_happened_to_comes_out_the_same_in_every_stage(made):
    draft = drafted(made)
    result = provenance(made.workspace, draft.draft_id)
    assert set(outcomes(result).values()) == {"same"}
    assert result.outcome is Outcome.SAME
    link = result.sentences[0].links[0]
    assert (
        made.workspace.store.cases([link.case_id])[link.case_id].sections[link.section][link.start : link.end]
        == link.quote
    )
    assert (link.rank, link.found_for) == (next(hit.rank for hit in draft.hits if hit.case_id == link.case_id), "image")
    assert "labels" in link.channels
    assert result.made["prompt_sha256"] == draft.provenance["prompt_sha256"]
    assert made.workspace.store.audit_entries(limit=100)[-1].what == "evidence.read"


def test_a_moved_image_is_missing_until_its_place_is_named(made, tmp_path):
    draft = drafted(made)
    elsewhere = made.path.rename(tmp_path / "moved_pa.png")
    found = outcomes(provenance(made.workspace, draft.draft_id))
    assert (found["pixels"], found["findings"], found["remarks"]) == ("not compared",) * 3
    assert (found["hits"], found["sentences"]) == ("same", "same")  # this index is not searched by image
    assert provenance(made.workspace, draft.draft_id, files=[elsewhere]).outcome is Outcome.SAME


def test_another_picture_in_the_place_of_the_first_differs(made):
    draft = drafted(made)
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (320, 300), dtype=np.uint8)).save(made.path)
    assert outcomes(provenance(made.workspace, draft.draft_id))["pixels"] == "different"


def test_another_encoder_is_named_and_the_later_stages_rest_on_the_record(made):
    draft = drafted(made)
    made.encoder.card = SimpleNamespace(name="sees more", version="2", sha256="cd" * 32, card_hash="cd" * 32, views=())
    made.encoder.findings = SeesThis(Pneumothorax=0.9).findings
    result = provenance(made.workspace, draft.draft_id)
    found = outcomes(result)
    assert (found["findings"], found["hits"], found["sentences"]) == ("not compared", "same", "same")
    assert "sees more 2" in result.parts["encoder"][1]


def test_sentences_of_other_rules_are_not_compared(made, monkeypatch):
    draft = drafted(made)
    monkeypatch.setattr("radrag.generation.compose._rules_sha256", lambda: "ef" * 32)
    result = provenance(made.workspace, draft.draft_id)
    found = outcomes(result)
    assert (found["hits"], found["prompt"], found["sentences"]) == ("same", "same", "not compared")
    assert "efefefefefef" in result.parts["generator"][1]


def test_findings_that_come_out_otherwise_differ(made):
    draft = drafted(made)
    made.encoder.findings = SeesThis(Effusion=0.2).findings
    result = provenance(made.workspace, draft.draft_id)
    stage = next(one for one in result.stages if one.name == "findings")
    assert stage.outcome is Outcome.DIFFERENT
    assert "1 of 5 labels differ, by up to 0.7; across the threshold: Pleural Effusion" in stage.says


def test_rounding_is_no_difference():
    one = ImageFinding("Edema", 0.5, 0.4, True, (1.0, 2.0, 3.0, 4.0))
    assert compare_findings([one], [replace(one, probability=0.5 + 3e-7)]).outcome is Outcome.SAME
    assert compare_findings([one], [replace(one, probability=0.51)]).outcome is Outcome.DIFFERENT
    assert compare_findings([one], [replace(one, region=(9.0, 2.0, 3.0, 4.0))]).outcome is Outcome.DIFFERENT
    blind = ImageFinding("Mass", float("nan"), float("nan"), trained=False)
    assert compare_findings([blind], [blind]).outcome is Outcome.SAME


def test_a_rebuilt_index_leaves_nothing_to_compare_hits_with(made):
    draft = drafted(made)
    folder = made.workspace.settings.indexes / draft.provenance["index"]["id"]
    folder.rename(folder.with_name("other"))
    result = provenance(made.workspace, draft.draft_id)
    assert [stage.outcome.value for stage in result.stages[-4:]] == ["not compared"] * 4
    assert result.outcome is Outcome.NOT_COMPARED


def test_a_changed_file_of_the_index_is_found(made):
    draft = drafted(made)
    folder = made.workspace.settings.indexes / draft.provenance["index"]["id"]
    (folder / "labels" / "added").write_text("x")
    result = provenance(made.workspace, draft.draft_id)
    assert "changed after it was built" in next(one for one in result.stages if one.name == "hits").says


def test_a_quote_that_the_corpus_no_longer_holds_is_found(made):
    draft = drafted(made)
    cited = draft.sentences[0].links[0]
    with sqlite3.connect(made.workspace.settings.workspace / "radrag.sqlite") as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%text%'")]
        holder = next(name for name in tables if "section" in name and "sentence" not in name)
        connection.execute(f"UPDATE {holder} SET text = replace(text, ?, ?)", (cited.quote, cited.quote.upper()))
    result = provenance(made.workspace, draft.draft_id)
    assert outcomes(result)["evidence"] == "different"
    assert result.sentences[0].links[0].standing == "changed"
    assert section(result).flags[0].startswith("evidence: ")


def test_a_removed_corpus_leaves_quotes_without_a_source(made):
    draft = drafted(made)
    made.workspace.store.remove_corpus("c")
    found = provenance(made.workspace, draft.draft_id)
    assert outcomes(found)["evidence"] == "not compared"
    assert {link.standing.value for one in found.sentences for link in one.links} == {"gone"}


def test_a_draft_changed_in_the_database_is_found(made):
    draft = drafted(made)
    with sqlite3.connect(made.workspace.settings.workspace / "radrag.sqlite") as connection:
        connection.execute("UPDATE draft_sentences SET text = 'The lungs are clear.' WHERE position = 0")
    found = outcomes(provenance(made.workspace, draft.draft_id))
    assert (found["record"], found["sentences"]) == ("different", "different")


def test_what_readers_did_is_in_the_trail(made):
    draft = drafted(made)
    event = ReviewEvent(
        1, "2026-01-01T00:00:00.000000+00:00", "adams", "reader", Act.REJECT, {"item": "d0", "reason": "not_seen"}
    )
    assert replay(draft, [event]).items[0].decision == "rejected"
    made.workspace.store.add_review_event(draft.draft_id, event, status="preliminary")
    result = provenance(made.workspace, draft.draft_id)
    assert (result.sentences[0].decision, result.sentences[0].reason) == ("rejected", "not_seen")
    assert (result.sentences[0].stands_as, result.sentences[1].decision) == ("", "pending")
    assert (result.acts[0].act, result.acts[0].item, result.acts[0].who) == ("reject", 1, "adams")
    assert outcomes(result)["record"] == "same"


def test_an_act_changed_in_the_database_is_named_and_leaves_the_rest_readable(made):
    draft = drafted(made)
    event = ReviewEvent(1, "2026-01-01T00:00:00.000000+00:00", "adams", "reader", Act.ACCEPT, {"item": "d0"})
    made.workspace.store.add_review_event(draft.draft_id, event, status="preliminary")
    with sqlite3.connect(made.workspace.settings.workspace / "radrag.sqlite") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("""UPDATE review_events SET payload = '{"item": "d99"}'""")
    result = provenance(made.workspace, draft.draft_id)
    assert result.stages[0].says == "changed outside radrag: act 1"
    assert result.sentences[0].decision == "pending"


class Answering:
    """A model that quotes its first evidence; counts how often it is asked."""

    card = GeneratorCard("far away", "1", "ef" * 32, {}, remote=False)

    def __init__(self):
        self.asked = 0

    def complete(self, prompt, schema, pictures, seed):
        self.asked += 1
        said = [{"text": "There is a left pleural effusion.", "evidence": [1]}]
        return json.dumps({"findings": said, "impression": said})


def test_a_models_answers_are_taken_from_the_record(made, capsys):
    model = Answering()
    draft = drafted(made, ModelGenerator(model))
    asked = model.asked
    result = provenance(made.workspace, draft.draft_id)
    assert (result.outcome, result.replayed, model.asked) == (Outcome.SAME, True, asked)
    assert "recorded answers" in result.parts["generator"][1]
    workspace = str(made.workspace.settings.workspace)
    assert run(["--workspace", workspace, "audit", "provenance", draft.draft_id, "--transcripts", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    digest = hashlib.sha256(shown[0]["prompt"].encode()).hexdigest()
    assert digest == draft.provenance["prompt_sha256"]
    assert "left pleural effusion" in shown[0]["output"]


def test_a_prompt_that_would_be_another_now_has_no_answer_on_record(made, monkeypatch):
    draft = drafted(made, ModelGenerator(Answering()))
    monkeypatch.setattr("radrag.generation.model.report_prompt", _with_more_words)
    found = outcomes(provenance(made.workspace, draft.draft_id))
    assert (found["hits"], found["prompt"], found["sentences"]) == ("same", "different", "not compared")


def test_a_prompt_whose_answer_is_not_held_any_more_is_the_same_prompt(made):
    draft = drafted(made, ModelGenerator(Answering()))
    with sqlite3.connect(made.workspace.settings.workspace / "radrag.sqlite") as connection:
        connection.execute("DELETE FROM transcripts")
    found = outcomes(provenance(made.workspace, draft.draft_id))
    assert (found["prompt"], found["sentences"]) == ("same", "not compared")


def _with_more_words(*arguments, **options):
    from radrag.generation.prompt import report_prompt

    prompt = report_prompt(*arguments, **options)
    return replace(prompt, user=prompt.user + " Be brief.")


def test_a_note_that_was_carried_out_is_carried_out_again(made):
    first = drafted(made)
    second = made.workspace.drafter.revise(first, "1: right, not left")
    made.workspace.store.save_draft(second)
    assert second.sentences[0].text != first.sentences[0].text
    assert provenance(made.workspace, second.draft_id).outcome is Outcome.SAME


def test_the_command_prints_the_trail_and_says_by_its_exit_code_whether_all_is_the_same(made, capsys):
    draft = drafted(made)
    command = ["--workspace", str(made.workspace.settings.workspace), "audit", "provenance", draft.draft_id]
    assert run(command) == 0
    shown = capsys.readouterr().out
    assert "comes out the same in all 8 stages" in shown
    assert f"1. [{draft.sentences[0].section}] {draft.sentences[0].text}" in shown
    made.path.unlink()
    assert run([*command, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["outcome"]) == ("radrag.audit_provenance/1", "not compared")
    assert found["sentences"][0]["status"] in set(Status)


def test_an_unknown_draft_is_refused_and_one_without_a_record_is_not_made_again(made):
    bare = replace(drafted(made), draft_id="bare", provenance={"seed": 0})
    made.workspace.store.save_draft(bare)
    with pytest.raises(UsageError, match="lacks encoder, index, generator"):
        provenance(made.workspace, "bare")
    with pytest.raises(StoreError, match="no draft"):
        provenance(made.workspace, "nothing")
