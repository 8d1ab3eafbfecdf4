"""The review page in a real browser: read the quote, change the window, keep the zoom, ask nothing of other hosts."""

import contextlib
import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import review_sample as sample
from support import missing

from radrag.dicom.read import load_image

pytest_plugins = ["review_fixtures"]
pytestmark = pytest.mark.browser

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
START = "import sys; from radrag.cli.main import main; main(sys.argv[1:])"
FIGURE = "document.querySelector('.js-plotly-plot')"
RANGES = f"() => [...{FIGURE}._fullLayout.xaxis.range, ...{FIGURE}._fullLayout.yaxis.range]"
SOURCE = f"() => {FIGURE}.querySelector('.imagelayer image, .layer-below image').getAttribute('href')"
LISTENING = "0A"  # state in /proc/net/tcp


@pytest.fixture
def server(fill_workspace, review_workspace, sample_radiograph) -> Iterator[str]:
    """The page's address, served by ``radrag review`` for a draft of the sample radiograph."""
    digest = load_image(sample_radiograph).image.pixel_sha256
    fill_workspace(sample.draft(sample_radiograph, pixel_sha256=digest))
    command = [sys.executable, "-c", START, "--workspace", str(review_workspace), "review", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        yield process.stdout.readline().strip()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        process.stdout.close()


@pytest.fixture
def page(tmp_path):
    """A browser page with a profile of its own, and what it asked for and complained about."""
    if not CHROMIUM.exists():
        missing("Chromium (Debian package chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=str(CHROMIUM),
            args=FLAGS,
            viewport={"width": 1366, "height": 768},
        )
        tab = browser.pages[0]
        tab.set_default_timeout(20_000)
        tab.asked, tab.complaints = [], []
        tab.on("request", lambda request: tab.asked.append(request.url))
        tab.on("websocket", lambda socket: tab.asked.append(socket.url))
        tab.on("console", lambda message: message.type == "error" and tab.complaints.append(message.text))
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        yield tab
        browser.close()


def listening_addresses(port: int) -> set[str]:
    """Return the addresses (hexadecimal, as in /proc/net/tcp) that listen on a port."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    places = [line[1].split(":") for line in lines if len(line) > 3 and line[3] == LISTENING]
    return {address for address, number in places if int(number, 16) == port}


def open_first_row(page):
    """Click into the first row of the worklist; again where the table was not yet ready to be clicked."""
    from playwright.sync_api import TimeoutError as NotYet

    for _ in range(5):
        page.locator("[data-testid=stDataFrame]").click(position={"x": 120, "y": 56})
        with contextlib.suppress(NotYet):
            page.wait_for_url(f"**/review?draft={sample.DRAFT_ID}", timeout=6000)
            return
    raise AssertionError("no click opened the draft")


def settled(page, expression):
    """Return the value of an expression once two looks, 200 ms apart, agree."""
    value = page.evaluate(expression)
    for _ in range(50):
        page.wait_for_timeout(200)
        value, before = page.evaluate(expression), value
        if value == before:
            return value
    raise AssertionError(f"{expression} never settles")


def test_a_reader_opens_a_draft_reads_its_evidence_and_changes_the_window(server, page):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)
    # Worklist: a click into the first row opens its draft.
    page.goto(server)
    page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
    page.get_by_text("1 of 1 drafts").wait_for()
    open_first_row(page)
    page.get_by_text("PRELIMINARY · UNVERIFIED").wait_for()

    # A click on a sentence shows its evidence, the quote marked within the whole section.
    page.get_by_role("button", name="Show the evidence of sentence 3").click()
    page.get_by_text("Sentence 3 · findings").wait_for()
    (link,) = sample.draft().sentences[2].links
    expect(page.locator(".rr-section mark")).to_have_text([link.quote])
    assert page.locator(".rr-section").inner_text() == sample.NODULES

    # The window changes without a rerun, and the zoom stays.
    page.wait_for_function(f"() => {FIGURE}?.querySelector('image')?.getAttribute('href')")
    whole = page.evaluate(RANGES)
    page.locator(".js-plotly-plot").hover()
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"before => {FIGURE}._fullLayout.xaxis.range[0] !== before", arg=whole[0])
    zoomed, default = settled(page, RANGES), page.evaluate(SOURCE)
    assert zoomed[1] - zoomed[0] < whole[1] - whole[0]
    assert default.startswith("data:image/png;base64,")
    page.locator(".updatemenu-button", has_text="Lung").click()
    page.wait_for_function(f"before => ({SOURCE})() !== before", arg=default)
    assert page.evaluate(RANGES) == pytest.approx(zoomed)

    # The keys step on; image, window and zoom stay as they are.
    lung = page.evaluate(SOURCE)
    page.keyboard.press("n")
    page.get_by_text("Sentence 4 · impression").wait_for()
    page.keyboard.press("p")
    page.get_by_text("Sentence 3 · findings").wait_for()
    assert page.evaluate(SOURCE) == lung
    assert page.evaluate(RANGES) == pytest.approx(zoomed)

    # Report text is never markup, and the last stop is the omission.
    page.get_by_role("button", name="Show the evidence of possible omission 1").click()
    page.locator(".rr-lead", has_text="Lung Opacity").wait_for()
    expect(page.locator(".rr-section")).to_have_text(sample.TRICKY, use_inner_text=True)
    assert page.locator(".rr-section b").count() == 0

    assert page.complaints == []
    hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}
    assert listening_addresses(urlsplit(server).port) == {"0100007F"}


def test_a_page_of_another_name_gets_no_session(server):
    port = urlsplit(server).port
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
    }
    answers = {}
    for host in ("127.0.0.1", "rebound.example"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        address = {"Host": f"{host}:{port}", "Origin": f"http://{host}:{port}"}
        connection.request("GET", "/_stcore/stream", headers={**upgrade, **address})
        answers[host] = connection.getresponse().status
        connection.close()
    assert answers == {"127.0.0.1": 101, "rebound.example": 403}
