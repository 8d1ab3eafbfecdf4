"""Rows from a workspace: the nearest report, never the study's own, and saved drafts under their study's name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_workspaces import report, small_workspace
from store_support import sample_draft

from radrag.cli.eval_reports import reports
from radrag.domain import StudyImage, View, text_of
from radrag.evaluation.manifest import ManifestRow
from radrag.evaluation.report_candidates import draft_rows, knowing_queries, row_names, study_named, top_reports
from radrag.evaluation.report_files import Part
from radrag.settings import load_settings

TEXTS = {"1": "There is a large left pleural effusion.", "2": "The lungs are clear.", "3": "A left pleural effusion."}


@pytest.fixture
def workspace(tmp_path):
    cases = [report(f"c:{name}", text, impression="See above.") for name, text in TEXTS.items()]
    workspace = small_workspace(tmp_path / "workspace", cases)
    yield workspace
    workspace.store.close()


def test_the_nearest_report_is_never_the_studys_own(workspace):
    references = {"1_IM-0001": TEXTS["1"]}
    queries = knowing_queries(references, workspace.snapshot.cases, workspace.labeler)
    found = top_reports(queries, workspace.retriever, workspace.store, Part.FINDINGS)
    assert found == {"1_IM-0001": TEXTS["3"]}
    whole = top_reports(queries, workspace.retriever, workspace.store, Part.ALL)
    assert whole == {"1_IM-0001": f"{TEXTS['3']} See above."}


def test_the_command_adds_the_row_and_says_that_it_knows_the_reference(workspace, tmp_path):
    path = tmp_path / "references.json"
    path.write_text(json.dumps(TEXTS))
    arguments = ["--references", str(path), "--index", "--no-meteor", "--json"]
    result = CliRunner().invoke(reports, arguments, obj=workspace.settings, standalone_mode=False)
    row = json.loads(result.stdout)["rows"][0]
    assert (row["name"], row["baseline"]) == ("top-1 report, knowing the reference", False)
    assert row["scores"]["BLEU-1"]["mean"] < 1


def test_a_row_of_a_manifest_is_named_by_case_image_or_folder():
    row = ManifestRow(2, Path("data/CXR1_IM-2/0.png"), case="iu-xray:CXR1")
    assert row_names(row) == ["iu-xray:CXR1", "CXR1", "0", "CXR1_IM-2"]
    assert study_named(row_names(row), {"CXR1_IM-2"}) == "CXR1_IM-2"
    assert study_named(row_names(row), {"other"}) == ""


def test_drafts_are_rows_by_generator_and_the_newest_of_a_study_counts(tmp_path):
    workspace = small_workspace(tmp_path / "w", [report("c:1", "Clear.")])
    draft = sample_draft()
    image = StudyImage("1", View.PA, 4, 4, path="/films/s7.png")
    provenance = {"generator": {"name": "compose"}}
    for number, created in enumerate(("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")):
        sentences = draft.sentences[: number + 1]
        workspace.store.save_draft(
            replace(
                draft,
                draft_id=f"d{number}",
                study=replace(draft.study, images=(image,)),
                sentences=sentences,
                provenance={**provenance, "created_at": created},
            )
        )
    [(row, texts)] = draft_rows(workspace.store, {"s7", "s8"}, Part.ALL).items()
    newest = text_of(draft.sentences[:2])
    assert row == "drafts by compose"
    assert texts == {"s7": " ".join(newest[name] for name in ("findings", "impression") if name in newest)}
    assert draft_rows(workspace.store, {"other"}, Part.ALL) == {}
    workspace.store.close()


@pytest.mark.data
def test_baselines_on_the_iu_test_file_are_those_of_the_published_re_measurement(shared_data, tmp_path):
    """Random other report: BLEU-1 .395, BLEU-4 .103, ROUGE-L .300; constant normal: .480, .174, .389 (590 findings)."""
    path = shared_data / "iu_xray" / "annotation_r2gen.json"
    arguments = ["--references", str(path), "--no-meteor", "--json"]
    settings = load_settings(workspace=tmp_path / "workspace")
    found = json.loads(CliRunner().invoke(reports, arguments, obj=settings, standalone_mode=False).stdout)
    assert found["n"] == 590
    for row, published in zip(found["rows"], ((0.480, 0.174, 0.389), (0.395, 0.103, 0.300)), strict=True):
        measured = [row["scores"][name]["mean"] for name in ("BLEU-1", "BLEU-4", "ROUGE-L")]
        assert measured == pytest.approx(published, abs=0.01)
