"""The time by which log-ins end: it follows this machine's clock forward, and never goes back with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from radrag.store.canonical import utc_now
from radrag.store.people_values import after


class SteadyClock:
    """Gives the later of the clock and of what has passed since it was last ahead, by a clock that cannot be set.

    A log-in that is good for half an hour is so, also where the machine's clock is set back meanwhile. Safe to share
    between threads.

    Args:
        clock: ISO 8601 UTC with microseconds.
        monotonic: seconds.
    """

    def __init__(self, clock: Callable[[], str] = utc_now, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._turn = threading.Lock()
        self._moment, self._at = clock(), monotonic()

    def __call__(self) -> str:
        """Return the time, ISO 8601 UTC with microseconds."""
        with self._turn:
            at = self._monotonic()
            self._moment, self._at = max(self._clock(), after(self._moment, at - self._at)), at
            return self._moment
