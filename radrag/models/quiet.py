"""transformers' own bars, notices and warnings kept off a user's screen: what matters of them is an error of ours."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers inside a with block; as it was afterwards."""
    from transformers.utils import logging

    library: Any = logging
    shown, bars = library.get_verbosity(), library.is_progress_bar_enabled()
    library.set_verbosity(library.CRITICAL)
    library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        library.set_verbosity(shown)
        if bars:
            library.enable_progress_bar()
