"""Signals that end a command which works on: in order at first, at once when asked again."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def handled_by(stop: Callable[[int], None]) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C call a function with their number, as long as the context lasts."""

    def called(number: int, _frame: object) -> None:
        stop(number)

    before = {number: signal.signal(number, called) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
