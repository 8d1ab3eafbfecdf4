"""METEOR is the authors' own program: its score, and a clear word where it is missing."""

import shutil
from importlib.util import find_spec

import pytest
from click.testing import CliRunner
from support import missing

from radrag.cli.eval_reports import reports
from radrag.errors import MissingDependency
from radrag.evaluation import report_meteor
from radrag.settings import load_settings

REFERENCES = [("the", "heart", "is", "enlarged"), ("the", "lungs", "are", "clear")]


@pytest.fixture
def without_java(monkeypatch):
    monkeypatch.setenv("PATH", "")


def test_without_java_it_says_what_to_install(without_java):
    with pytest.raises(MissingDependency, match="METEOR needs Java"):
        report_meteor.meteor(REFERENCES, [REFERENCES])


def test_the_command_goes_on_without_it_unless_it_was_asked_for(without_java, tmp_path):
    (tmp_path / "r.csv").write_text("study_id,report\na,The heart is enlarged.\nb,The lungs are clear.\n")
    arguments = ["--references", str(tmp_path / "r.csv")]
    settings = load_settings(workspace=tmp_path / "workspace")
    result = CliRunner().invoke(reports, arguments, obj=settings, standalone_mode=False)
    assert "No METEOR" in result.stderr
    assert "METEOR" not in result.stdout
    asked = CliRunner().invoke(reports, [*arguments, "--meteor"], obj=settings, standalone_mode=False)
    assert isinstance(asked.exception, MissingDependency)


def test_scores_of_several_rows_come_from_one_run_of_the_program():
    if shutil.which("java") is None:
        pytest.skip("Java is not installed")
    if find_spec("pycocoevalcap") is None:
        missing("pycocoevalcap (extra dev)")
    worse = [("the", "heart", "is", "normal"), ()]
    same, other, again = report_meteor.meteor(REFERENCES, [REFERENCES, worse, REFERENCES])
    assert same == again == pytest.approx(1.0, abs=0.01)
    assert 0 < other < same
