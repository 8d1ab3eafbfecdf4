"""The review page as a process, and Chromium before it."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def serving(workspace: Path, port: int = 0) -> Iterator[str]:
    """``radrag review`` for a workspace, as a process; gives its address and ends it in order."""
    command = [sys.executable, "-m", "radrag", "--workspace", str(workspace), "review", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        process.stdout.close()


def new_page(browser: Any) -> Any:
    """A page without anybody's log-in; ``asked`` and ``complaints`` collect what it requests and complains about."""
    tab = browser.new_context(viewport={"width": 1366, "height": 768}).new_page()
    tab.set_default_timeout(20_000)
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("websocket", lambda socket: tab.asked.append(socket.url))
    tab.on("console", lambda message: message.type == "error" and tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    return tab
