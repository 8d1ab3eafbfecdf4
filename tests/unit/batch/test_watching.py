"""Operators see numbers and reasons, and no identifier of a patient."""

import io
import json
import urllib.error
import urllib.request

import pytest

from radrag.batch.values import Event
from radrag.batch.watching import JsonLog, Metrics, serve
from radrag.errors import UsageError
from radrag.store.job_values import BatchStatus, JobState

DRAFTED = Event(
    "drafted", "w", 3, "ab" * 16, draft_id="d1", seconds={"decode": 0.03, "look": 0.06}, line='{"patient_key": "pk"}'
)


def test_the_log_has_trace_and_times_and_not_the_draft():
    out = io.StringIO()
    log = JsonLog(out)
    log(DRAFTED)
    log(Event("crashed", "w", code="exit -9"))
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first.pop("at").endswith("+00:00")
    assert first == {
        "event": "drafted", "worker": "w", "job": 3, "trace": "ab" * 16, "draft_id": "d1",
        "seconds": {"decode": 0.03, "look": 0.06},
    }  # fmt: skip
    assert (second["event"], second["code"]) == ("crashed", "exit -9")


@pytest.fixture
def metrics():
    pytest.importorskip("prometheus_client")
    return Metrics()


def get(server, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}", timeout=10) as answer:
        return answer.read().decode()


def test_events_become_metrics(metrics):
    for event in (DRAFTED, Event("failed", code="timed_out"), Event("parked", code="timed_out"), Event("crashed")):
        metrics(event)
    metrics.set(BatchStatus("b", dict.fromkeys(JobState, 0) | {JobState.DONE: 7}), workers=2)
    server = serve(0, metrics, lambda: {"ok": True})
    try:
        page = get(server, "/metrics")
    finally:
        server.shutdown()
    for line in (
        "radrag_drafts_total 1.0",
        'radrag_failures_total{code="timed_out"} 2.0',
        "radrag_worker_crashes_total 1.0",
        'radrag_jobs{state="done"} 7.0',
        "radrag_workers 2.0",
        'radrag_stage_seconds_count{stage="look"} 1.0',
    ):
        assert line in page
    assert "pk" not in page


def test_health_says_when_the_database_is_away(metrics):
    how = {"ok": True, "workers": 2}
    server = serve(0, metrics, lambda: how)
    try:
        assert server.server_address[0] == "127.0.0.1"
        assert json.loads(get(server, "/health")) == how
        how["ok"] = False
        with pytest.raises(urllib.error.HTTPError, match="503"):
            get(server, "/health")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(server, "/")
        with pytest.raises(UsageError, match="cannot be used"):
            serve(server.server_port, metrics, lambda: how)
    finally:
        server.shutdown()
