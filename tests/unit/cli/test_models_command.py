"""``radrag models``: what there is, what is known, what was pulled, what is damaged."""

import json
import subprocess
import sys

import pytest
import torch
import torchxrayvision
from tiny_models import save_clip, save_vit

from radrag.cli.models import command
from radrag.errors import MissingModel, UsageError, WeightsError
from radrag.models import registry
from radrag.models.pulled import folder_of
from radrag.settings import load_settings


@pytest.fixture
def models(tmp_path, capsys):
    """Run ``radrag models`` in a workspace of its own; returns (exit code, standard output)."""

    def run(*arguments):
        settings = load_settings(workspace=tmp_path / "workspace")
        code = command.main(args=[str(item) for item in arguments], obj=settings, standalone_mode=False)
        return code or 0, capsys.readouterr().out

    return run


def pulled_folder(tmp_path, save=save_vit):
    source = tmp_path / "source"
    source.mkdir()
    return save(source)


def test_every_model_is_listed_with_where_its_weights_are(models, tmp_path):
    models("pull", "hf:owner/vit", "--from", pulled_folder(tmp_path))
    code, shown = models("list", "--json")
    rows = {row["name"]: row for row in json.loads(shown)}
    assert code == 0
    assert list(rows) == [*registry.names(), "hf:owner/vit"]
    assert rows["starter"]["weights"] == "shipped"
    assert rows["xrv:densenet121-res224-all"]["weights"] == "not here"
    assert rows["hf:owner/vit"]["weights"] == "pulled"
    table = models("list")[1]
    assert all(name in table for name in rows)


def test_listing_and_showing_load_no_torch(tmp_path):
    code = (
        "import sys; from radrag.cli.models import command; from radrag.settings import load_settings\n"
        "settings = load_settings(workspace=__import__('pathlib').Path(sys.argv[1]))\n"
        "command.main(args=['list'], obj=settings, standalone_mode=False)\n"
        "command.main(args=['show', 'xrv:resnet50-res512-all'], obj=settings, standalone_mode=False)\n"
        "print([name for name in ('torch', 'transformers', 'torchxrayvision') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], check=True, capture_output=True, text=True)
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize("name", registry.names())
def test_a_card_is_shown_whole(models, name):
    card = json.loads(models("show", name, "--json")[1])
    assert card["name"] == name
    assert card["licence"]
    shown = models("show", name)[1]
    assert all(limit in shown for limit in card["limits"])


def test_a_model_with_two_towers_has_two_cards(models, tmp_path):
    folder = pulled_folder(tmp_path, save_clip)
    cards = json.loads(models("show", f"hf:{folder}", "--json")[1])
    assert [card["task"] for card in cards] == [registry.IMAGE_TASK, registry.TEXT_TASK]
    assert cards[0]["shared_space"] == cards[1]["shared_space"]
    assert len(json.loads(models("show", f"hf:{folder}", "--json")[1])) == 2


def test_a_card_of_neither_tower_is_an_error(models, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(WeightsError, match="no vision tower"):
        models("show", f"hf:{tmp_path}")


def test_pulling_says_what_came_and_how_to_use_it(models, tmp_path, capsys):
    torch.manual_seed(0)
    torch.save(torchxrayvision.models.DenseNet(weights=None), tmp_path / "w.pt")
    name = "xrv:densenet121-res224-nih"
    found = json.loads(models("pull", name, "--from", tmp_path / "w.pt", "--json")[1])
    assert found["files"] == ["model.safetensors"]
    assert found["source"] == "local file"
    code, shown = models("verify", name)
    assert (code, shown) == (0, f"ok      {name}\n")


def test_damage_is_named_and_the_exit_code_is_1(models, tmp_path):
    models("pull", "hf:owner/vit", "--from", pulled_folder(tmp_path))
    folder = folder_of(load_settings(workspace=tmp_path / "workspace").cache, "hf:owner/vit")
    (folder / "config.json").unlink()
    code, shown = models("verify", "hf:owner/vit")
    assert code == 1
    assert "config.json is missing" in shown
    code, shown = models("verify", "--json")
    states = {row["name"]: row["ok"] for row in json.loads(shown)}
    assert code == 1
    assert states == {"starter": True, "minilm": True, "hf:owner/vit": False}


@pytest.mark.parametrize(
    ("name", "error"),
    [("xrv:densenet121-res224-all", MissingModel), ("hf:owner/none", MissingModel), ("nothing", UsageError)],
)
def test_verifying_what_is_not_here_is_an_error(models, name, error):
    with pytest.raises(error):
        models("verify", name)


@pytest.mark.parametrize("name", ["list", "show", "pull", "verify"])
def test_every_command_explains_itself(models, name):
    assert "Usage:" in models(name, "--help")[1]
