"""The pages, run by Streamlit without a browser against a real store."""

import os
import re
import sqlite3
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
from radrag.domain import DraftSentence, Finding, Status
from radrag.store.repository import Store

pytest_plugins = ["review_fixtures", "logged_in"]

APP = str(Path(ui.__file__).with_name("app.py"))


@pytest.fixture(autouse=True)
def reader(logged_in):
    """The pages see the reader adams."""
    logged_in()


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


def opened(draft_id=sample.DRAFT_ID, **address):
    return at_page("review", **({"draft": draft_id} if draft_id else {}), **address)


def at_page(name, **address):
    """Run one page at an address."""
    app = AppTest.from_string(f"from ui import {name}\n{name}.page()", default_timeout=60)
    app.query_params.update(address)
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
    assert row["Status"] == "New"
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


def test_a_click_on_a_sentence_shows_its_evidence(fill_workspace):
    fill_workspace(sample.draft())
    app = opened()
    button(app, "open-d1").click().run()
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


def test_urgent_findings_come_first_until_they_are_signed(fill_workspace):
    urgent = sample.draft(draft_id="urgent")
    collapsed = DraftSentence("findings", "Large right pneumothorax.", Status.SUPPORTED, (Finding("Pneumothorax"),))
    urgent = replace(urgent, sentences=(collapsed,), provenance={"created_at": "2020-01-01T00:00:00+00:00"})
    fill_workspace(sample.draft(), urgent)
    app = listed()
    assert app.dataframe[0].value["Draft"].tolist() == ["urgent", sample.DRAFT_ID]
    assert app.dataframe[0].value["Urgent"].tolist() == ["Pneumothorax", ""]
    assert listed(show="Urgent").dataframe[0].value["Draft"].tolist() == ["urgent"]


def test_mine_are_the_drafts_that_i_acted_on_or_have_open(fill_workspace):
    fill_workspace(sample.draft(), sample.draft(draft_id="other"))
    button(opened("other"), "accept").click().run()
    app = listed(mine="true")
    assert app.dataframe[0].value["Draft"].tolist() == ["other"]
    assert app.dataframe[0].value["Status"].tolist() == ["In review"]
    assert "adams" in app.dataframe[0].value["Reader"].tolist()[0]


class TestDecisions:
    def test_nothing_is_accepted_by_default_and_nothing_unsupported_with_the_rest(self, fill_workspace):
        fill_workspace(sample.draft())
        app = opened()
        assert words(app).count("Undecided") == 4
        button(app, "accept-supported").click().run()
        assert (words(app).count("Accepted"), words(app).count("Undecided")) == (1, 3)

    def test_a_rejection_asks_why(self, fill_workspace):
        fill_workspace(sample.draft())
        app = opened()
        button(app, "reject").click().run()
        button(app, "reason-wrong_side").click().run()
        assert "Rejected: wrong side" in words(app)
        assert "Sentence 2 · findings" in words(app)

    def test_words_can_be_checked_before_they_are_kept(self, fill_workspace):
        fill_workspace(sample.draft(), labelled=True)
        app = opened()
        button(app, "edit").click().run()
        app.text_area[0].set_value("No pleural effusion is seen.")
        button(app, "check").click().run()
        assert "Retrieved reports say the same" in words(app)
        assert words(app).count("Undecided") == 4
        button(app, "keep").click().run()
        assert "Edited" in words(app)

    def test_a_hint_proposes_words_and_keeps_none(self, fill_workspace):
        fill_workspace(sample.draft(), labelled=True)
        app = opened()
        button(app, "open-d1").click().run()
        button(app, "reword").click().run()
        app.text_input[0].set_value("severe")
        button(app, "propose").click().run()
        assert "severe" in app.text_area[0].value.lower()
        assert words(app).count("Undecided") == 4

    def test_a_hint_that_says_nothing_is_told_so(self, fill_workspace):
        fill_workspace(sample.draft(), labelled=True)
        app = opened()
        button(app, "reword").click().run()
        app.text_input[0].set_value("purple")
        button(app, "propose").click().run()
        assert "does not say what the sentence is to say" in words(app)

    def test_sentences_move_within_their_section(self, fill_workspace):
        fill_workspace(sample.draft())
        app = opened()
        button(app, "down").click().run()
        first, second, *_ = [sentence.text for sentence in sample.draft().sentences]
        assert words(app).index(second) < words(app).index(first)

    def test_a_critical_finding_must_be_passed_on_before_signing(self, fill_workspace):
        collapsed = DraftSentence("findings", "Large right pneumothorax.", Status.SUPPORTED, (Finding("Pneumothorax"),))
        fill_workspace(replace(sample.draft(), sentences=(collapsed,), omissions=()))
        app = opened()
        button(app, "accept").click().run()
        assert "Nobody was told of: Pneumothorax" in words(app)
        assert app.checkbox(key="attested").disabled
        app.text_input(key="told-to-Pneumothorax").set_value("ward 3")
        button(app, "told-record-Pneumothorax").click().run()
        assert "ward 3 (telephone), by adams" in words(app)
        app.checkbox(key="attested").check().run()
        button(app, "sign-now").click().run()
        assert "Final" in words(app)

    def test_misleading_evidence_is_marked_and_can_be_trusted_again(self, fill_workspace):
        fill_workspace(sample.draft())
        app = opened()
        button(app, "mislead-supports-0").click().run()
        assert "Called misleading" in words(app)
        button(app, "mislead-supports-0").click().run()
        assert "Called misleading" not in words(app)

    def test_a_draft_deleted_while_open_is_said_to_be_gone(self, fill_workspace, review_workspace):
        fill_workspace(sample.draft())
        app = opened()
        with sqlite3.connect(review_workspace / "radrag.sqlite") as database:
            database.execute("PRAGMA foreign_keys = ON")
            database.execute("DELETE FROM drafts")
        button(app, "accept").click().run()
        assert not app.exception
        assert "It may have been deleted while it was open" in words(app)

    def test_a_correction_keeps_the_version_before(self, fill_workspace):
        fill_workspace(replace(sample.draft(), sentences=sample.draft().sentences[:1], omissions=()), labelled=True)
        app = opened()
        button(app, "accept").click().run()
        app.checkbox(key="attested").check().run()
        button(app, "sign-now").click().run()
        app.text_area(key="correct-findings").set_value("Heart size is normal.")
        app.text_input(key="correct-why").set_value("Wrong patient position.")
        app.checkbox(key="correct-attested").check().run()
        button(app, "correct-sign").click().run()
        text = words(app)
        assert "Corrected" in text
        assert "There are multiple rounded opacities in both lungs." in text
        assert "Heart size is normal." in text


