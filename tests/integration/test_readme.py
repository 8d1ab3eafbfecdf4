"""The README's commands and Python run as they are written."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from radrag.cli.main import run
from radrag.settings import load_settings
from radrag.store.repository import Store

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ radrag (.+?)(?:\s+[>#].*)?$", README, re.M)


@pytest.fixture
def workplace(own_workspace, sample_radiograph, tmp_path, monkeypatch):
    """A folder with the files that the README's commands name."""
    monkeypatch.setenv("RADRAG_WORKSPACE", str(own_workspace))
    monkeypatch.chdir(tmp_path)
    for folder in ("study", "archive"):
        (tmp_path / folder).mkdir()
        shutil.copy(sample_radiograph, tmp_path / folder / "1.dcm")
    shutil.copy(sample_radiograph, tmp_path / "chest.dcm")
    (tmp_path / "earlier.txt").write_text("FINDINGS: Moderate left pleural effusion.")
    return tmp_path


def test_the_readme_shows_commands():
    assert len(COMMANDS) >= 8


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(command, workplace, own_workspace, capsys):
    with Store.open(load_settings(workspace=own_workspace).url) as store:
        saved = store.drafts()[0].draft_id
    assert run(shlex.split(command.replace("DRAFT", saved))) == 0, capsys.readouterr().err
    assert capsys.readouterr().out


def test_the_python_of_the_readme_runs(workplace):
    code = re.search(r"```python\n(.*?)```", README, re.S).group(1)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=workplace, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("[") >= 3


def test_every_file_that_the_documents_link_to_exists():
    for document in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
