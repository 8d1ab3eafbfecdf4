"""An index is searched only by the text encoder that built it; a build that is refused leaves what was there."""

import json

import numpy as np
import pytest
from fakes import image_finding
from small_workspaces import report, small_workspace
from tiny_models import save_bert, save_sentence_transformer

from radrag.cli.main import run
from radrag.corpus.building import build_snapshot
from radrag.encoders.alignment import AlignmentCard
from radrag.errors import BadIndex
from radrag.models.weights import SHIPPED_ENCODERS
from radrag.retrieval.query import query_from_image
from radrag.settings import load_settings
from radrag.workspace import Workspace

CASES = [
    report("own:1", "There is a small left pleural effusion."),
    report("own:2", "The heart is enlarged. The lungs are clear."),
    report("own:3", "No pneumothorax. Normal heart size."),
]


@pytest.fixture
def workspace(tmp_path):
    made = small_workspace(tmp_path / "w", CASES)
    made.store.close()
    return tmp_path / "w"


def radrag(workspace, *arguments):
    return run(["--workspace", str(workspace), *arguments])


def test_another_text_encoder_is_refused_until_the_index_is_built_with_it(workspace, tmp_path, monkeypatch, capsys):
    (tmp_path / "tiny").mkdir()
    monkeypatch.setenv("RADRAG_TEXT_ENCODER", f"hf:{save_sentence_transformer(tmp_path / 'tiny')}")
    assert radrag(workspace, "search", "--text", "effusion") == 1
    refusal = capsys.readouterr().err
    assert "was built with text encoder minilm" in refusal
    assert "not hf:tiny" in refusal
    assert "RADRAG_TEXT_ENCODER" in refusal
    assert "radrag index build" in refusal

    assert radrag(workspace, "index", "build", "--json") == 0
    built = json.loads(capsys.readouterr().out)
    assert built["text_encoder"]["name"] == "hf:tiny"
    assert built["channels"]["text"]["dimension"] == 32
    assert radrag(workspace, "search", "--text", "effusion", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["case_id"] == "own:1"

    monkeypatch.delenv("RADRAG_TEXT_ENCODER")
    assert radrag(workspace, "search", "--text", "effusion") == 1
    assert "was built with text encoder hf:tiny" in capsys.readouterr().err


def test_another_tokenizer_beside_the_same_weights_is_another_encoder(workspace, tmp_path, monkeypatch, capsys):
    (tmp_path / "tiny").mkdir()
    monkeypatch.setenv("RADRAG_TEXT_ENCODER", f"hf:{save_bert(tmp_path / 'tiny')}")
    assert radrag(workspace, "index", "build") == 0
    path = tmp_path / "tiny" / "tokenizer.json"
    path.write_text(path.read_text().replace('"effusion"', '"effusions"'))
    capsys.readouterr()
    assert radrag(workspace, "search", "--text", "effusion") == 1
    assert "was built with text encoder hf:tiny" in capsys.readouterr().err


def test_the_same_content_by_an_encoder_of_another_card_can_be_built_and_searched(workspace, tmp_path, monkeypatch):
    (tmp_path / "tiny").mkdir()
    monkeypatch.setenv("RADRAG_TEXT_ENCODER", f"hf:{save_bert(tmp_path / 'tiny')}")
    assert radrag(workspace, "index", "build") == 0
    path = tmp_path / "tiny" / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"clean_up_tokenization_spaces": False}))
    assert radrag(workspace, "search", "--text", "effusion") == 1  # it might read texts otherwise now
    assert radrag(workspace, "index", "build") == 0
    assert radrag(workspace, "search", "--text", "effusion") == 0


def test_images_find_reports_in_the_space_that_comes_with_radrag(workspace, capsys):
    assert radrag(workspace, "index", "build", "--alignment", "--json") == 0
    built = json.loads(capsys.readouterr().out)
    card = AlignmentCard.read(SHIPPED_ENCODERS / "align.json")
    assert built["channels"]["shared"]["dimension"] == card.dimension
    assert built["image_encoder"]["name"] == "starter"
    opened = Workspace(load_settings(workspace=workspace))
    shared = next(one for one in opened.retriever.channels if one.name == "shared")
    seen = [image_finding(label, 0.9 if label == "Pleural Effusion" else 0.05) for label in card.labels]
    found = shared.search(query_from_image(seen, vector=np.full(256, 1 / 16, np.float32)), 3)
    assert opened.snapshot.cases.ids[int(found.rows[0])] == "own:1"


def test_an_index_of_an_earlier_version_says_how_to_build_a_new_one(workspace, capsys):
    (path,) = (workspace / "indexes").glob("*/manifest.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": "radrag.index/2"}))
    assert radrag(workspace, "search", "--text", "effusion") == 1
    shown = capsys.readouterr().err
    assert "another version of radrag" in shown
    assert "radrag index build" in shown


def test_too_little_memory_leaves_the_index_of_before(tmp_path):
    made = small_workspace(tmp_path / "w", CASES)
    folder = made.settings.indexes
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    with pytest.raises(BadIndex, match="need at least"):
        build_snapshot(made.store, made.text_encoder, folder, memory=10)
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before