def test_reading_first_hides_the_draft_until_it_is_asked_for(fill_workspace):
    fill_workspace(sample.draft())
    app = opened(first="true")
    assert sample.draft().sentences[0].text not in words(app)
    button(app, "reveal").click().run()
    assert sample.draft().sentences[0].text in words(app)


def test_the_images_have_a_window_of_their_own(fill_workspace, image_file):
    fill_workspace(sample.draft(image_file))
    app = at_page("images", draft=sample.DRAFT_ID)
    assert not app.exception
    assert sample.draft().sentences[0].text not in words(app)
    assert "No prior study" in words(app)
    assert "cannot be opened" in words(at_page("images", draft="nobody"))


def test_forty_sentences_and_words_of_any_script_are_shown(fill_workspace):
    text = "\u0645\u0631\u062d\u0628\u0627 \U0001f600 <b>x</b> sentence"
    many = tuple(DraftSentence("findings", f"{text} {n}", Status.UNSUPPORTED) for n in range(40))
    fill_workspace(replace(sample.draft(), sentences=many, omissions=()))
    app = opened()
    assert not app.exception
    assert words(app).count("Undecided") == 40
    assert f"{text} 39" in words(app)


def test_the_timeline_tells_every_act_with_its_words(fill_workspace):
    fill_workspace(sample.draft(), labelled=True)
    app = opened()
    button(app, "accept").click().run()
    button(app, "edit").click().run()
    app.text_area[0].set_value("The cardiac silhouette is normal.")
    button(app, "keep").click().run()
    text = words(at_page("timeline", draft=sample.DRAFT_ID))
    assert "The record is whole" in text
    assert text.index("Drafted radrag") < text.index("Accepted adams") < text.index("Edited adams")
    assert "mildly enlarged" in text


def test_the_timeline_says_when_the_record_was_changed_outside(fill_workspace, review_workspace):
    fill_workspace(sample.draft())
    button(opened(), "accept").click().run()
    with sqlite3.connect(review_workspace / "radrag.sqlite") as database:
        database.execute("UPDATE review_events SET who = 'someone'")
    assert "changed outside radrag" in words(at_page("timeline", draft=sample.DRAFT_ID))


def test_a_case_is_shown_whole_and_its_reading_is_on_record(fill_workspace, review_workspace):
    fill_workspace(sample.draft(), labelled=True)
    text = words(at_page("corpus", case="demo:1"))
    assert sample.NODULES in text
    assert "no Pleural Effusion" in text
    assert "no case" in words(at_page("corpus", case="demo:99")).lower()
    with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
        read = [entry for entry in store.audit_entries() if entry.what == "case.read"]
    assert [(entry.who, entry.payload["case_id"]) for entry in read] == [("adams", "demo:1")]


def test_sentences_that_state_a_finding_are_found(fill_workspace):
    fill_workspace(labelled=True)
    app = at_page("corpus")
    app.selectbox(key="label").set_value("Lung Opacity").run()
    assert not app.exception
    assert any("demo:1" in link.proto.label for link in app.get("page_link"))


def test_the_worklist_loads_no_torch_transformers_or_faiss(fill_workspace, review_workspace):
    from logged_in import token_of  # a plugin here: not to be imported before pytest does

    fill_workspace(sample.draft())
    script = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "import ui.people\n"
        f"ui.people.token = lambda: {token_of(review_workspace)!r}\n"
        f"app = AppTest.from_file({APP!r}, default_timeout=60).run()\n"
        "assert app.dataframe and not app.exception\n"
        "print(sorted({'torch', 'transformers', 'faiss', 'spacy', 'timm', 'pydicom'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={**os.environ}, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
