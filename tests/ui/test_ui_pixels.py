"""Pixels are looked up by draft and number; what cannot be shown is said in words, with no path in them."""

import json
import os
from dataclasses import replace

import pytest
import review_sample as sample
from pydicom import dcmread
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from radrag.dicom.read import load_image
from radrag.domain import Case, Hit, StudyImage, View
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo
from ui import pixels

pytest_plugins = ["review_fixtures"]

URL = f"/pixels/{sample.DRAFT_ID}/0"


@pytest.fixture
def client():
    return TestClient(Starlette(routes=[Route(pixels.ROUTE, pixels.pixels)]))


@pytest.fixture
def film(tmp_path, sample_radiograph):
    """A copy of the sample radiograph that the test may change."""
    path = tmp_path / "film.dcm"
    path.write_bytes(sample_radiograph.read_bytes())
    return path


@pytest.fixture
def drafted(fill_workspace, film):
    fill_workspace(sample.draft(film, pixel_sha256=load_image(film).image.pixel_sha256))
    return film


def test_a_preview_is_a_small_picture_that_says_what_it_shows(client, drafted):
    answer = client.get(URL)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("image/")
    assert len(answer.content) <= 400_000
    head = json.loads(answer.headers[pixels.HEAD])
    assert (head["rows"], head["columns"], head["bits"], head["inverse"]) == (1955, 1841, 15, True)


def test_full_depth_holds_every_value(client, drafted):
    answer = client.get(URL, params={"kind": "full"})
    assert answer.headers["content-encoding"] == "gzip"
    head = json.loads(answer.headers[pixels.HEAD])
    assert len(answer.content) == 5 * head["levels"] + 2 * head["rows"] * head["columns"]


def test_nothing_stays_on_the_browser_s_disk_and_a_known_image_is_not_sent_again(client, drafted):
    answer = client.get(URL)
    assert "no-store" in answer.headers["cache-control"]
    assert load_image(drafted).image.pixel_sha256 in answer.headers["etag"]
    again = client.get(URL, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("/pixels/d-none/0", 404, "unknown"),
        (f"/pixels/{sample.DRAFT_ID}/1", 404, "unknown"),
        (f"{URL}?kind=raw", 400, "bad_kind"),
        (f"{URL}?case=demo:1", 404, "unknown"),  # cited, but holds no image
        (f"{URL}?case=demo:none", 404, "unknown"),
        ("/pixels/d-none/0?case=demo:1", 404, "unknown"),
    ],
)
def test_what_is_not_there_is_said_in_words(client, drafted, url, status, code):
    answer = client.get(url)
    assert answer.status_code == status
    assert answer.json()["error"] == code
    assert " " in answer.json()["message"]


def test_a_file_that_moved_is_gone(client, drafted):
    drafted.unlink()
    answer = client.get(URL)
    assert (answer.status_code, answer.json()["error"]) == (410, "gone")
    assert str(drafted) not in answer.text


def test_another_image_in_the_drafted_one_s_place_is_not_shown(client, drafted):
    held = bytearray(drafted.read_bytes())
    held[-1000:] = bytes(1000)
    assert client.get(URL).status_code == 200
    drafted.write_bytes(held)
    os.utime(drafted, ns=(1, 1))
    answer = client.get(URL)
    assert (answer.status_code, answer.json()["error"]) == (409, "changed")


def test_a_changed_header_with_the_same_pixels_is_the_same_image(client, fill_workspace, film):
    digest = load_image(film).image.pixel_sha256
    fill_workspace(sample.draft(film, pixel_sha256=digest))
    header = dcmread(film)
    header.PatientName = "Doe^Jane"
    header.save_as(film)
    assert client.get(URL).status_code == 200


def test_an_image_of_a_cited_case_is_sent_and_of_another_case_not(client, fill_workspace, review_workspace, film):
    fill_workspace(sample.draft(film))
    image = StudyImage("2.25.9", View.AP, 1955, 1841, str(film))
    corpus = CorpusInfo(name="own", title="Own", licence="CC0-1.0", restricted=False, source="test")
    held = [Case(f"own:{name}", "own", "key", (image,), {"findings": sample.NORMAL}) for name in ("cited", "other")]
    draft = sample.draft(film, draft_id="d-0002")
    with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
        store.add_cases([(case, []) for case in held], corpus=corpus)
        store.save_draft(replace(draft, hits=(Hit("own:cited", 1, 0.5, {}),)))
    assert client.get("/pixels/d-0002/0?case=own:cited").status_code == 200
    assert client.get("/pixels/d-0002/0?case=own:other").status_code == 404


def test_a_damaged_file_is_said_without_its_path(client, fill_workspace, film):
    fill_workspace(sample.draft(film))
    film.write_bytes(film.read_bytes()[:5000])
    answer = client.get(URL)
    assert answer.status_code == 422
    assert str(film) not in answer.text


def test_a_draft_whose_image_is_not_held_says_so(client, fill_workspace):
    fill_workspace(sample.draft())
    assert client.get(URL).json()["error"] == "not_held"


def encoded(size):
    return pixels.Encoded(bytes(size), "image/png", "{}")


def test_the_cache_keeps_what_was_asked_for_last_within_its_bytes():
    cache, made = pixels.Cache(100), []

    def get(name, size=40):
        return cache.get((name,), lambda: made.append(name) or encoded(size))

    for name in ("a", "b", "a", "c", "a", "b"):
        get(name)
    assert made == ["a", "b", "c", "b"]
    assert cache.size == 80
    get("huge", 500)
    assert cache.size == 500
    get("d")
    assert cache.size == 40


def test_a_failure_is_not_kept():
    cache = pixels.Cache()

    def fail():
        raise pixels.Problem(410, "gone", "Gone.")

    with pytest.raises(pixels.Problem):
        cache.get(("a",), fail)
    assert cache.get(("a",), lambda: encoded(1)).body == b"\0"
