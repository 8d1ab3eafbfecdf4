"""Drafts of a manifest's images scored beside baselines; controls plant wrong evidence and swap images."""

import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import image_finding
from pictures import write_film
from small_workspaces import SeesThis, Writes, report, small_workspace, text_encoder

from radrag.cli.main import run
from radrag.domain import Polarity, View
from radrag.errors import GenerationCode, GenerationError, StudyRefused
from radrag.evaluation.grounding import CONSTANT, NEAREST, NOISE, RANDOM, STATED, SWAPPED, evaluate_grounding
from radrag.evaluation.grounding_controls import PlantedWorkspace, plants
from radrag.evaluation.grounding_measures import MADE_UP, MISSED, PRECISION, RECALL
from radrag.evaluation.grounding_studies import studies_of, with_noise
from radrag.evaluation.manifest import read_query_manifest
from radrag.reports.findings import default_labeler
from radrag.settings import load_settings
from radrag.workspace import Workspace

REPORTS = [
    "Left pleural effusion. No pneumothorax. The heart is normal in size.",
    "There is a pleural effusion. No pneumothorax. No mass.",
    "Small right pleural effusion. The lungs are clear.",
    "No pleural effusion or pneumothorax. The heart is normal in size.",
    "No pleural effusion. There is a hiatal hernia.",
]


