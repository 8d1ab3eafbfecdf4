"""The pages, run by Streamlit without a browser against a real store."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import review_sample as sample
from PIL import Image
from streamlit.testing.v1 import AppTest

import ui
from radrag.store.repository import Store

pytest_plugins = ["review_fixtures"]

APP = str(Path(ui.__file__).with_name("app.py"))


@pytest.fixture
def image_file(tmp_path):
    """A grey PNG of a radiograph's size."""
    rows, columns = np.mgrid[0:512, 0:480]
    path = tmp_path / "chest.png"
    Image.fromarray(((rows // 3 + columns // 4) % 251).astype(np.uint8)).save(path)
    return path


def words(app):
    """Return everything the page says, as text."""
    parts = [element.proto.body for element in app.get("html")]
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", " ".join(parts))))


def opened(draft_id=sample.DRAFT_ID):
    def script():
        from ui import review

        review.page()

    app = AppTest.from_function(script, default_timeout=60)
    if draft_id:
        app.query_params["draft"] = draft_id
    return app.run()


def listed(**filters):
    app = AppTest.from_file(APP, default_timeout=60)
    app.query_params.update(filters)
    return app.run()


def button(app, key):
    return next(button for button in app.button if button.key == key)


def test_an_empty_workspace_says_what_to_run(review_workspace):
    app = listed()
    assert not app.exception
    text = words(app)
    assert "radrag demo" in text
    assert "radrag draft PATH --save" in text
    assert str(review_workspace) in text
    assert not app.dataframe


def test_the_worklist_counts_sentences_by_status(fill_workspace):
    fill_workspace(sample.draft())
    app = listed()
    assert not app.exception
    (row,) = app.dataframe[0].value.to_dict("records")
    assert row["Patient"] == "a1b2c3d4"
    assert row["Views"] == "PA"
    assert row["Status"] == "PRELIMINARY"
    assert {row[name] for name in ("Supported", "Partly supported", "Unsupported", "Contradicted", "Omissions")} == {1}
    assert "PRELIMINARY · UNVERIFIED" in words(app)


def test_the_filters_are_in_the_address_and_narrow_the_list(fill_workspace):
    calm = replace(sample.draft(draft_id="calm"), sentences=(), omissions=())
    fill_workspace(sample.draft(), calm)
    app = listed(show="Contradicted")
    assert app.dataframe[0].value["Draft"].tolist() == [sample.DRAFT_ID]
    app = listed(find="CALM")
    assert app.dataframe[0].value["Draft"].tolist() == ["calm"]
    app.text_input(key="find").set_value("nobody").run()
    assert not app.dataframe
    assert "0 of 2 drafts" in words(app)


def test_a_workspace_that_cannot_be_opened_is_said(review_workspace):
    (review_workspace / "radrag.sqlite").write_bytes(b"this is no database" * 100)
    app = listed()
    assert not app.exception
    assert "cannot be opened" in words(app)


@pytest.mark.parametrize("draft_id", ["", "<b>nobody</b>"])
def test_review_without_a_draft_leads_to_the_worklist(fill_workspace, draft_id):
    fill_workspace()
    app = opened(draft_id)
    assert not app.exception
    assert "<b>nobody" not in "".join(element.proto.body for element in app.get("html"))
    assert ("cannot be opened" if draft_id else "No draft chosen") in words(app)


def test_the_first_sentence_is_in_focus_with_its_evidence(fill_workspace, image_file):
    fill_workspace(sample.draft(image_file))
    app = opened()
    assert not app.exception
    text = words(app)
    assert "PRELIMINARY · UNVERIFIED" in text
    for sentence in sample.draft().sentences:
        assert sentence.text in text
    assert "Sentence 1 · findings" in text
    marks = re.findall("<mark>(.*?)</mark>", " ".join(element.proto.body for element in app.get("html")))
    assert [unescape(mark) for mark in marks] == [link.quote for link in sample.draft().sentences[0].links]
    assert len(app.get("plotly_chart")) == 1


def test_a_click_on_a_sentence_shows_its_evidence(fill_workspace):
    fill_workspace(sample.draft())
    app = opened()
    button(app, "open-s1").click().run()
    assert not app.exception
    text = words(app)
    assert "Sentence 2 · findings" in text
    assert "More retrieved reports say the opposite" in text
    assert text.index("strength 0.93") < text.index("strength 0.88")


def test_next_and_previous_step_through_sentences_and_omissions(fill_workspace):
    fill_workspace(sample.draft())
    app = opened()
    assert button(app, "step-previous").disabled
    for _ in range(3):
        button(app, "step-next").click().run()
    assert "No sentence of a retrieved report speaks for or against this" in words(app)
    button(app, "step-next").click().run()
    assert "Possible omission Lung Opacity" in words(app)
    assert button(app, "step-next").disabled
    button(app, "step-previous").click().run()
    assert "Sentence 4 · impression" in words(app)


def test_steps_have_keys_that_streamlit_does_not_reserve(fill_workspace):
    fill_workspace(sample.draft())
    app = opened()
    assert [button(app, key).proto.shortcut for key in ("step-previous", "step-next")] == ["p", "n"]


def test_moving_between_sentences_leaves_the_figure_as_it_was(fill_workspace, image_file):
    fill_workspace(sample.draft(image_file))
    app = opened()
    before = app.get("plotly_chart")[0].proto
    first = (before.id, before.spec)
    button(app, "open-s2").click().run()
    after = app.get("plotly_chart")[0].proto
    assert (after.id, after.spec) == first


def test_a_region_is_shown_and_hidden_on_the_image(fill_workspace, image_file):
    fill_workspace(sample.draft(image_file))
    app = opened()
    button(app, "place-Lung Lesion").click().run()
    layout = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
    assert [shape["x0"] for shape in layout["shapes"]] == [300.0]
    button(app, "place-Lung Lesion").click().run()
    assert (
        "shapes" not in json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]
        or not json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["shapes"]
    )


def test_an_image_that_moved_is_said(fill_workspace, tmp_path):
    fill_workspace(sample.draft(tmp_path / "gone.dcm"))
    app = opened()
    assert not app.exception
    assert "not where it was when the draft was made" in words(app)
    assert not app.get("plotly_chart")


def test_an_image_without_a_file_is_said(fill_workspace):
    fill_workspace(sample.draft())
    assert "image file is not held" in words(opened())


def test_a_file_that_is_no_image_any_more_is_said(fill_workspace, tmp_path):
    path = tmp_path / "broken.dcm"
    path.write_bytes(b"not a DICOM file")
    fill_workspace(sample.draft(path))
    app = opened()
    assert not app.exception
    assert "cannot be read" in words(app)


def test_a_file_with_other_pixels_than_drafted_raises_an_alarm(fill_workspace, image_file):
    fill_workspace(sample.draft(image_file, pixel_sha256="0" * 64))
    assert "no longer holds the pixels that were drafted" in words(opened())


def test_a_draft_without_images_and_sentences_is_shown_as_such(fill_workspace):
    bare = sample.draft()
    fill_workspace(replace(bare, study=replace(bare.study, images=()), sentences=(), omissions=(), warnings=()))
    app = opened()
    assert not app.exception
    text = words(app)
    assert "This draft holds no image" in text
    assert "drafted nothing" in text


def test_quotes_outlive_their_corpus(fill_workspace, review_workspace):
    fill_workspace(sample.draft())
    with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
        store.remove_corpus("demo")
    app = opened()
    assert not app.exception
    assert "no longer held" in words(app)
    assert sample.draft().sentences[0].links[0].quote in words(app)


def test_an_image_of_a_quoted_case_is_shown_where_it_is_held(fill_workspace, image_file, review_workspace, monkeypatch):
    held = [replace(case, images=sample.draft(image_file).study.images) for case in sample.cases()]
    monkeypatch.setattr(sample, "cases", lambda: held)
    fill_workspace(sample.draft())
    app = opened()
    html = "".join(element.proto.body for element in app.get("html"))
    assert 'class="rr-thumb"' in html
    assert "image not held" not in words(app)
    image_file.unlink()
    assert "image not held" in words(opened())


def test_reading_the_evidence_is_put_on_record_once_a_session(fill_workspace, review_workspace):
    fill_workspace(sample.draft())
    app = opened()
    button(app, "step-next").click().run()
    with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
        events = [entry.what for entry in store.audit_entries()]
    assert events.count("evidence.read") == 1


def test_the_worklist_loads_no_torch_transformers_or_faiss(fill_workspace, review_workspace):
    fill_workspace(sample.draft())
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        f"app = AppTest.from_file({APP!r}, default_timeout=60).run()\n"
        "assert app.dataframe and not app.exception\n"
        "print(sorted({'torch', 'transformers', 'faiss', 'spacy', 'timm', 'pydicom'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ}, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
