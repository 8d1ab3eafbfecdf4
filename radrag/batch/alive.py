"""Which workers of this machine have ended: each holds a locked file, which the kernel unlocks when its process ends.

So the jobs of a command that was killed are free again as soon as the next one starts, without waiting for leases.
Where files cannot be locked (Windows), leases do it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

SUFFIX = ".lock"


def folder_of(workspace: Path) -> Path:
    """Return the folder of a workspace that the files lie in."""
    return workspace / "cache" / "workers"


def announce(folder: Path, worker: str) -> int:
    """Say that a worker lives, until its process ends or closes the file descriptor that is returned; -1 for none."""
    if sys.platform == "win32":
        return -1
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{worker}"
    descriptor = os.open(fresh, os.O_CREAT | os.O_WRONLY, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # before anyone can see the file
    fresh.rename(folder / f"{worker}{SUFFIX}")
    return descriptor


def ended(folder: Path) -> list[str]:
    """Return the workers that announced themselves and have ended; :func:`forget` them once that is dealt with."""
    if sys.platform == "win32":
        return []
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            descriptor = os.open(path, os.O_WRONLY)
        except OSError:  # another command was faster
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            found.append(path.name.removesuffix(SUFFIX))
        except OSError:  # it lives
            pass
        finally:
            os.close(descriptor)
    return found


def scratch_of(folder: Path, worker: str) -> Path:
    """Return the folder for a worker's copies of files that lie in a store; it goes with the worker."""
    return folder / f"{worker}.files"


def forget(folder: Path, worker: str) -> None:
    """Remove the file of a worker that has ended, and what it had copied."""
    shutil.rmtree(scratch_of(folder, worker), ignore_errors=True)
    with contextlib.suppress(OSError):
        (folder / f"{worker}{SUFFIX}").unlink()
