"""What a page shows depends on who is logged in, and it shows nothing once nobody is."""

import re
from pathlib import Path

import pytest
import review_sample as sample
from streamlit.testing.v1 import AppTest

import ui
from radrag.domain import Role
from radrag.store.canonical import utc_now
from radrag.store.people_values import IDLE_SECONDS, Account, after
from radrag.store.repository import Store
from ui import gate, people

pytest_plugins = ["review_fixtures", "logged_in"]

APP = str(Path(ui.__file__).with_name("app.py"))


def opened():
    return AppTest.from_file(APP, default_timeout=60).run()


def html(app):
    return " ".join(element.proto.body for element in app.get("html"))


@pytest.mark.parametrize("token", ["", "made up"])
def test_without_a_log_in_there_is_no_page_but_the_way_to_log_in(fill_workspace, monkeypatch, token):
    fill_workspace(sample.draft())
    monkeypatch.setattr(people, "token", lambda: token)  # AppTest has no cookies
    app = opened()
    assert not app.exception
    assert not app.dataframe
    assert re.search(r'<a href="/login\?over&amp;next=[^"]+" target="_self">Log in again</a>', html(app))
    assert sample.draft().study.patient_key[:8] not in html(app)


def test_with_a_log_in_the_page_says_whose_it_is(fill_workspace, logged_in):
    fill_workspace(sample.draft())
    logged_in()
    app = opened()
    assert not app.exception
    assert app.dataframe
    assert "Dr. A. Adams" in html(app)


@pytest.mark.parametrize("end", ["logout", "idle", "disabled"])
def test_a_page_that_is_open_goes_with_its_log_in(fill_workspace, review_workspace, logged_in, monkeypatch, end):
    fill_workspace(sample.draft())
    logged_in()
    app = opened()
    assert app.dataframe
    later = after(utc_now(), IDLE_SECONDS + 1)
    with Store.open(f"sqlite:///{review_workspace / 'radrag.sqlite'}") as store:
        if end == "logout":
            store.log_out_everywhere("adams")
        elif end == "disabled":
            store.set_disabled("adams", True)
        else:
            monkeypatch.setattr(gate, "now", lambda: later)
    app.run()
    assert not app.dataframe
    assert "Log in again" in html(app)


@pytest.mark.parametrize(
    ("role", "decides"),
    [(Role.READER, True), (Role.TRAINEE, True), (Role.AUDITOR, False), (Role.ADMIN, False)],
)
def test_readers_and_trainees_decide_and_the_others_read(role, decides):
    assert people.may_decide(Account("adams", "", role)) is decides
