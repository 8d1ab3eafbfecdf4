"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from support import missing


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


@pytest.fixture(scope="session")
def demo_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the IU reports, their index and the saved demo draft, made once for all test processes.

    Tests only read it; one that writes takes ``own_workspace``.
    """
    import fcntl

    from radrag.cli.demo import keep, prepare, sample_radiograph
    from radrag.cli.inputs import read_one_study
    from radrag.settings import load_settings
    from radrag.workspace import Workspace

    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    folder = shared / "demo-workspace"
    with (shared / "demo-workspace.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            workspace = Workspace(load_settings(workspace=folder))
            prepare(workspace)
            study = read_one_study(sample_radiograph(), salt=workspace.settings.salt())
            keep(workspace, workspace.drafter.draft(study))
            workspace.store.close()
            (folder / "ready").touch()
    return folder


@pytest.fixture
def own_workspace(demo_workspace: Path, tmp_path: Path) -> Path:
    """A copy of the demo workspace that the test may change."""
    import shutil

    return Path(shutil.copytree(demo_workspace, tmp_path / "workspace"))
