"""The review in a real browser: from the worklist to the signature by keys alone, by two readers, through a restart."""

import contextlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import review_sample as sample
from browsing import new_page, serving
from logged_in import add_reader, log_in

from radrag.dicom.read import load_image
from radrag.domain import Role
from radrag.review.values import Act
from radrag.store.repository import Store

pytest_plugins = ["review_fixtures"]
pytestmark = pytest.mark.browser

REVIEW = f"/review?draft={sample.DRAFT_ID}"
EDITED = "The cardiac silhouette is normal in size."
LISTENING = "0A"  # state in /proc/net/tcp


@pytest.fixture
def workspace(fill_workspace, review_workspace, sample_radiograph):
    """A workspace with the sample draft of a real radiograph, and a reader."""
    digest = load_image(sample_radiograph).image.pixel_sha256
    fill_workspace(sample.draft(sample_radiograph, pixel_sha256=digest), labelled=True)
    add_reader(review_workspace)
    return review_workspace


def events(workspace):
    with Store.open(f"sqlite:///{workspace / 'radrag.sqlite'}") as store:
        return store.review_events(sample.DRAFT_ID)


def opened(browser, address, name="adams"):
    """A reader's page of the sample draft, ready for keys."""
    page = new_page(browser)
    log_in(page, address, name, REVIEW)
    page.locator(".rr-focus").wait_for()
    page.wait_for_function("() => document.querySelectorAll('[data-testid=stBaseButton-secondary]').length > 4")
    return page


def decided(page, number, decision):
    """Wait until a sentence, counted from 1, bears a decision."""
    page.locator(f".rr-row.rr-is-{decision} .rr-number", has_text=str(number)).wait_for()


def in_focus(page, text):
    page.locator(".rr-focus .rr-kicker", has_text=text).wait_for()


def listening_addresses(port: int) -> set[str]:
    """Return the addresses (hexadecimal, as in /proc/net/tcp) that listen on a port."""
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()]
    places = [line[1].split(":") for line in lines if len(line) > 3 and line[3] == LISTENING]
    return {address for address, number in places if int(number, 16) == port}


def open_first_row(page):
    """Click into the first row of the worklist; again where the table was not yet ready to be clicked."""
    from playwright.sync_api import TimeoutError as NotYet

    for _ in range(5):
        page.locator("[data-testid=stDataFrame]").click(position={"x": 220, "y": 56})
        with contextlib.suppress(NotYet):
            page.wait_for_url(f"**{REVIEW}", timeout=6000)
            return
    raise AssertionError("no click opened the draft")


def test_from_the_worklist_to_a_signed_report_and_its_addendum(workspace, browser):
    with serving(workspace) as address:
        page = new_page(browser)
        log_in(page, address)
        page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
        page.get_by_text("1 of 1 drafts").wait_for()
        open_first_row(page)
        page.get_by_text("PRELIMINARY · UNVERIFIED").wait_for()
        in_focus(page, "Sentence 1")
        page.locator(".rr-viewer canvas, canvas").first.wait_for()

        # Only what evidence supports is accepted together; then each by its key.
        page.keyboard.press("q")
        decided(page, 1, "accepted")
        in_focus(page, "Sentence 2")
        page.keyboard.press("e")
        page.wait_for_function("() => document.activeElement.tagName === 'TEXTAREA'")
        page.keyboard.press("Control+A")
        page.keyboard.type(EDITED)
        page.keyboard.press("Control+Enter")
        decided(page, 2, "edited")
        page.locator(".rr-focus .rr-supported").wait_for()  # checked anew: the reports say so too
        page.keyboard.press("n")
        in_focus(page, "Sentence 3")
        page.keyboard.press("a")
        decided(page, 3, "accepted")
        in_focus(page, "Sentence 4")
        page.keyboard.press("x")
        page.get_by_role("button", name="Not on the image").wait_for()
        page.keyboard.press("1")
        decided(page, 4, "rejected")

        # The omission is one key away; the evidence never is markup.
        page.keyboard.press("n")
        page.locator(".rr-lead", has_text="Lung Opacity").wait_for()
        assert page.locator(".rr-section").inner_text() == sample.TRICKY
        assert page.locator(".rr-section b").count() == 0
        page.keyboard.press("a")
        page.locator(".rr-is-added").wait_for()

        # Sign by keys, add to it, and read what was done.
        page.keyboard.press("f")
        page.wait_for_function("() => document.activeElement.type === 'checkbox'")
        page.keyboard.press("Space")
        page.locator(".st-key-sign-now button:enabled").wait_for()
        page.keyboard.press("Control+Enter")
        page.locator(".rr-signed", has_text="Dr. A. Adams").wait_for()
        page.get_by_text("Addendum", exact=True).click()
        page.get_by_label("What is added").fill("Discussed with the ward.")
        page.get_by_label("What is added").press("Tab")
        page.locator(".st-key-addendum-attested label").click()
        page.locator(".st-key-addendum-sign button:enabled").click()
        page.locator(".rr-signed", has_text="FINAL WITH ADDENDUM").wait_for()
        page.get_by_role("link", name="Timeline").last.click()
        page.locator(".rr-timeline", has_text="Signed an addendum").wait_for()
        assert page.locator(".rr-timeline li").count() == len(events(workspace)) + 1
        page.get_by_text("The record is whole").wait_for()

        assert page.complaints == []
        hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
        assert hosts == {"127.0.0.1"}
        assert listening_addresses(urlsplit(address).port) == {"0100007F"}
    acts = [event.act for event in events(workspace)]
    assert acts == [Act.ACCEPT, Act.EDIT, Act.ACCEPT, Act.REJECT, Act.ADD, Act.SIGN, Act.ADDENDUM]


