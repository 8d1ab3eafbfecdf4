"""Requests through the installed ``wget``, for hosts that take passwords from that program only.

PhysioNet's server answers 403 to every program that is not on its list, before any question of passwords
(MIT-LCP/physionet-build, physionet-django/project/utility.py, ``HTTP_AUTH_USER_AGENT``: Wget and libwfdb). radrag does
not pass itself off as one of them; it runs wget, which PhysioNet's pages recommend.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO

from radrag.errors import FetchCode, FetchError, MissingDependency
from radrag.fetching.http import Credentials, Dropped, Reply

PIECE = 1 << 16


class WgetTransport:
    """One wget process a request; safe to use from several threads.

    Name and password reach wget in a nameless file in memory (wget refuses pipes): they are in no argument, no
    environment variable and on no disk. That needs Linux.
    Redirects are not followed, so that they go to no other host.

    Args:
        credentials: for the host of every URL that is asked for.
        timeout: seconds without a byte after which the connection counts as dropped.

    Raises:
        MissingDependency: wget is not installed, or the system is not Linux.
    """

    def __init__(self, credentials: Credentials, *, timeout: float = 60.0) -> None:
        program = shutil.which("wget")
        if program is None or sys.platform != "linux":
            raise MissingDependency(
                "The server takes passwords from the program wget only, which radrag can run on Linux only.",
                hint="Install it there (apt install wget), or fetch the files by hand as the project's page says.",
            )
        if any(character in credentials.user + credentials.password for character in "\r\n\0"):
            raise FetchError(FetchCode.REFUSED, "A user name or password cannot have a line break.")
        self._program, self._credentials, self._timeout = program, credentials, timeout

    @contextmanager
    def __call__(self, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Send a GET request and yield the open reply.

        Raises:
            Dropped: no connection, or it broke off before the headers came.
        """
        start = int(headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        others = {name: value for name, value in headers.items() if name != "Range"}
        with tempfile.TemporaryFile() as log, self._run(url, start, others, log) as process:
            reply = _read(process, log)
            if not (start and reply.status == 200):
                yield reply
                return
        # wget skips the first bytes itself when the server sends the whole file: ask for it from its beginning.
        with tempfile.TemporaryFile() as log, self._run(url, 0, others, log) as process:
            yield _read(process, log)

    def close(self) -> None:
        """Nothing stays open between requests."""

    @contextmanager
    def _run(
        self, url: str, start: int, headers: Mapping[str, str], log: IO[bytes]
    ) -> Iterator[subprocess.Popen[bytes]]:
        secret = os.memfd_create("wgetrc")
        os.write(secret, f"user={self._credentials.user}\npassword={self._credentials.password}\n".encode())
        arguments = [
            self._program, f"--config=/proc/self/fd/{secret}", "--no-verbose", "--server-response",
            "--output-document=-", "--tries=1", "--max-redirect=0", "--no-hsts", "--no-netrc",
            f"--timeout={self._timeout:g}",
        ]  # fmt: skip
        arguments += [f"--start-pos={start}"] if start else []
        arguments += [f"--header={name}: {value}" for name, value in headers.items()]
        environment = {**os.environ, "LC_ALL": "C"}
        process = subprocess.Popen(
            [*arguments, "--", url], stdout=subprocess.PIPE, stderr=log, pass_fds=[secret], env=environment
        )
        os.close(secret)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


def _read(process: subprocess.Popen[bytes], log: IO[bytes]) -> Reply:
    """Wait for the first bytes of the body, or the end; by then the headers are in the log."""
    assert process.stdout is not None
    first = process.stdout.read1(PIECE)  # type: ignore[attr-defined]
    log.seek(0)
    lines = [line.strip() for line in log.read().decode("utf-8", errors="replace").splitlines()]
    statuses = [number for number, line in enumerate(lines) if line.startswith("HTTP/")]
    if not statuses:
        raise Dropped("wget got no answer")
    status = int(lines[statuses[-1]].split()[1])
    pairs = [line.partition(":") for line in lines[statuses[-1] + 1 :] if ":" in line]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    challenged = any(lines[number].split()[1] == "401" for number in statuses)
    return Reply(status, headers, _pieces(process, first), challenged)


def _pieces(process: subprocess.Popen[bytes], piece: bytes) -> Iterator[bytes]:
    assert process.stdout is not None
    while piece:
        yield piece
        piece = process.stdout.read1(PIECE)  # type: ignore[attr-defined]
    if process.wait() != 0:
        raise Dropped("wget broke off")
