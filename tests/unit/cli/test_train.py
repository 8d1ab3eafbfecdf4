"""``radrag train``: what is wrong is told before anything is loaded, and a sitting that ends says how to go on."""

import pytest

from radrag.cli.main import run
from radrag.settings import load_settings
from radrag.training.runs import Paused


def train(tmp_path, *given):
    arguments = ["--workspace", str(tmp_path / "w"), "train", "generator", *given]
    return run([*arguments, "--data", str(tmp_path), "--out", str(tmp_path / "run")])


def test_an_unknown_run_is_wrong_usage_and_names_those_that_ship(tmp_path, capsys):
    assert train(tmp_path, "nothing") == 2
    assert "generator, generator_noise, generator_smoke" in capsys.readouterr().err


def test_an_unknown_key_of_a_run_is_wrong_usage(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("rait: 1\n")
    assert train(tmp_path, str(tmp_path / "mine.yaml")) == 2
    assert "rait" in capsys.readouterr().err


def test_an_absent_data_folder_is_told(tmp_path, capsys):
    assert train(tmp_path) == 1
    assert "labels.csv" in capsys.readouterr().err


@pytest.mark.parametrize(("signalled", "code"), [(True, 130), (False, 0)])
def test_a_sitting_that_ends_early_says_how_to_resume(tmp_path, capsys, monkeypatch, signalled, code):
    asked = {}

    def pausing(config, out, **named):
        asked.update(named, config=config, out=out)
        raise Paused(f"Resume it with: {named['again']}", signalled=signalled)

    monkeypatch.setattr("radrag.training.generator.run", pausing)
    monkeypatch.setattr("radrag.training.nih.read_labels", lambda folder: folder)
    monkeypatch.setattr("radrag.workspace.Workspace.image_encoder", None)
    monkeypatch.setattr("radrag.cli.train._grounds", lambda *_: None)
    from radrag.cli.train import command

    given = ["generator", "generator_smoke", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    ended = command.main(
        [*given, "--minutes", "5", "--seed", "7"],
        obj=load_settings(workspace=tmp_path / "w"),
        standalone_mode=False,
    )
    assert ended == code
    assert asked["config"].minutes == 5
    told = capsys.readouterr().err
    again = f"train generator generator_smoke --data {tmp_path} --out {tmp_path / 'run'} --seed 7"
    assert f"radrag --workspace {tmp_path / 'w'} {again}" in told
