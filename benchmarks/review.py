"""How fast the review screen answers: page switches, decisions, bytes of an image, memory of the server.

Fills a copy of a workspace with 1,000 studies and 20,000 rows of the audit log, serves it as ``radrag review`` does,
and uses it in a real Chromium. Times are from the key or click to what it brings on the screen, so the browser's own
work is in them; the worklist's rows come once Streamlit's table has drawn.

Run: ``python benchmarks/review.py``, or with ``--workspace FOLDER`` of a workspace that holds a draft, which spares
building the demo's index. There is no peer: no other open system shows drafts with evidence for signature.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from processes import memory

from radrag.cli.demo import prepare, sample_radiograph
from radrag.cli.inputs import read_one_study
from radrag.domain import Role
from radrag.people import accounts
from radrag.settings import load_settings
from radrag.store import audit_log, drafts
from radrag.store.repository import Store
from radrag.store.values import AuditEvent
from radrag.workspace import Workspace

PASSWORD = "a password for a benchmark"
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--sessions", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=12)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "workspace"
        if given.workspace:
            shutil.copytree(given.workspace, place)
        else:
            draft_sample(place)
        ids = fill(place, given.studies, given.rows)
        command = [sys.executable, "-m", "radrag", "--workspace", str(place), "review", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                assert server.stdout is not None
                print(json.dumps(measure(server.stdout.readline().strip(), ids, given, server.pid), indent=2))
            finally:
                server.terminate()


def draft_sample(folder: Path) -> None:
    """Make a workspace with the draft of the sample radiograph."""
    workspace = Workspace(load_settings(workspace=folder))
    prepare(workspace)
    study = read_one_study(sample_radiograph(), salt=workspace.settings.salt())
    workspace.store.save_draft(workspace.drafter.draft(study))
    workspace.store.close()


def fill(workspace: Path, studies: int, rows: int) -> list[str]:
    """Multiply a workspace's first draft, lengthen its audit log, add a reader; return the drafts' ids."""
    with Store.open(load_settings(workspace=workspace).url) as store:
        now = store.now()
        accounts.add(store, "bench", PASSWORD, role=Role.READER, now=now)
        first = store.draft(store.drafts(limit=1)[0].draft_id)
        begin = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        ids = []
        with store._database.writing() as session:  # one transaction instead of thousands
            for number in range(studies):
                at = (begin + datetime.timedelta(minutes=number)).isoformat(timespec="microseconds")
                study = replace(first.study, study_instance_uid=f"2.25.{number}", patient_key=uuid.uuid4().hex)
                ids.append(uuid.uuid4().hex)
                made = replace(first, draft_id=ids[-1], study=study, provenance={**first.provenance, "created_at": at})
                drafts.save(session, made)
        with store._database.writing() as session:
            for number in range(rows):
                audit_log.append(session, AuditEvent("evidence.read", "bench", "host", f"key {number}", {"n": number}))
    return ids


def measure(address: str, ids: list[str], given: argparse.Namespace, process: int) -> dict[str, Any]:
    """Use the screen in a browser and return the figures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        pages = [logged_in(browser, address) for _ in range(given.sessions)]
        page = pages[0]
        figures: dict[str, Any] = {"studies": given.studies, "log_rows": given.rows, "sessions": given.sessions}
        switches, decisions, back = [], [], []
        opened(page, f"{address}/review?draft={ids[0]}")
        for draft_id in ids[1 : given.repeat + 1]:
            back.append(timed(lambda: page.get_by_role("link", name="Worklist").click(), shows_table(page)))
            page.wait_for_timeout(400)
            switches.append(
                timed(lambda: page.get_by_role("link", name="Review", exact=True).click(), shows_review(page))
            )
            opened(page, f"{address}/review?draft={draft_id}")
            for number in range(4):
                decisions.append(timed(lambda: page.keyboard.press("a"), shows_accepted(page, number + 1)))
                page.wait_for_timeout(300)  # nobody reads faster
        preview = f"/pixels/{ids[0]}/0?kind=preview"
        size = page.evaluate(f"async () => (await (await fetch('{preview}')).arrayBuffer()).byteLength")
        for other, draft_id in zip(pages, ids[-given.sessions :], strict=True):
            opened(other, f"{address}/review?draft={draft_id}")
        page.wait_for_timeout(3000)
        figures |= {
            "to_worklist_s": summary(back),
            "to_review_s": summary(switches),
            "decision_s": summary(decisions),
            "image_bytes_first_paint": size,
            "server_megabytes": round(memory(process, "Rss"), 1),
        }
        browser.close()
    return figures


def logged_in(browser: Any, address: str) -> Any:
    page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
    page.goto(address)
    page.get_by_label("Name").fill("bench")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    shows_table(page)()
    return page


def opened(page: Any, url: str) -> None:
    page.goto(url)
    shows_review(page)()
    page.locator(".st-key-accept button").wait_for()
    page.wait_for_timeout(500)


def shows_table(page: Any) -> Callable[[], None]:
    return page.locator("[data-testid=stDataFrame] canvas").first.wait_for


def shows_review(page: Any) -> Callable[[], None]:
    return page.locator(".rr-focus").wait_for


def shows_accepted(page: Any, count: int) -> Callable[[], None]:
    return page.locator(".rr-is-accepted").nth(count - 1).wait_for


def timed(act: Callable[[], Any], until: Callable[[], None]) -> float:
    start = time.perf_counter()
    act()
    until()
    return time.perf_counter() - start


def summary(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[int(0.95 * (len(ordered) - 1))], 3),
        "n": len(ordered),
    }


if __name__ == "__main__":
    main()
