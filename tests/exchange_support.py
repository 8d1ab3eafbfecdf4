"""What the tests of listening share: a listener in this process, and DCMTK's senders."""

import contextlib
import os
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from unittest import mock

from batch_support import queue_of
from support import missing

from radrag.exchange.listener import ListenOptions
from radrag.exchange.peers import parse_peer
from radrag.exchange.service import Service
from radrag.settings import load_settings
from radrag.workspace import Workspace

PEERS = ("PACS@127.0.0.1",)


class Running:
    """A listener that runs in threads of this process."""

    def __init__(self, folder, *, peers=PEERS, quiet=0.2, watch=None, **options):
        self.told = []
        self.folder = folder
        workspace = Workspace(load_settings(workspace=folder))
        made = ListenOptions(tuple(map(parse_peer, peers)), port=0, **options)
        self.service = Service(workspace, made, quiet=quiet, watch=watch, tell=self.told.append)
        self.queue = queue_of(folder)
        self._versions = mock.patch("radrag.batch.queue.versions_of", lambda _: self.queue.versions)  # no index is here
        self.fault = None
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        try:
            self.service.run()
        except BaseException as error:
            self.fault = error
            raise

    def __enter__(self):
        self._versions.start()
        self._thread.start()
        if self.service._listening:
            self.until(lambda: self.kinds("listening"))
            self.port = self.service.listener.port
        return self

    def __exit__(self, *_):
        self.service.stop()
        self._thread.join(30)
        self._versions.stop()
        assert not self._thread.is_alive() and self.fault is None

    def kinds(self, kind):
        return [one for one in self.told if one.kind == kind]

    def codes(self):
        return [one.code for one in self.told if one.kind in ("received", "refused")]

    def inbox(self):
        return sorted((self.folder / "inbox").glob("*"))

    def quarantined(self):
        return sorted((self.folder / "quarantine").glob("*.part"))

    def until(self, condition, seconds=20):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"nothing came of it; told: {self.told}"
            time.sleep(0.02)


def free_port():
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def dcmtk(program, port, *arguments, title="PACS", called="RADRAG"):
    """Run one of DCMTK's senders against a port of this machine; return the finished process."""
    # pynetdicom puts programs of the same names into virtual environments.
    folders = [one for one in os.get_exec_path() if not (Path(one).parent / "pyvenv.cfg").exists()]
    found = shutil.which(program, path=os.pathsep.join(folders))
    if found is None:
        missing(f"{program} (Debian package dcmtk)")
    command = [found, "-aet", title, "-aec", called, *map(str, arguments[:-1] if arguments else ())]
    files = [str(one) for one in (arguments[-1] if arguments else ())]
    return subprocess.run(
        [*command, "127.0.0.1", str(port), *files], capture_output=True, text=True, timeout=60, check=False
    )


def send(port, datasets, *, title="PACS", called="RADRAG", syntax="1.2.840.10008.1.2.1", tls=None):
    """Send data sets by pynetdicom over one association; return the status of each, or None where it was rejected."""
    from pynetdicom import AE

    entity = AE(ae_title=title)
    for sop_class in {str(dataset.SOPClassUID) for dataset in datasets}:
        entity.add_requested_context(sop_class, syntax)
    association = entity.associate("127.0.0.1", port, ae_title=called, tls_args=tls)
    if not association.is_established:
        return None
    statuses = []
    for dataset in datasets:
        answer = association.send_c_store(dataset)
        statuses.append(answer.Status if "Status" in answer else None)
    association.release()
    return statuses
