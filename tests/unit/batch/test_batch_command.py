"""``radrag batch``: what it says, what it prints and how it exits."""

import json
import urllib.request

import pytest
from batch_support import queue_of, ready_with_other_parts, work_and_crash, write_film, write_films
from click.testing import CliRunner

from radrag.batch import crew, queue
from radrag.cli.batch import command, name_of
from radrag.errors import UsageError
from radrag.settings import load_settings


@pytest.fixture
def radrag(tmp_path, monkeypatch):
    """Run the command in a workspace of its own, with workers without models."""
    monkeypatch.setattr(crew, "work", work_and_crash)
    monkeypatch.setattr(queue, "versions_of", lambda _: "v1")
    settings = load_settings(workspace=tmp_path / "workspace")

    def run(*arguments):
        result = CliRunner().invoke(command, list(map(str, arguments)), obj=settings, standalone_mode=False)
        if result.exception:
            raise result.exception
        return result

    return run


@pytest.fixture
def films(tmp_path):
    write_film(tmp_path / "films" / "ct.dcm", 99, modality="CT")
    return write_films(tmp_path / "films", 3)


def test_a_folder_is_drafted_and_what_was_refused_is_reported(radrag, films, tmp_path):
    result = radrag(films, "--out", tmp_path / "out", "--parquet", "--workers", 1, "--json")
    assert result.return_value == 1  # a CT is among them
    status = json.loads(result.stdout)
    assert (status["done"], status["refused"], status["reasons"]) == (3, 1, {"wrong_modality": 1})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        f"{status['batch']}.jsonl",
        f"{status['batch']}.parquet",
    ]
    assert len((tmp_path / "out" / f"{status['batch']}.jsonl").read_text().splitlines()) == 3
    (refused,) = map(json.loads, radrag("report", status["batch"]).stdout.splitlines())
    assert (refused["code"], refused["files"]) == ("wrong_modality", [str(films / "ct.dcm")])


def test_the_same_command_again_does_nothing_and_starts_no_worker(radrag, films, tmp_path, monkeypatch):
    radrag(films, "--out", tmp_path, "--batch", "b")
    before = (tmp_path / "b.jsonl").read_bytes()
    monkeypatch.setattr(crew.Crew, "start", lambda _: pytest.fail("a worker was started"))
    radrag(films, "--out", tmp_path, "--batch", "b")
    assert (tmp_path / "b.jsonl").read_bytes() == before


def test_drafts_that_the_file_lost_come_back_from_the_store(radrag, films, tmp_path):
    radrag(films, "--out", tmp_path, "--batch", "b")
    lines = (tmp_path / "b.jsonl").read_text().splitlines()
    (tmp_path / "b.jsonl").write_text(lines[1] + "\n")
    radrag(films, "--out", tmp_path, "--batch", "b")
    assert (tmp_path / "b.jsonl").read_text().splitlines() == lines


def test_status_retry_and_cancel(radrag, films, tmp_path):
    queue_of(tmp_path / "workspace").submit([films], batch="b")
    assert radrag("status").stdout.splitlines()[2].split() == ["b", "3", "0", "0", "0", "0", "1"]
    assert "3 studies let go" in radrag("cancel", "b").stderr
    assert json.loads(radrag("status", "b", "--json").stdout)["cancelled"] == 3
    assert "3 studies wait again" in radrag("retry", "b").stderr
    radrag("work", "--workers", 1)
    assert json.loads(radrag("status", "b", "--json").stdout)["done"] == 3
    with pytest.raises(Exception, match="no batch 'c'"):
        radrag("status", "c")


def test_the_log_is_json_and_names_no_file_or_patient(radrag, films, tmp_path):
    said = radrag(films, "--log-json", "--batch", "b").stderr
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert sum(event["event"] == "drafted" for event in events) == 3
    logged = "\n".join(line for line in said.splitlines() if line.startswith("{"))
    assert not any(word in logged for word in ("Doe", "patient", "1.2.826", str(tmp_path), ".dcm"))


def test_metrics_are_served_while_it_runs(radrag, films, monkeypatch):
    pytest.importorskip("prometheus_client")
    pages = []
    real = crew.Crew.watch

    def watch(self, seconds):
        left = real(self, seconds)
        port = next(iter(servers)).server_port
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            pages.append(answer.read().decode())
        return left

    servers = []
    from radrag.batch import watching

    serve = watching.serve
    monkeypatch.setattr(watching, "serve", lambda *a: servers.append(serve(*a)) or servers[-1])
    monkeypatch.setattr(crew.Crew, "watch", watch)
    radrag(films, "--metrics-port", 0, "--batch", "b", "--workers", 1)
    assert "radrag_drafts_total 3.0" in pages[-1]


def test_a_batch_without_a_name_gets_the_same_one_for_the_same_paths(tmp_path):
    assert name_of((tmp_path / "a", tmp_path / "b")) == name_of((tmp_path / "b", tmp_path / "a"))
    assert name_of((tmp_path / "a",)) != name_of((tmp_path / "b",))


def test_an_index_that_changes_under_the_run_ends_it(radrag, films, monkeypatch):
    monkeypatch.setattr(crew, "work", ready_with_other_parts)
    with pytest.raises(UsageError, match="changed while this began"):
        radrag(films, "--workers", 1)


@pytest.mark.parametrize("arguments", [["--batch", "../x"], ["--batch", ".x"], ["--parquet"]])
def test_what_cannot_be_meant_is_refused_before_anything_is_done(radrag, films, tmp_path, arguments):
    with pytest.raises(Exception, match="name of a batch|needs --out"):
        radrag(films, *arguments)
    assert not (tmp_path / "workspace").exists()
