"""The command line starts fast, imports nothing heavy, and turns errors into exit codes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from radrag.cli.main import COMMANDS, LazyGroup, cli, run

HEAVY = ("torch", "transformers", "faiss", "spacy", "timm", "sqlalchemy", "numpy", "pydicom", "streamlit")


def loaded_after(code: str) -> set[str]:
    """Return the heavy packages that a fresh interpreter has loaded after running ``code``."""
    show = f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\n{show}"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("code", ["import radrag", "from radrag.cli.main import main; main(['--help'])"])
def test_importing_radrag_and_asking_for_help_load_nothing_heavy(code):
    assert loaded_after(code) == set()


def test_help_takes_well_under_a_second():
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "radrag.cli.main", "--help"], check=True, capture_output=True, timeout=30)
    assert time.perf_counter() - started < 2  # 0.1 s on an idle machine; the bound leaves room for a loaded one


@pytest.mark.parametrize("name", COMMANDS)
def test_every_listed_command_exists_and_explains_itself(name, capsys):
    assert run([name, "--help"]) == 0
    assert "Usage: radrag " + name in capsys.readouterr().out


def test_the_overview_lists_every_command(capsys):
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    assert isinstance(cli, LazyGroup)


@pytest.mark.parametrize("arguments", [["nothing"], ["draft"], ["--nothing"], ["search", "-k", "0", "--text", "x"]])
def test_wrong_usage_is_exit_code_2(arguments, capsys):
    assert run(arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["search"], "Nothing to search for"),
        (["corpus", "add", "nonsense"], "iu-reports"),
        (["embed", "x.png", "--out", "vectors.txt"], ".npz"),
    ],
)
def test_a_usage_error_says_what_to_do(arguments, words, tmp_path, capsys):
    assert run(["--workspace", str(tmp_path), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_missing_index_is_exit_code_1_with_the_command_that_makes_one(tmp_path, capsys):
    assert run(["--workspace", str(tmp_path), "index", "verify"]) == 1
    assert "radrag index build" in capsys.readouterr().err


def test_empty_lists_say_how_to_fill_them(tmp_path, capsys):
    assert run(["--workspace", str(tmp_path), "corpus", "list"]) == 0
    assert run(["--workspace", str(tmp_path), "index", "list"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "radrag corpus add iu-reports" in shown.err
    assert "radrag index build" in shown.err


def test_an_internal_error_hides_its_text_unless_asked(monkeypatch, tmp_path, capsys):
    import radrag.cli.corpus

    def broken(*_):
        raise ValueError("DOE^JANE")

    monkeypatch.setattr("radrag.workspace.Workspace.__init__", broken)
    assert radrag.cli.corpus.command is not None
    assert run(["--workspace", str(tmp_path), "corpus", "list"]) == 3
    assert "DOE^JANE" not in capsys.readouterr().err
    monkeypatch.setenv("RADRAG_DEBUG", "1")
    assert run(["--workspace", str(tmp_path), "corpus", "list"]) == 3
    assert "DOE^JANE" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    command = f"{sys.executable} -m radrag.cli.main --workspace {tmp_path} --help | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert done.stderr == ""


def test_the_generated_command_reference_is_up_to_date():
    root = Path(__file__).parents[3]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RADRAG_")}
    done = subprocess.run(
        [sys.executable, root / "docs" / "build_cli_help.py", "--check"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
