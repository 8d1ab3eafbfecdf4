"""What the tests of batches share: jobs without studies, and folders of small films."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from functools import cache
from pathlib import Path

from radrag.batch.queue import Queue
from radrag.batch.values import Event, WorkerOptions
from radrag.batch.worker import Worker, new_worker_name
from radrag.domain import Draft
from radrag.settings import load_settings
from radrag.store.canonical import utc_now
from radrag.store.job_values import NewJob
from radrag.workspace import Workspace


def new_job(number, versions="v1"):
    """Return a job of a study that is not there."""
    key = hashlib.sha256(f"{number}{versions}".encode()).hexdigest()
    return NewJob(key, versions, {"paths": [f"{number}.dcm"]}, trace=key[:32])


def write_film(path, *seed, modality="CR", body="CHEST"):
    """Write a small chest film as DICOM: an altered copy of the sample radiograph, of its own patient."""
    from altered_films import altered_film
    from pydicom.uid import generate_uid

    pixels, dataset = altered_film(*seed), _header()
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.PixelData = pixels.tobytes()
    name = "-".join(map(str, seed))
    dataset.PatientID, dataset.PatientName = f"patient {name}", "Doe^Jane"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = (
        generate_uid(entropy_srcs=[kind, name]) for kind in ("study", "series", "image")
    )
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.Modality, dataset.BodyPartExamined = modality, body
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path)
    return path


@cache
def _header():
    """Return the sample radiograph's dataset; all that differs between films is overwritten."""
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    return dcmread(str(get_testdata_file("RG1_UNCR.dcm", download=False)))


def write_films(folder, count, first=0):
    """Write small chest films, a study each; return the folder."""
    for number in range(first, first + count):
        write_film(folder / f"{number:05d}.dcm", number)
    return folder


# The command, in a process of its own

START = """
import sys
from pathlib import Path
from radrag.cli.batch import command
from radrag.settings import load_settings
sys.exit(command.main(args=sys.argv[2:], obj=load_settings(workspace=Path(sys.argv[1])), standalone_mode=False))
"""


def start_batch(workspace, *arguments):
    """Start ``radrag batch`` in a session of its own, so that it can be killed with its workers."""
    command = [sys.executable, "-c", START, str(workspace), *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, env=environment, text=True
    )


def kill(process):
    """Kill a command with all its workers, and wait until none is left."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=30)


def what_was_drafted(lines):
    """Return study → draft of a batch's file, without what differs from run to run."""
    drafts = [json.loads(line) for line in lines.read_text().splitlines()]
    for draft in drafts:
        del draft["draft_id"], draft["provenance"]["created_at"]
    found = {draft["study"]["study_instance_uid"]: draft for draft in drafts}
    assert len(found) == len(drafts), "a study was drafted twice"
    return found


# Workers without models


class Drafts:
    """A drafter that says nothing of every study, and does what it is told to for some files."""

    def __init__(self, act=lambda path: None):
        self.act = act
        self.looked_at = []
        self.compared = {}  # study's file → files of the prior it was compared with

    def prior(self, *, study):
        return [image.path for image in study.study.images]

    def look(self, study):
        self.looked_at.append(study.study.images[0].path)
        return object()

    def draft(self, study, *, seen, prior=None):
        assert seen is not None
        if prior is not None:
            self.compared[study.study.images[0].path] = prior
        self.act(Path(study.study.images[0].path).name)
        return Draft(uuid.uuid4().hex, study.study, (), (), (), (), (), {"created_at": utc_now()})


def queue_of(folder, versions="v1"):
    """Return the queue of a workspace that has no index."""

    class FixedQueue(Queue):
        pass

    FixedQueue.versions = versions
    return FixedQueue(Workspace(load_settings(workspace=folder)))


def worker_of(queue, drafter, scratch=None, **options):
    """Return a worker of a queue, and the list that its events go to."""
    events = []
    made = Worker(
        new_worker_name(),
        queue.store,
        drafter,
        versions=queue.versions,
        salt="salt",
        scratch=scratch,
        options=WorkerOptions(**{"poll": 0.01} | options),
        tell=events.append,
    )
    return made, events


def work_and_crash(settings, options, name, pipe):
    """Stands for :func:`radrag.batch.process.work`: ends the process over files called "poison"."""

    stop = threading.Event()
    threading.Thread(target=lambda: (pipe.recv(), stop.set()), daemon=True).start()
    ray_work_and_crash(settings, options, name, tell=pipe.send, stop=stop)


def ray_work_and_crash(settings, options, name, *, tell, stop):
    """Stands for :func:`radrag.batch.process.draft_jobs`: ends the process over files called "poison"."""

    def act(name):
        if "poison" in name:
            os._exit(7)

    queue = queue_of(settings.workspace)
    Worker(name, queue.store, Drafts(act), versions="v1", salt="salt", options=options, tell=tell).run(stop)


def break_at_once(settings, options, name, pipe):
    """Stands for a worker that cannot even start."""
    os._exit(9)


def ready_with_other_parts(settings, options, name, pipe):
    """Stands for a worker that found another index than the command did."""
    pipe.send(Event("ready", name, code="other"))
    pipe.recv()
