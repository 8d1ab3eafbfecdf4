"""A real PACS and the real command: what Orthanc sends is drafted, and Orthanc believes what it is told."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from batch_support import write_films
from exchange_support import Running, dcmtk, free_port
from orthanc_server import orthanc
from small_workspaces import report, small_workspace

from radrag.settings import load_settings
from radrag.store.job_values import JobState
from radrag.workspace import Workspace

START = """
import sys
from pathlib import Path
from radrag.cli.listen import command
from radrag.settings import load_settings
sys.exit(command.main(args=sys.argv[2:], obj=load_settings(workspace=Path(sys.argv[1])), standalone_mode=False))
"""


@pytest.fixture
def pacs(tmp_path):
    """Start an Orthanc called ORTHANC; yield it with its DICOM port."""
    dicom = free_port()
    configured = {
        **{"DicomPort": dicom, "DicomAet": "ORTHANC", "DicomCheckCalledAet": False, "DicomServerEnabled": True},
        **{"DicomModalitiesInDatabase": True, "StorageCommitmentReportsSize": 100, "ConcurrentJobs": 2},
    }
    with orthanc(tmp_path, **configured) as made:
        yield made, dicom


def test_orthanc_sends_a_study_and_is_told_that_it_is_safe(tmp_path, pacs):
    server, dicom = pacs
    films = write_films(tmp_path / "films", 2)
    for path in sorted(films.iterdir()):
        server.rest("/instances", path.read_bytes())
    with Running(tmp_path / "workspace", peers=(f"ORTHANC@127.0.0.1:{dicom}",)) as running:
        modality = {"AET": "RADRAG", "Host": "127.0.0.1", "Port": running.port, "AllowStorageCommitment": True}
        server.rest("/modalities/radrag", json.dumps(modality).encode(), method="PUT")
        assert server.rest("/modalities/radrag/echo", b"{}") == {}
        asked = {"Resources": server.rest("/studies"), "StorageCommitment": True, "Synchronous": True}
        sent = server.rest("/modalities/radrag/store", json.dumps(asked).encode())
        assert (sent["InstancesCount"], sent["FailedInstancesCount"]) == (2, 0)
        commitment = f"/storage-commitment/{sent['StorageCommitmentTransactionUID']}"
        running.until(lambda: server.rest(commitment)["Status"] != "Pending")
        report = server.rest(commitment)
        assert report["Status"] == "Success" and len(report["Success"]) == 2
        assert len(running.inbox()) == 2
        running.until(lambda: sum(one.count for one in running.kinds("submitted")) == 2)


def start_listen(workspace, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", START, str(workspace), *map(str, arguments)],
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
    )


def events(process, kind):
    """Read the command's log up to an event; return that."""
    for line in process.stdout:
        told = json.loads(line)
        if told["event"] == kind:
            return told
    raise AssertionError(f"the log ended without {kind}")


@pytest.fixture
def workspace(tmp_path):
    """A workspace that can draft, from a handful of reports."""
    texts = ("The lungs are clear.", "There is a small left pleural effusion.", "The heart is enlarged.")
    folder = tmp_path / "workspace"
    small_workspace(folder, [report(f"small:{number}", text) for number, text in enumerate(texts)]).store.close()
    return folder


def test_what_arrives_is_drafted_even_when_the_listener_is_killed_in_between(tmp_path, workspace):
    films = sorted(write_films(tmp_path / "films", 2).iterdir())
    arguments = ("--allow", "PACS@127.0.0.1", "--port", 0, "--json")
    process = start_listen(workspace, *arguments, "--quiet", 600)
    try:
        port = events(process, "listening")["message"].rpartition(":")[2]
        assert dcmtk("storescu", port, films).returncode == 0
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    process = start_listen(workspace, *arguments, "--quiet", 0, "--workers", 1)
    store = Workspace(load_settings(workspace=workspace)).store
    try:
        assert events(process, "submitted")["count"] == 2
        (batch,) = [name for name in store.batches() if name.startswith("arrived-")]
        end = time.monotonic() + 60
        while store.batch_status(batch).counts[JobState.DONE] < 2:
            assert time.monotonic() < end, store.batch_status(batch)
            time.sleep(0.2)
    finally:
        process.terminate()
        assert process.wait(30) == 0
