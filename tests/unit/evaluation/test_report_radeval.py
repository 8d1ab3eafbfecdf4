"""RadEval's metrics: called as its second version is, blank reports count 0, nothing is mixed with radrag's own."""

import json
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from radrag.cli.eval_reports import reports
from radrag.errors import MissingDependency, MissingModel
from radrag.evaluation import report_radeval
from radrag.evaluation.report_radeval import radeval_scores
from radrag.settings import load_settings

TEXTS = {"a": "The heart is enlarged.", "b": "The lungs are clear."}


class StandIn:
    """Takes what radeval.RadEval 2.2.1 takes and answers in its form: 1 for equal texts, 0.5 for others."""

    asked: list = []  # noqa: RUF012 - shared on purpose

    def __init__(self, metrics=None, per_sample=False, show_progress=True):
        self.metrics, self.per_sample = metrics, per_sample

    def __call__(self, refs, hyps):
        self.asked.append((self.metrics, tuple(hyps)))
        values = [1.0 if one == other else 0.5 for one, other in zip(refs, hyps, strict=True)]
        return {f"{name}_key": values if self.per_sample else sum(values) / len(values) for name in self.metrics}


@pytest.fixture
def installed(monkeypatch):
    StandIn.asked.clear()
    for name in ("radeval", "RadEval"):  # the second so that the name is forgotten after the test
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(RadEval=StandIn))
    monkeypatch.setattr(report_radeval, "version", lambda _: "2.2.1")


def test_a_blank_report_counts_0_and_is_not_sent_through_models_of_single_reports(installed):
    scores = radeval_scores(list(TEXTS.values()), {"mine": [TEXTS["a"], " "]}, ("f1chexbert", "radgraph"))
    assert scores.rows == {"mine": {"f1chexbert_key": 0.75, "radgraph_key": 0.5}}
    assert StandIn.asked == [(["f1chexbert"], (TEXTS["a"], " ")), (["radgraph"], (TEXTS["a"],))]


def test_a_row_of_blank_reports_has_every_metric_at_0(installed):
    rows = {"mine": list(TEXTS.values()), "none": ["", ""]}
    assert radeval_scores(list(TEXTS.values()), rows, ("radgraph",)).rows["none"] == {"radgraph_key": 0.0}


def test_without_it_the_error_has_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "radeval", None)
    with pytest.raises(MissingDependency, match="pip install 'RadEval"):
        radeval_scores(["a"], {"mine": ["a"]}, ("radgraph",))


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (OSError("no connection"), MissingModel, "does not get the model of radgraph"),
        (Exception("Cannot download the file"), MissingModel, "does not get the model of radgraph"),
        (ModuleNotFoundError("No module named 'x'"), MissingDependency, "cannot load its metric radgraph: No module"),
        (ValueError("numpy.dtype size changed"), MissingDependency, "cannot load its metric radgraph: numpy.dtype"),
    ],
)
def test_a_metric_that_cannot_be_loaded_is_named(installed, monkeypatch, error, kind, says):
    def fails(self, **_):
        raise error

    monkeypatch.setattr(StandIn, "__init__", fails)
    with pytest.raises(kind, match=says):
        radeval_scores(["a"], {"mine": ["a"]}, ("radgraph",))


def test_the_command_keeps_its_scores_in_a_table_of_their_own(installed, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(TEXTS))
    given = ["--references", str(tmp_path / "r.json"), "--predictions", f"mine={tmp_path / 'r.json'}", "--no-meteor"]
    settings = load_settings(workspace=tmp_path / "workspace")
    asked = [*given, "--radeval", "radgraph"]
    found = json.loads(CliRunner().invoke(reports, [*asked, "--json"], obj=settings, standalone_mode=False).stdout)
    assert found["radeval"]["radeval"] == "2.2.1"
    assert set(found["radeval"]["rows"]) == {"mine", "constant normal", "random other report"}
    assert all("radgraph_key" not in row["scores"] for row in found["rows"])
    shown = CliRunner().invoke(reports, asked, obj=settings, standalone_mode=False).stdout
    assert "RadEval 2.2.1, another protocol" in shown
