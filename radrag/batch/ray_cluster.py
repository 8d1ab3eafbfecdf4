"""Which Ray cluster is meant, whether it answers, and one of this machine's own where there is none."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radrag.corpus.workers import default_workers
from radrag.errors import RadragError
from radrag.processes import without_main

OBJECT_STORE = 100 * 2**20
"""Bytes of shared memory that a cluster of our own may take. Only events pass through Ray, 10 KB a study; Ray asks for
75 MiB at least."""
REACH_SECONDS = 10.0  # that a cluster's machine may take to answer first


class NoCluster(RadragError):
    """The Ray cluster cannot be reached."""

    code = "no_cluster"


def connect(ray: Any, address: str) -> None:
    """Join a cluster, or start one on this machine; what signals do stays as it is.

    Args:
        ray: the package, not initialised.
        address: as :class:`radrag.batch.values.RayOptions` has it.

    Raises:
        NoCluster: the cluster cannot be reached.
    """
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    found = running() if address == "auto" else address
    with _handlers_kept():
        if found == "local":
            own = {"num_cpus": default_workers(), "object_store_memory": OBJECT_STORE, "include_dashboard": False}
            with without_main():
                ray.init(address="local", **own, **quiet)
            return
        _reach(found)
        try:
            ray.init(address=found, **quiet)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise _no_cluster(found, error) from None


def running() -> str:
    """Return the address of the cluster that ``RAY_ADDRESS`` names, or that runs on this machine; else ``local``.

    Ray would look in the same places (the docstring of ``ray.init``), but try for minutes when it finds the address of
    a cluster that has ended.
    """
    if named := os.environ.get("RAY_ADDRESS"):
        return named
    try:
        noted = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster").read_text().strip()
        _reach(noted)
    except (OSError, NoCluster):
        return "local"
    return noted


def _reach(address: str) -> None:
    """Look whether a machine answers at all: Ray would try for minutes.

    Raises:
        NoCluster: none does, or the address is none.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_SECONDS).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, error) from None


def _no_cluster(address: str, error: Exception) -> NoCluster:
    hint = (
        "Is it running (ray status), with this version of Ray and Python? If it asks for a token: RAY_AUTH_MODE=token."
    )
    return NoCluster(f"No Ray cluster answers at {address!r} ({type(error).__name__}).", hint=hint)


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Keep what SIGTERM and Ctrl-C do: Ray puts its own in place, which ends the command at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