class SeesLight(SeesThis):
    """An encoder that sees an effusion on bright images only."""

    def encode(self, images, views):
        bright, dark = SeesThis(Effusion=0.9).findings, SeesThis().findings
        said = tuple(bright if float(np.mean(image)) > 0.7 else dark for image in images)
        return SimpleNamespace(findings=said, vectors=np.eye(4, dtype=np.float32)[[0] * len(views)])


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """Four images, bright ones with an effusion and dark ones without, and one that is not there."""
    folder = tmp_path_factory.mktemp("grounding")
    with (folder / "queries.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "patient", "view", "split", "Effusion", "Mass"])
        for number in range(4):
            write_film(folder / f"{number}.png", number, gamma=0.3 if number % 2 else 2.0)
            rows.writerow([f"{number}.png", f"p{number}", "PA", "val", number % 2, 0])
        rows.writerow(["gone.png", "p9", "PA", "train", 1, 0])
    return folder / "queries.csv"


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    """The folder of a workspace that indexes the reports; tests only read it."""
    folder = tmp_path_factory.mktemp("grounding-workspace")
    small_workspace(folder, [report(f"c:{number}", text) for number, text in enumerate(REPORTS)]).store.close()
    return folder


@pytest.fixture
def workspace(indexed):
    made = Workspace(load_settings(workspace=indexed))
    made.__dict__ |= {"text_encoder": text_encoder(), "image_encoder": SeesLight()}
    return made


def studies(workspace, manifest, split=""):
    read = read_query_manifest(manifest, split=split)
    cases, salt = workspace.snapshot.cases, workspace.settings.salt()
    return studies_of(read, cases, workspace.labeler, salt=salt, collections=["c"])


def test_drafts_stand_beside_baselines_on_the_same_evidence(workspace, manifest):
    scores = evaluate_grounding(workspace, studies(workspace, manifest, "val"), controls=4)
    assert (scores.n, scores.patients, dict(scores.failed), scores.abstained) == (4, 4, {}, ())
    assert list(scores.shares) == ["compose", CONSTANT, RANDOM, NEAREST]
    ours, constant = scores.shares["compose"], scores.shares[CONSTANT]
    assert ours[RECALL][0].mean == 1
    assert ours[MISSED] == (ours[MISSED][0], 2)
    assert ours[MISSED][0].mean == 0
    assert constant[MISSED][0].mean == 1
    assert all(count == 0 for count in scores.counts["compose"].values())
    assert scores.controls[STATED][0].mean == 0
    assert scores.controls[SWAPPED][0].mean == 0
    assert scores.f1["compose"]["macro"].mean == scores.f1["compose"]["micro"].mean == 1
    assert scores.f1[CONSTANT]["micro"].mean == 0
    assert scores.shares[NEAREST]["copied"][0].mean == 1
    assert 0 < scores.seconds[0] <= scores.seconds[1]
    assert json.loads(json.dumps(scores.as_dict(), allow_nan=False))["n"] == 4


def test_an_image_that_cannot_be_read_counts_as_bad_as_can_be(workspace, manifest):
    scores = evaluate_grounding(workspace, studies(workspace, manifest, "train"))
    assert list(scores.failed.values()) == ["not_found"]
    assert scores.shares["compose"][PRECISION][0].mean == 0
    assert scores.shares["compose"][MISSED][0].mean == 1
    assert scores.f1["compose"]["macro"].mean == 0
    assert scores.as_dict()["seconds"] is None


def test_a_generator_that_fails_is_a_counted_failure_and_no_traceback(workspace, manifest):
    class Fails(Writes):
        def generate(self, request):
            raise GenerationError(next(iter(GenerationCode)), "The model gave nothing.")

    workspace.__dict__["generator"] = Fails()
    scores = evaluate_grounding(workspace, studies(workspace, manifest, "val"))
    assert len(scores.failed) == 4


def test_a_generator_that_looks_at_nothing_is_found_out_by_the_controls(workspace, manifest):
    workspace.__dict__["generator"] = Writes("No pneumothorax.")
    scores = evaluate_grounding(workspace, studies(workspace, manifest, "val"), controls=4)
    assert scores.controls[SWAPPED][0].mean == 1
    assert scores.controls[NOISE][0].mean == 1


def test_a_generator_that_believes_everything_follows_planted_evidence(workspace, manifest):
    class Believes(Writes):
        def generate(self, request):
            self.texts = tuple(dict.fromkeys(one.text for one in request.evidence if "There is" in one.text))
            return super().generate(request)

    workspace.__dict__["generator"] = Believes()
    scores = evaluate_grounding(workspace, studies(workspace, manifest, "val"), controls=4)
    assert scores.controls[STATED][0].mean == 1
    assert scores.shares["compose"][MADE_UP][0].mean > 0


def test_planted_evidence_replaces_what_reports_say_of_the_finding_and_leaves_the_corpus_alone(workspace):
    planted = PlantedWorkspace(workspace)
    before = workspace.store.sentences(["c:0"])
    assert planted.store.sentences(["c:0"]) == before
    planted.planted = next(
        one for one in plants({"Pleural Effusion": 1}, [image_finding("Pleural Effusion", 0.9)], workspace.labeler)
    )
    after = planted.store.sentences(["c:0"])["c:0"]
    assert [one.text for one in after] == ["No pneumothorax.", "The heart is normal in size.", "No pleural effusion."]
    assert len({one.number for one in after}) == 3
    assert workspace.store.sentences(["c:0"]) == before


def test_only_what_image_and_truth_agree_on_is_planted_against():
    seen = [image_finding("Mass", 0.9), image_finding("Edema", 0.1), image_finding("Hernia", 0.1, trained=False)]
    truth = {"Mass": 1, "Edema": 0, "Hernia": 0}
    found = plants(truth, seen, default_labeler())
    assert [(one.label, one.present, one.text) for one in found] == [
        ("Mass", False, "No mass."), ("Edema", True, "There is edema."),
    ]  # fmt: skip
    assert plants({"Mass": 0, "Edema": 1}, seen, default_labeler()) == []
    for one in found:
        said = default_labeler().label_text(one.text)[0]
        assert (said.polarity is Polarity.POSITIVE) is one.present


def test_a_finding_that_a_seen_one_implies_is_not_planted():
    seen = [image_finding("Pneumonia", 0.9), image_finding("Lung Opacity", 0.1)]
    assert [one.label for one in plants({"Pneumonia": 1, "Lung Opacity": 0}, seen, default_labeler())] == ["Pneumonia"]


def test_the_view_and_the_patient_come_from_the_manifest_where_the_file_does_not_tell(workspace, manifest):
    first = studies(workspace, manifest)[0]
    loaded = first.load(salt="s")
    assert loaded.images[0].image.view is View.PA
    assert loaded.study.images[0].view is View.PA
    assert (first.patient, first.patient_key) == ("p0", "")
    with pytest.raises(StudyRefused, match="not_found"):
        studies(workspace, manifest)[-1].load(salt="s")


def test_noise_has_the_image_s_size_and_nothing_else_of_it(workspace, manifest):
    loaded = studies(workspace, manifest)[0].load(salt="s")
    noisy = with_noise(loaded, np.random.default_rng(1))
    assert noisy.images[0].pixels.shape == loaded.images[0].pixels.shape
    assert abs(np.corrcoef(noisy.images[0].pixels.ravel(), loaded.images[0].pixels.ravel())[0, 1]) < 0.05
    assert noisy.study.images[0].pixel_sha256 == ""


def test_the_command_prints_tables_or_one_json_object(workspace, manifest, capsys):
    place = ["--workspace", str(workspace.settings.workspace), "eval", "grounding"]
    asked = [*place, "--manifest", str(manifest), "--limit", "2", "--controls", "1"]
    assert run(asked) == 0
    shown = capsys.readouterr().out
    assert "citation precision" in shown
    assert CONSTANT in shown
    assert run([*asked, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["generators"][0]["n"] == 2
    assert found["manifest"]["name"] == "queries.csv"
    assert run([*place, "--manifest", str(manifest), "--split", "train", "--json"]) == 1


def test_generators_are_compared_with_the_first_on_the_same_studies(workspace, manifest, capsys):
    place = ["--workspace", str(workspace.settings.workspace), "eval", "grounding", "--manifest", str(manifest)]
    asked = [*place, "--generator", "compose", "--generator", "compose", "--limit", "2", "--controls", "0"]
    assert run(asked) == 0
    assert "compose − compose" in capsys.readouterr().out
    assert run([*asked, "--json"]) == 0
    same = {"mean": 0, "low": 0, "high": 0}
    (found,) = json.loads(capsys.readouterr().out)["differences"]
    assert found == {"generator": "compose", "less": "compose", "macro F1": same, "micro F1": same}


def test_the_command_runs_written_flips_alone(workspace, tmp_path, capsys):
    case = {"name": "a", "kind": "side", "evidence": "Left mass.", "claim": "Right mass.", "expected": "contradicted"}
    (tmp_path / "cases.jsonl").write_text(json.dumps(case))
    asked = ["--workspace", str(workspace.settings.workspace), "eval", "grounding", "--cases"]
    assert run([*asked, str(tmp_path / "cases.jsonl"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["flips"]["parts"]["written"]["caught"] == 1
    assert run([*asked, str(tmp_path / "cases.jsonl")]) == 0
    assert "100.0 %" in capsys.readouterr().out


def test_nothing_to_score_is_a_usage_error(workspace, capsys):
    assert run(["--workspace", str(workspace.settings.workspace), "eval", "grounding"]) == 2
    assert "--manifest" in capsys.readouterr().err


def test_the_command_makes_flips_of_own_sentences_and_of_both_halves_of_the_iu_reports(workspace, capsys):
    assert run(["--workspace", str(workspace.settings.workspace), "eval", "grounding", "--flips", "--json"]) == 0
    parts = json.loads(capsys.readouterr().out)["flips"]["parts"]
    assert list(parts) == ["own wording", "IU development", "IU held-out"]
    assert sum(part["flips"] for part in parts.values()) >= 400
    for part in parts.values():
        assert part["caught"] >= 0.98
        assert part["false_alarms"] <= 0.02


def test_a_manifest_of_texts_alone_is_a_usage_error(workspace, tmp_path, capsys):
    (tmp_path / "texts.csv").write_text("text,patient\nNo effusion.,p1\n")
    asked = ["--workspace", str(workspace.settings.workspace), "eval", "grounding", "--manifest"]
    assert run([*asked, str(tmp_path / "texts.csv")]) == 2
    assert "no images" in capsys.readouterr().err
