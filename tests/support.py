"""What to do when a test's needs are not met."""

import os
from typing import NoReturn

import pytest

REQUIRE_ALL = os.environ.get("RADRAG_REQUIRE_ALL") == "1"


def missing(what: str) -> NoReturn:
    """Skip the test for want of ``what``; under RADRAG_REQUIRE_ALL=1 fail instead."""
    if REQUIRE_ALL:
        pytest.fail(f"RADRAG_REQUIRE_ALL=1, and this is missing: {what}")
    pytest.skip(f"missing: {what}")
