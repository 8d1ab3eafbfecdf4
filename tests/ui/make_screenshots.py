"""Take the pictures of every page of the review screen anew: ``make screenshots``.

Drafts for the sample radiograph in a workspace of its own, or takes ``--workspace`` and works on a copy of it.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path

from browsing import CHROMIUM, FLAGS, serving
from logged_in import add_reader, log_in
from PIL import Image

from radrag.cli.demo import prepare, sample_radiograph
from radrag.cli.inputs import read_one_study
from radrag.settings import load_settings
from radrag.workspace import Workspace

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZE = {"width": 1600, "height": 1000}
COLOURS = 256


def main() -> None:
    """Serve the workspace, walk through the pages as a reader does, save a picture of each in 256 colours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, help="Take the newest draft of this one  [default: drafts anew]")
    parser.add_argument("--out", type=Path, default=IMAGES, help="Folder for the pictures.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "workspace"
        if given.workspace:
            shutil.copytree(given.workspace, place)
        workspace = Workspace(load_settings(workspace=place))
        if not given.workspace:
            prepare(workspace)
            study = read_one_study(sample_radiograph(), salt=workspace.settings.salt())
            workspace.store.save_draft(workspace.drafter.draft(study))
        draft_id = workspace.store.drafts(limit=1)[0].draft_id
        case_id = workspace.store.draft(draft_id).sentences[0].links[0].case_id
        add_reader(place)
        given.out.mkdir(parents=True, exist_ok=True)
        with serving(place) as address:
            walk(address, draft_id, case_id, given.out)


def walk(address: str, draft_id: str, case_id: str, out: Path) -> None:
    """Take a picture of each page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(60_000)

        def shot(name: str) -> None:
            page.mouse.move(SIZE["width"] // 2, SIZE["height"] - 8)
            page.wait_for_timeout(1500)  # transitions end, images come
            picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            path = out / f"{name}.png"
            picture.quantize(COLOURS, kmeans=4, dither=Image.Dither.NONE).save(path, optimize=True)
            print(f"{path}: {path.stat().st_size:,} bytes")

        page.goto(address)
        page.get_by_label("Name").wait_for()
        shot("login")
        log_in(page, address)
        page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
        shot("worklist")
        page.goto(f"{address}/review?draft={draft_id}")
        page.locator(".rr-focus").wait_for()
        page.keyboard.press("n")
        page.locator(".rr-focus", has_text="Sentence 2").wait_for()
        page.locator(".viewer .caption .depth", has_text="bits").wait_for()
        shot("review")
        page.keyboard.press("x")
        page.get_by_role("button", name="Not on the image").wait_for()
        page.keyboard.press("1")
        page.locator(".rr-is-rejected").wait_for()
        page.keyboard.press("e")
        page.locator("[data-testid=stForm] textarea").wait_for()
        page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
        shot("editing")
        page.keyboard.press("Control+Enter")
        page.locator(".rr-is-accepted, .rr-is-edited").first.wait_for()
        page.keyboard.press("q")
        page.locator(".rr-is-pending").first.wait_for(state="detached")
        page.keyboard.press("f")
        page.wait_for_function("() => document.activeElement.type === 'checkbox'")
        page.keyboard.press("Space")
        page.locator(".st-key-sign-now button:enabled").wait_for()
        shot("signing")
        page.keyboard.press("Control+Enter")
        page.locator(".rr-signed").wait_for()
        page.goto(f"{address}/timeline?draft={draft_id}")
        page.locator(".rr-timeline").wait_for()
        shot("timeline")
        page.goto(f"{address}/corpora?case={case_id}")
        page.locator(".rr-table").wait_for()
        shot("case")
        browser.close()


if __name__ == "__main__":
    main()
