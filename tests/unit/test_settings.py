"""Settings come from file, environment and arguments, in rising order; the patient salt is made once."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from radrag.errors import UsageError
from radrag.settings import load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    for name in [name for name in os.environ if name.startswith("RADRAG_")]:
        monkeypatch.delenv(name)


def test_arguments_win_over_environment_and_that_over_the_file(tmp_path, monkeypatch):
    (tmp_path / "radrag.toml").write_text("hits = 5\nseed = 5\nencoder = 'file'\n")
    monkeypatch.setenv("RADRAG_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("RADRAG_SEED", "6")
    settings = load_settings(encoder="argument", generator=None)
    assert (settings.hits, settings.seed, settings.encoder, settings.generator) == (5, 6, "argument", "compose")


def test_the_database_lies_in_the_workspace_unless_named(tmp_path):
    assert load_settings(workspace=tmp_path).url == f"sqlite:///{tmp_path / 'radrag.sqlite'}"
    assert load_settings(workspace=tmp_path, database_url="postgresql://h/db").url == "postgresql://h/db"


def test_encoders_run_eagerly_on_the_cpu_unless_told_otherwise(tmp_path, monkeypatch):
    settings = load_settings(workspace=tmp_path)
    assert (settings.text_encoder, settings.runtime, settings.device) == ("minilm", "eager", "cpu")
    monkeypatch.setenv("RADRAG_TEXT_ENCODER", "hf:folder")
    monkeypatch.setenv("RADRAG_RUNTIME", "fastest")
    monkeypatch.setenv("RADRAG_DEVICE", "cuda:1")
    settings = load_settings(workspace=tmp_path)
    assert (settings.text_encoder, settings.runtime, settings.device) == ("hf:folder", "fastest", "cuda:1")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hits = 0", "hits"),
        ("hit = 3", "hit"),
        ("seed = 'x'", "seed"),
        ("runtime = 'quick'", "runtime"),
        ("device = 'gpu'", "device"),
    ],
)
def test_a_wrong_name_or_value_in_the_file_is_named(tmp_path, text, name):
    (tmp_path / "radrag.toml").write_text(text)
    with pytest.raises(UsageError, match=f"'{name}'"):
        load_settings(workspace=tmp_path)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "radrag.toml").write_text("hits = = 3")
    with pytest.raises(UsageError, match="radrag.toml"):
        load_settings(workspace=tmp_path)


def test_the_salt_is_made_once_and_only_its_owner_reads_it(tmp_path):
    settings = load_settings(workspace=tmp_path / "new")
    with ThreadPoolExecutor(8) as pool:
        salts = set(pool.map(lambda _: settings.salt(), range(32)))
    assert len(salts) == 1
    assert len(salts.pop()) == 64
    assert stat.S_IMODE((tmp_path / "new" / "patient_salt").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["patient_salt"]


def test_a_given_salt_is_used_and_never_shown(tmp_path):
    settings = load_settings(workspace=tmp_path, patient_salt="very-secret")
    assert settings.salt() == "very-secret"
    assert "very-secret" not in repr(settings)
    assert list(tmp_path.iterdir()) == []
