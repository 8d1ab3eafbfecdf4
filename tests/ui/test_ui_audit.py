"""The audit page: the same sections as the command's, names for auditors only, and what is missing is said."""

import json
import re
import sqlite3
from html import unescape

import pytest
import review_sample as sample
from streamlit.testing.v1 import AppTest

from radrag.audit.document import SAVED, Document, Made, Missing
from radrag.audit.sections import Plot, PlotKind, Section, Series, Table
from radrag.domain import Role
from radrag.review.values import Act
from radrag.store.canonical import utc_now
from radrag.store.repository import Store
from radrag.store.values import ReviewEvent

pytest_plugins = ["review_fixtures", "logged_in"]

HUBS = Section(
    "hubs",
    "Hubs and coverage",
    "Are some cases found for everything?",
    "Ten queries.",
    (Table("most", "Most often found", ("case", "queries", "share"), (("c:1", 3, 0.3), ("c:2", None, None))),),
    (Plot("p", "Cases found", PlotKind.BAR, "x", "y", (Series("s", ("a",), (1.0,)),)),),
    ("Few cases take most <results>.",),
)


@pytest.fixture
def reviewed(fill_workspace, review_workspace):
    """A workspace with the sample draft, of which a trainee named miller rejected a sentence."""
    fill_workspace(sample.draft())
    with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
        rejected = {"item": "d0", "reason": "not_seen"}
        event = ReviewEvent(1, utc_now(), "miller", Role.TRAINEE, Act.REJECT, rejected)
        store.add_review_event(sample.DRAFT_ID, event, status="preliminary")
    return review_workspace


def shown(**address):
    app = AppTest.from_string(
        "import streamlit as st\nst.cache_data.clear()\nfrom ui import audit\naudit.page()", default_timeout=60
    )
    app.query_params.update(address)
    return app.run()


def words(app):
    html = " ".join(element.proto.body for element in app.get("html"))
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html)))


def save(workspace, *missing):
    made = Made("2026-01-02T03:04:05.000000+00:00", "9.9", "radrag audit report")
    path = workspace / SAVED
    path.parent.mkdir()
    path.write_text(Document(made, (HUBS,), missing).as_json())


def test_the_record_is_checked_live_and_a_missing_report_is_said(reviewed, logged_in):
    logged_in()
    app = shown()
    assert not app.exception
    assert "The record is as it was written." in words(app)
    assert "No report was saved yet" in words(app)
    assert "entries" in app.dataframe[0].value["what"].tolist()


def test_readers_are_counted_without_names_for_readers(reviewed, logged_in):
    logged_in()
    app = shown(section="Readers")
    assert not app.exception
    assert "1 drafts on which 1 reader acted" in words(app)
    assert app.dataframe[0].value.set_index("status").loc["supported", "rejected"] == 1.0
    assert not app.toggle
    assert all("miller" not in frame.value.to_csv() for frame in app.dataframe)


def test_an_auditor_may_ask_for_names_and_each_asking_is_on_record(reviewed, logged_in):
    logged_in("noor", Role.AUDITOR)
    app = shown(section="Readers")
    assert all("miller" not in frame.value.to_csv() for frame in app.dataframe)
    app.toggle[0].set_value(True).run()
    assert not app.exception
    assert app.dataframe[-1].value["reader"].tolist() == ["miller"]
    app.toggle[0].set_value(False).run()
    app.toggle[0].set_value(True).run()
    with Store.open(f"sqlite:///{reviewed / 'radrag.sqlite'}") as store:
        asked = [entry.who for entry in store.audit_entries() if entry.what == "audit.readers_named"]
    assert asked == ["noor", "noor"]


def test_the_saved_report_is_shown_with_its_date_flags_and_gaps(reviewed, logged_in):
    logged_in()
    save(reviewed, Missing("leakage", "Leakage", "It needs <queries>."))
    app = shown(section="Hubs and coverage")
    assert not app.exception
    assert "2026-01-02 03:04 UTC" in words(app)
    assert "Hubs and coverage Few cases take most <results>." in words(app)
    assert "Leakage is not in the saved report It needs <queries>." in words(app)
    assert app.dataframe[0].value["queries"].tolist()[0] == 3
    assert any("data:image/svg+xml" in element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("text", ["no report", json.dumps({"schema": "radrag.audit_report/0"})])
def test_a_report_that_cannot_be_read_is_said_and_hides_no_record(reviewed, logged_in, text):
    logged_in()
    save(reviewed)
    (reviewed / SAVED).write_text(text)
    app = shown()
    assert not app.exception
    assert "The saved report cannot be shown" in words(app)
    assert "Make it again" in words(app)
    assert "The record is as it was written." in words(app)


def test_a_record_that_was_changed_shows_what_was(reviewed, logged_in):
    logged_in()
    with sqlite3.connect(reviewed / "radrag.sqlite") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE review_events SET payload = '{}'")
    app = shown()
    assert not app.exception
    assert "Act 1 on draft" in words(app)
    assert "Readers cannot be counted" in words(app)
