"""The screen says where a report went and why not, and sends what is signed."""

import pytest
from export_support import SALT
from outbox_support import DRAFT, a_message, closed_port, workspace_of
from streamlit.testing.v1 import AppTest

from radrag.domain import Role
from radrag.store.outbox_values import MessageState
from ui.sending import messages_list

SCRIPT = f"""
from radrag.domain import Role
from radrag.review.decisions import replay
from radrag.store.people_values import Account
from ui import sending, state
import streamlit as st

draft = state.store().draft("{DRAFT}")
review = replay(draft, state.store().review_events("{DRAFT}"))
sending.show(draft, review, Account("berg", "Dr. Berg", Role(st.query_params.get("role", "reader"))))
"""


@pytest.fixture
def screen(tmp_path, monkeypatch):
    """Open the card of a draft, with a folder "share" and, where asked for, a receiver "ris" that is away."""

    def opened(*, signed=True, away=False, role=Role.READER):
        made = workspace_of(tmp_path, signed=signed)
        (tmp_path / "share").mkdir(exist_ok=True)
        tables = f'[destinations.share]\nkind = "folder"\npath = "{tmp_path / "share"}"\nforms = ["text"]\n'
        if away:
            tables += f'[destinations.ris]\nkind = "mllp"\naddress = "127.0.0.1:{closed_port()}"\n'
        (made.settings.workspace / "radrag.toml").write_text(tables)
        monkeypatch.setenv("RADRAG_WORKSPACE", str(made.settings.workspace))
        monkeypatch.setenv("RADRAG_PATIENT_SALT", SALT)
        app = AppTest.from_string(SCRIPT, default_timeout=60)
        app.query_params["role"] = role.value
        return made.store, app.run()

    return opened


def html(app):
    assert not app.exception
    return " ".join(element.proto.body for element in app.get("html"))


def press(app, key):
    return app.button(key=key).click().run()


def test_a_signed_report_goes_where_the_reader_sends_it(screen, tmp_path):
    store, app = screen()
    assert app.button(key="send-now").disabled
    app.button_group(key="send-to").set_value(["share"]).run()
    press(app, "send-now")
    assert "<b>share</b> Plain text, version 5: Delivered" in html(app)
    assert len(list((tmp_path / "share").iterdir())) == 1
    assert [one.asked_by for one in store.messages()] == ["berg"]
    store.close()


def test_what_waits_says_why_and_can_be_tried_again(screen):
    store, app = screen(away=True)
    app.button_group(key="send-to").set_value(["ris"]).run()
    press(app, "send-now")
    assert "HL7 v2, version 5: Waiting. The receiver cannot be reached. <code>unreachable</code>" in html(app)
    press(app, "send-again")
    assert [(one.state, one.attempts) for one in store.messages()] == [(MessageState.WAITING, 2)]
    store.close()


@pytest.mark.parametrize(("signed", "role"), [(False, Role.READER), (True, Role.TRAINEE), (True, Role.AUDITOR)])
def test_nobody_sends_what_is_not_signed_and_none_but_readers_send(screen, signed, role):
    store, app = screen(signed=signed, role=role)
    assert not app.button and not app.button_group
    assert ("Once the report is signed" in html(app)) is not signed
    store.close()


def test_nothing_that_a_receiver_is_called_becomes_markup():
    shown = messages_list(
        [a_message(destination="<b>x", state=MessageState.PARKED, error="<i>no", error_code="http_422")]
    )
    assert "<b>x" not in shown.replace("<b>&lt;b&gt;x</b>", "") and "<i>" not in shown
    assert "Refused. &lt;i&gt;no <code>http_422</code>" in shown
