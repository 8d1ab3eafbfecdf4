"""What ``make audit-demo`` runs makes every section, here on a small workspace."""

import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from small_workspaces import report as case
from small_workspaces import small_workspace, text_encoder
from store_support import sample_draft

from radrag.audit.document import Document
from radrag.cli.audit_report import SECTIONS, report
from radrag.workspace import Workspace

ROOT = Path(__file__).parents[2]
TEXTS = (
    "There is a small left pleural effusion.",
    "The heart is enlarged.",
    "Right apical pneumothorax.",
    "Pulmonary edema.",
    "Consolidation in the right lower lobe.",
    "The lungs are clear.",
    "There is a large right pleural effusion.",
    "No acute abnormality.",
)


@pytest.fixture
def arguments():
    """What the recipe gives to ``radrag audit report``."""
    shown = subprocess.run(["make", "-n", "audit-demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (line,) = (line for line in shown.splitlines() if "audit report" in line)
    return shlex.split(line.partition("audit report")[2])


def test_the_demo_audit_has_every_section(arguments, tmp_path, monkeypatch):
    workspace = small_workspace(tmp_path / "workspace", [case(f"c:{n}", text) for n, text in enumerate(TEXTS * 3)])
    workspace.store.save_draft(sample_draft())
    workspace.store.close()
    monkeypatch.setattr(Workspace, "text_encoder", text_encoder())
    monkeypatch.chdir(ROOT)
    arguments[arguments.index("--out") + 1] = str(tmp_path / "out")
    result = CliRunner().invoke(report, arguments, obj=workspace.settings, standalone_mode=False)
    assert result.exception is None
    assert result.return_value == 0
    found = Document.read(tmp_path / "out/report.json")
    assert [section.name for section in found.sections] == list(SECTIONS)
    assert found.missing == ()
    assert found.made.counts == {"drafts": 1, "cases": 24, "queries": 12}
    page = (tmp_path / "out/report.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in SECTIONS)
