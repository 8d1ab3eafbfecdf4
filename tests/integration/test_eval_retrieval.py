"""``radrag eval retrieval`` on a small manifest and a small index, both made here."""

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from radrag.cli.main import run

REPORTS = (
    "Large left pleural effusion. No pneumothorax.",
    "The heart is enlarged. The lungs are clear.",
    "Right upper lobe pneumonia.",
    "The lungs are clear. No pleural effusion or pneumothorax.",
)
QUERIES = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with ``queries.csv`` and its images, and a workspace that indexes them with their reports."""
    folder = tmp_path_factory.mktemp("eval-retrieval")
    with (folder / "pairs.csv").open("w", newline="") as pairs, (folder / "queries.csv").open("w", newline="") as asked:
        reports, queries = csv.writer(pairs), csv.writer(asked)
        reports.writerow(["image", "patient", "text"])
        queries.writerow(["image", "patient", "split", "Effusion", "Cardiomegaly", "Pneumonia", "remark"])
        for number in range(16):
            pixels = np.random.default_rng(number).integers(0, 255, (320, 300), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            kind = number % 4
            reports.writerow([f"{number}.png", f"{number // 2}", f"{REPORTS[kind]} Film {number}."])
            if number < QUERIES:
                queries.writerow(
                    [f"{number}.png", f"{number // 2}", "val", *(int(kind == label) for label in range(3)), "x"]
                )
        queries.writerow(["gone.png", "77", "train", 1, 0, 0, ""])
    workspace = folder / "workspace"
    for command in (["corpus", "add", "pairs", str(folder / "pairs.csv")], ["index", "build"]):
        assert run(["--workspace", str(workspace), *command]) == 0
    return folder


@pytest.fixture
def evaluate(made, capsys):
    """Run the command; returns (exit code, output, messages)."""

    def call(*arguments):
        manifest = ["--manifest", str(made / "queries.csv")]
        code = run(["--workspace", str(made / "workspace"), "eval", "retrieval", *manifest, *map(str, arguments)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def test_every_variant_stands_beside_its_baselines(evaluate):
    code, out, err = evaluate("--split", "val", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["overall"]["n"], found["overall"]["patients"], found["cases"]) == (QUERIES, 3, 16)
    assert {"fused", "fused, no profile", "channel labels", "channel called findings", "random", "oracle"} <= set(
        found["overall"]["variants"]
    )
    against = {one["against"] for one in found["differences"] if one["variant"] == "fused"}
    assert {"channel labels", "channel profile", "channel called findings", "random"} <= against
    assert set(found["findings"]) == {"Pleural Effusion", "Cardiomegaly", "Pneumonia", "No Finding"}
    assert found["findings"]["Pleural Effusion"]["n"] == 2
    assert found["encoder"]["name"] == "starter"
    assert "Ignored columns: remark." in err
    for variant in found["overall"]["variants"].values():
        assert all(0 <= measure["low"] <= measure["mean"] <= measure["high"] <= 1 for measure in variant.values())


def test_the_own_case_is_left_out_of_agreement_and_looked_for_as_a_pair(evaluate, made, tmp_path):
    code, out, _ = evaluate("--split", "val", "--json", "--out", tmp_path / "scores")
    found = json.loads(out)
    assert code == 0
    assert found["pairs"]["n"] == QUERIES
    assert found["excluded_cases"] == 2 * QUERIES  # each patient has two cases
    agreeing = {line.split()[0]: 0 for line in (tmp_path / "scores" / "qrels.trec").read_text().splitlines()}
    assert len(agreeing) == QUERIES
    for path in (tmp_path / "scores").glob("run-*.trec"):
        lines = path.read_text().splitlines()
        found = {line.split()[2] for line in lines if line.startswith("line000002 ")}
        assert len(found) == 14 if path.name == "run-fused.trec" else len(found) <= 14


def test_running_twice_writes_the_same_files(evaluate, tmp_path):
    for name in ("first", "second"):
        assert evaluate("--split", "val", "--out", tmp_path / name)[0] == 0
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert {"scores.json", "qrels.trec", "run-fused.trec", "ndcg.png", "ndcg.svg"} <= set(names)
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_tables_say_how_many(evaluate):
    _, out, _ = evaluate("--split", "val")
    assert "n = 6 queries of 3 patients, 16 cases" in out
    assert "fused − random" in out
    row = next(line for line in out.splitlines() if line.startswith("Pleural Effusion"))
    assert row.split()[2] == "2"
    assert "The image's own report among all: n = 6" in out


def test_a_missing_image_is_named_counts_0_and_is_exit_code_1(evaluate):
    code, out, err = evaluate("--json")
    found = json.loads(out)
    assert code == 1
    assert "gone.png" in err
    assert found["failed"] == {"line000008": "not_found"}
    assert found["overall"]["n"] == QUERIES + 1


def test_words_are_queries_too(made, tmp_path, capsys):
    path = tmp_path / "words.csv"
    header = "text;patient;Pleural Effusion;Pneumonia;Efusion;ward"
    path.write_text(f"{header}\nlarge pleural effusion;a;1;0;1;x\npneumonia;b;0;1;1;x\n")
    workspace = str(made / "workspace")
    assert run(["--workspace", workspace, "eval", "retrieval", "--manifest", str(path), "--json"]) == 0
    shown = capsys.readouterr()
    assert "Ignored columns: Efusion (is it Effusion?), ward." in shown.err
    found = json.loads(shown.out)
    assert (found["encoder"], found["pairs"]) == (None, None)
    assert found["overall"]["variants"]["fused"]["MRR"]["mean"] == 1


def test_weights_are_fitted_to_a_manifest_and_kept_only_where_they_gain(made, tmp_path, capsys):
    """The words say nothing that the findings do not: nothing is gained, so that nothing is saved."""
    path = tmp_path / "words.csv"
    rows = [f"large pleural effusion,{n},train,1,0\npneumonia,{n + 5},train,0,1" for n in range(5)]
    path.write_text("\n".join(["text,patient,split,Pleural Effusion,Pneumonia", *rows]))
    base = ["--workspace", str(made / "workspace"), "index", "fit", "--manifest", str(path)]
    assert run([*base, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["saved"] is None
    assert set(found["fits"]) == {"words"}
    fit = found["fits"]["words"]
    assert (fit["queries"], fit["patients"], fit["weights"]["after"]["labels"]) == (10, 10, 1.0)
    assert fit["held_out_gain"]["low"] <= fit["held_out_gain"]["mean"] <= 0
    assert run(base) == 0
    shown = capsys.readouterr()
    assert "held-out gain" in shown.out
    assert "Nothing saved" in shown.err
    assert run([*base, "--split", "val"]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--split", "test"], "there are: train, val"), (["-k", "5"], "-k"), (["--encoder", "no"], "no")],
)
def test_wrong_usage_is_exit_code_2(evaluate, arguments, words):
    code, out, err = evaluate(*arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_without_ir_measures_the_message_has_the_install_line(evaluate, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "ir_measures", None)
    code, _, err = evaluate()
    assert code == 1
    assert "pip install 'radrag[metrics]'" in err


def test_without_matplotlib_only_the_plots_are_missing(evaluate, monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = evaluate("--split", "val", "--out", tmp_path / "scores")
    assert code == 0
    assert "No plot" in err
    assert (tmp_path / "scores" / "scores.json").exists()


def test_a_changed_index_is_what_is_evaluated(made, tmp_path, capsys):
    copy = shutil.copytree(made / "workspace", tmp_path / "workspace")
    shutil.rmtree(copy / "indexes")
    manifest = ["--manifest", str(made / "queries.csv"), "--split", "val"]
    assert run(["--workspace", str(copy), "eval", "retrieval", *manifest]) == 1
    assert "radrag index build" in capsys.readouterr().err
