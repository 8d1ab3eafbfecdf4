"""The viewer's own page as a process, and Chromium before it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import review_sample as sample
from browsing import CHROMIUM, FLAGS
from support import missing

from radrag.dicom.read import load_image
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo

SERVER = Path(__file__).with_name("viewer_server.py")
START_SECONDS = 60


@pytest.fixture(scope="module")
def url(tmp_path_factory, sample_radiograph):
    """The page's address, of a server that all tests here share: they change nothing on it."""
    folder = tmp_path_factory.mktemp("workspace")
    digest = load_image(sample_radiograph).image.pixel_sha256
    corpus = CorpusInfo(name="demo", title="Demo", licence="CC0-1.0", restricted=False, source="test")
    with Store.open(f"sqlite:///{folder / 'radrag.sqlite'}") as store:
        store.add_cases([(case, []) for case in sample.cases()], corpus=corpus)
        store.save_draft(sample.draft(sample_radiograph, pixel_sha256=digest))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {**os.environ, "RADRAG_WORKSPACE": str(folder), "PYTHONPATH": str(SERVER.parents[2])}
    variables.pop("RADRAG_DATABASE_URL", None)
    process = subprocess.Popen([sys.executable, str(SERVER), str(port)], env=variables)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def wait_until_ready(url):
    until = time.monotonic() + START_SECONDS
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until:
        try:
            direct.open(f"{url}/_stcore/health", timeout=2)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the page never answered")


@pytest.fixture
def browser(request):
    """Chromium on a screen of one device pixel for each CSS pixel, or of what the test's parameter says."""
    if not CHROMIUM.exists():
        missing("Chromium (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    ratio = getattr(request, "param", 1)
    with sync_playwright() as playwright:
        # A context's device_scale_factor would not reach ResizeObserver's device pixels; the flag does.
        flags = [*FLAGS, f"--force-device-scale-factor={ratio}"]
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        yield opened
        opened.close()
