"""Take docs/images/review.png anew: the newest draft of a workspace, 1600 by 1000 pixels.

RADRAG_WORKSPACE=FOLDER radrag demo
PYTHONPATH=tests python tests/ui/make_screenshot.py FOLDER docs/images/review.png --sentence 2
"""

import argparse
import io
import subprocess
import sys
from pathlib import Path

from PIL import Image
from test_review_browser import CHROMIUM, FLAGS, START

from radrag.settings import load_settings
from radrag.store.repository import Store


def main() -> None:
    """Serve the workspace, open the draft, click the sentence, save the picture in 256 colours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sentence", type=int, default=1)
    given = parser.parse_args()
    with Store.open(load_settings(workspace=given.workspace).url) as store:
        draft_id = store.drafts(limit=1)[0].draft_id
    command = [sys.executable, "-c", START, "--workspace", str(given.workspace), "review", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            picture = shot(f"{server.stdout.readline().strip()}/review?draft={draft_id}", given.sentence)
        finally:
            server.terminate()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, kmeans=4, dither=Image.Dither.NONE).save(
        given.out, optimize=True
    )
    print(f"{given.out}: {given.out.stat().st_size:,} bytes")


def shot(url: str, sentence: int) -> bytes:
    """Return a PNG of the page with a sentence in focus."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.goto(url)
        page.locator(".updatemenu-button").first.wait_for()
        page.get_by_role("button", name=f"Show the evidence of sentence {sentence}", exact=True).click()
        page.locator(".rr-focus", has_text=f"Sentence {sentence}").wait_for()
        page.mouse.move(800, 985)
        page.wait_for_timeout(1500)  # transitions end
        picture = page.screenshot()
        browser.close()
    return picture


if __name__ == "__main__":
    main()
