"""Functions for worker processes, which import them by name, and a look at what processes there are."""

import os
import signal
import time
from pathlib import Path


def square(task: int) -> int:
    return task * task


def slow_square(task: int) -> int:
    time.sleep(0.01 * (task % 3))
    return task * task


def process_of(task: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def wait(task: int) -> int:
    if task:
        time.sleep(600)
    return os.getpid()


def fail_at_seven(task: int) -> int:
    if task == 7:
        raise LookupError("seven")
    return task


def die_when_told(task: tuple[int, str]) -> int:
    number, how = task[:2]
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def crashed(task: object) -> object:
    return ("crashed", task)


def modules_of(task: int) -> tuple[bool, bool, str]:
    """Whether the labeler is loaded, whether torch is, and how many threads numerical libraries take."""
    import sys

    return "spacy" in sys.modules, bool(sys.modules.get("torch")), os.environ.get("OMP_NUM_THREADS", "")


def below(process: int) -> set[int]:
    """Return the processes that descend from one and are not dead already (Linux)."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                children.setdefault(int(parent), []).append(int(entry.name))
    found: set[int] = set()
    left = [process]
    while left:
        fresh = children.get(left.pop(), [])
        found.update(fresh)
        left += fresh
    return found


def gone(processes: set[int], seconds: float = 10.0) -> bool:
    """Whether all these processes end within some time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(Path(f"/proc/{one}/status").exists() and "\nState:\tZ" not in _status(one) for one in processes):
            return True
        time.sleep(0.02)
    return False


def _status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return "\nState:\tZ"
