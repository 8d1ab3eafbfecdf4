"""What operators see: Prometheus metrics and health on 127.0.0.1, and a log of JSON lines without identifiers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TextIO

from radrag.batch.values import Event
from radrag.errors import UsageError
from radrag.optional import require
from radrag.store.canonical import utc_now
from radrag.store.job_values import BatchStatus

SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)


class JsonLog:
    """Writes each event as one line of JSON: time, event, worker, job, trace id, code; no path, UID or text."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        """Write one event."""
        self._out.write(json.dumps({"at": utc_now()} | event.record(), ensure_ascii=False) + "\n")
        self._out.flush()


class Metrics:
    """Counts events for Prometheus.

    Raises:
        MissingDependency: prometheus_client is not installed.
    """

    def __init__(self) -> None:
        client = require("prometheus_client", extra="cluster")
        self._client = client
        self.registry = client.CollectorRegistry()
        named = {"registry": self.registry}
        self._drafts = client.Counter("radrag_drafts", "Studies drafted.", **named)
        self._failures = client.Counter("radrag_failures", "Drafts that failed, by reason.", ["code"], **named)
        self._crashes = client.Counter("radrag_worker_crashes", "Workers that crashed.", **named)
        self._paused = client.Gauge("radrag_workers_paused", "Workers that wait for the database.", **named)
        self._workers = client.Gauge("radrag_workers", "Workers that live.", **named)
        self._jobs = client.Gauge("radrag_jobs", "Jobs of the batch, by state.", ["state"], **named)
        self._seconds = client.Histogram(
            "radrag_stage_seconds", "Time of one study in one stage.", ["stage"], buckets=SECONDS, **named
        )

    def __call__(self, event: Event) -> None:
        """Count one event."""
        for stage, seconds in event.seconds.items():
            self._seconds.labels(stage).observe(seconds)
        if event.kind == "drafted":
            self._drafts.inc()
        elif event.kind in ("failed", "parked"):
            self._failures.labels(event.code).inc()
        elif event.kind == "crashed":
            self._crashes.inc()
        elif event.kind in ("paused", "resumed"):
            self._paused.inc(1 if event.kind == "paused" else -1)

    def set(self, status: BatchStatus, workers: int) -> None:
        """Tell how far the batch is and how many workers live."""
        for state, count in status.counts.items():
            self._jobs.labels(state.value).set(count)
        self._workers.set(workers)

    def page(self) -> tuple[str, bytes]:
        """Return content type and text of the metrics."""
        return self._client.CONTENT_TYPE_LATEST, self._client.generate_latest(self.registry)


def serve(port: int, metrics: Metrics, health: Callable[[], dict[str, Any]]) -> ThreadingHTTPServer:
    """Serve ``/metrics`` and ``/health`` on 127.0.0.1 in the background; ``shutdown()`` ends it.

    Args:
        port: 0 for any that is free; ``server_port`` says which.
        health: says how things are; 503 is answered unless its ``ok`` is true.

    Raises:
        UsageError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, *metrics.page())
            elif self.path == "/health":
                told = health()
                self._answer(200 if told["ok"] else 503, "application/json", json.dumps(told).encode())
            else:
                self._answer(404, "text/plain", b"/metrics or /health\n")

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing of each request."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise UsageError(f"Port {port} cannot be used: {error.strerror}.", hint="Choose another one.") from None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
