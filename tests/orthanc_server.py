"""An Orthanc of this machine's own, with or without the DICOMweb plug-in."""

import json
import os
import shutil
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from exchange_support import free_port
from support import missing

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


class OrthancServer:
    """What can be asked of it.

    Attributes:
        url: base address of its DICOMweb service.
    """

    def __init__(self, port):
        self._rest = f"http://127.0.0.1:{port}"
        self.url = f"{self._rest}/dicom-web"

    def rest(self, path, body=None, method=None):
        """Ask its own interface; return what it answers, None for nothing."""
        request = urllib.request.Request(self._rest + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def orthanc_with_dicomweb(folder, **configured):
    """Run it, with the plug-in, for as long as a with block lasts; see :func:`orthanc`."""
    if not PLUGIN.exists():
        missing("Orthanc's DICOMweb (Debian package orthanc-dicomweb)")
    plugin = {"Plugins": [str(PLUGIN)], "DicomWeb": {"Enable": True, "Root": "/dicom-web/"}}
    with orthanc(folder, **plugin, **configured) as made:
        yield made


@contextmanager
def orthanc(folder, **configured):
    """Run it for as long as a with block lasts.

    Args:
        configured: entries of its configuration.
    """
    program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
    if not os.access(program, os.X_OK):
        missing("Orthanc (Debian package orthanc)")
    port = free_port()
    configuration = {
        **{"Name": "test", "StorageDirectory": str(folder / "orthanc"), "IndexDirectory": str(folder / "orthanc")},
        **{"HttpPort": port, "RemoteAccessAllowed": False, "AuthenticationEnabled": False, "DicomServerEnabled": False},
        **{"Plugins": []},
        **configured,
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration))
    process = subprocess.Popen([program, str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    made = OrthancServer(port)
    try:
        _wait(made, process)
        yield made
    finally:
        process.terminate()
        process.wait(20)


def _wait(server, process):
    end = time.monotonic() + 30
    while True:
        try:
            server.rest("/system")
        except urllib.error.HTTPError:
            return  # it wants a password
        except OSError:
            assert process.poll() is None and time.monotonic() < end, "Orthanc does not start"
            time.sleep(0.05)
        else:
            return
