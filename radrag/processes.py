"""Processes that start from whatever runs radrag: a command, a notebook, a test, a web page."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without_main() -> Iterator[None]:
    """Let processes start without running the main program again: it may be a notebook, a test or a web page.

    A starting process imports what ``__main__`` says of itself, so that functions of a script can be found. What is
    run here is imported by name and needs none of it.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
