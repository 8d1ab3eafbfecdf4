"""``radrag audit chain`` finds what was changed outside radrag, and says where."""

import json
import sqlite3

import pytest
from store_support import sample_draft

from radrag.cli.main import run
from radrag.settings import load_settings
from radrag.store.repository import Store


@pytest.fixture
def workspace(tmp_path):
    with Store.open(load_settings(workspace=tmp_path).url) as store:
        store.save_draft(sample_draft())
    return tmp_path


@pytest.fixture
def chain(workspace, capsys):
    def call(*arguments):
        code = run(["--workspace", str(workspace), "audit", "chain", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def change(workspace, statement):
    """Change the log as somebody with the file in hands could."""
    with sqlite3.connect(workspace / "radrag.sqlite") as connection:
        for event in ("update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS audit_log_no_{event}")
        connection.execute(statement)


def test_a_whole_log_is_said_to_be_whole_and_its_end_can_be_noted(chain):
    code, out, _ = chain("--json")
    found = json.loads(out)
    assert (code, found["broken"], found["altered_reviews"]) == (0, [], [])
    assert chain("--head", found["head"])[0] == 0
    assert "is whole: 1 entries" in chain()[1]


def test_any_change_of_a_row_is_found(chain, workspace):
    change(workspace, "UPDATE audit_log SET who = who || 'x' WHERE position = 1")
    code, out, _ = chain()
    assert code == 1
    assert out.startswith("Entry 1 is missing")


def test_a_log_cut_off_at_its_end_is_found_by_what_was_noted(chain, workspace):
    head = json.loads(chain("--json")[1])["head"]
    change(workspace, "DELETE FROM audit_log")
    assert chain()[0] == 0  # nobody can tell from the log alone
    code, out, _ = chain("--head", head)
    assert code == 1
    assert "not in the log any more" in out


def test_a_head_that_is_none_is_refused(chain):
    assert chain("--head", "yesterday")[0] == 2


def test_a_log_that_cannot_be_read_as_text_any_more_is_still_checked(chain, workspace):
    change(workspace, "UPDATE audit_log SET payload = CAST(x'ff' AS TEXT), what = 'review.sign' WHERE position = 1")
    code, out, _ = chain()
    assert code == 1
    assert out.startswith("Entry 1 is missing")
    assert "cannot be compared" in out
