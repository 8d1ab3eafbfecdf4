"""The memory of a process with all below it, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


def memory(root: int, kind: str) -> float:
    """Return the MB that a process and all below it hold; what ends meanwhile counts nothing.

    Args:
        kind: of ``/proc/PID/smaps_rollup`` (proc(5)): ``Rss``, ``Pss`` where shared pages are to count once,
            ``Private_Dirty``.
    """
    total, left = 0, [root]
    while left:
        process = Path(f"/proc/{left.pop()}")
        try:
            lines = (process / "smaps_rollup").read_text().splitlines()
            total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
            for task in (process / "task").iterdir():
                left += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return total / 1024
