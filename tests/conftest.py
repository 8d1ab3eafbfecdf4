"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

REQUIRE_ALL = os.environ.get("RADRAG_REQUIRE_ALL") == "1"


def missing(what: str) -> None:
    """Skip the test for want of ``what``; under RADRAG_REQUIRE_ALL=1 fail instead."""
    if REQUIRE_ALL:
        pytest.fail(f"RADRAG_REQUIRE_ALL=1, and this is missing: {what}")
    pytest.skip(f"missing: {what}")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images, pairs, series and DICOM files that lies beside the repository."""
    folder = Path(os.environ.get("RADRAG_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        missing(f"the shared data folder {folder} (or RADRAG_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def sample_radiograph() -> Path:
    """RG1_UNCR.dcm of pydicom-data: CR, chest, PA, MONOCHROME1, 1955 by 1841, 15 bits."""
    from pydicom.data import get_testdata_file

    return Path(str(get_testdata_file("RG1_UNCR.dcm", download=False)))