def test_a_reload_and_a_restart_of_the_server_lose_nothing(workspace, browser):
    with serving(workspace) as address:
        page = opened(browser, address)
        page.keyboard.press("a")
        decided(page, 1, "accepted")
        page.reload()
        decided(page, 1, "accepted")
        in_focus(page, "Sentence 2")
    with serving(workspace, urlsplit(address).port):
        page.reload()
        decided(page, 1, "accepted")
        in_focus(page, "Sentence 2")
        page.wait_for_function("() => document.querySelectorAll('[data-testid=stBaseButton-secondary]').length > 4")
        page.keyboard.press("a")
        decided(page, 2, "accepted")
    assert [event.act for event in events(workspace)] == [Act.ACCEPT, Act.ACCEPT]


def test_two_readers_on_one_study_take_turns(workspace, browser):
    add_reader(workspace, "baker", full_name="Dr. B. Baker")
    with serving(workspace) as address:
        first = opened(browser, address)
        second = new_page(browser)
        log_in(second, address, "baker", REVIEW)
        second.get_by_text("adams has this draft open").wait_for()
        assert second.locator(".st-key-accept").count() == 0
        second.get_by_role("button", name="Take over").click()
        second.locator(".st-key-accept").wait_for()
        second.keyboard.press("a")
        decided(second, 1, "accepted")
        # The first has not looked since: what is decided on the older state is refused and said, and nothing is lost.
        first.keyboard.press("x")
        first.get_by_role("button", name="Not on the image").wait_for()
        first.keyboard.press("1")
        first.get_by_text("changed by someone else").wait_for()
        decided(first, 1, "accepted")
    assert [(event.who, event.act) for event in events(workspace)] == [("baker", Act.ACCEPT)]


def test_a_trainee_decides_and_cannot_sign_and_an_auditor_only_reads(workspace, browser):
    add_reader(workspace, "tim", Role.TRAINEE)
    add_reader(workspace, "ada", Role.AUDITOR)
    with serving(workspace) as address:
        page = opened(browser, address, "tim")
        for number in range(1, 5):
            in_focus(page, f"Sentence {number}")
            page.keyboard.press("a")
            decided(page, number, "accepted")
        page.get_by_text("A trainee cannot sign").wait_for()
        assert page.locator(".st-key-sign-now").count() == 0
        page.get_by_role("button", name="Mark as preliminary").click()
        page.locator(".rr-decision", has_text="Preliminary").wait_for()
        reading = new_page(browser)
        log_in(reading, address, "ada", REVIEW)
        reading.locator(".rr-focus").wait_for()
        assert reading.locator(".st-key-accept, .st-key-sign-now, .st-key-add").count() == 0
    assert events(workspace)[-1].act == Act.MARK_PRELIMINARY
