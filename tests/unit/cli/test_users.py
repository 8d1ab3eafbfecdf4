"""``radrag users`` makes, changes and closes accounts, and never shows a password."""

import json

import click
import pytest
from click.testing import CliRunner

from radrag.cli import users
from radrag.domain import Role
from radrag.errors import StoreError, UsageError
from radrag.people import accounts
from radrag.settings import Settings
from radrag.store.repository import Store

PASSWORD = "nine green bottles hang"


@pytest.fixture
def settings(tmp_path):
    return Settings(workspace=tmp_path)


def call(settings, *arguments, password=None):
    return CliRunner().invoke(users.command, arguments, obj=settings, input=f"{password}\n" if password else None)


def done(settings, *arguments, password=None):
    result = call(settings, *arguments, password=password)
    assert result.exit_code == 0, result.exception
    return result


def added(settings, name="adams", *options):
    return done(settings, "add", name, "--password-stdin", *options, password=PASSWORD)


def test_an_account_is_made_and_listed(settings):
    result = added(settings, "adams", "--full-name", "Dr. A. Adams", "--role", "trainee", "--json")
    made = json.loads(result.stdout)
    assert (made["name"], made["full_name"], made["role"], made["state"]) == (
        "adams",
        "Dr. A. Adams",
        "trainee",
        "open",
    )
    assert PASSWORD not in result.output
    assert json.loads(done(settings, "list", "--json").stdout) == [made]
    assert "Dr. A. Adams  trainee  password  open" in done(settings, "list").stdout
    with Store.open(settings.url) as store:
        assert accounts.log_in(store, "adams", PASSWORD, now=store.now())


def test_an_empty_list_says_how_to_begin(settings):
    result = done(settings, "list")
    assert result.stdout == ""
    assert "radrag users add NAME" in result.stderr
    assert json.loads(done(settings, "list", "--json").stdout) == []


def test_a_short_password_changes_nothing(settings):
    result = call(settings, "add", "adams", "--password-stdin", password="too short")
    assert isinstance(result.exception, UsageError)
    assert "12 or more" in str(result.exception)
    assert json.loads(done(settings, "list", "--json").stdout) == []


def test_a_bad_name_is_said_before_anybody_types_a_password(settings):
    result = call(settings, "add", "Dr Adams")
    assert "account's name" in str(result.exception)


def test_without_a_terminal_the_other_way_is_named(settings):
    result = call(settings, "add", "adams")
    assert "--password-stdin" in str(result.exception)


def test_at_a_terminal_the_password_is_asked_for_twice_and_hidden(settings, monkeypatch):
    asked = []

    def prompt(text, **options):
        asked.append(options["hide_input"])
        return answers.pop(0)

    monkeypatch.setattr(users, "at_terminal", lambda: True)
    monkeypatch.setattr(click, "prompt", prompt)
    answers = [PASSWORD, PASSWORD + "x"]
    assert "differ" in str(call(settings, "add", "adams").exception)
    answers = [PASSWORD, PASSWORD]
    done(settings, "add", "adams")
    assert asked == [True] * 4


def test_a_password_is_no_argument(settings):
    for option in ("--password", "--password=x"):
        assert call(settings, "add", "adams", option, PASSWORD).exit_code == 2


def test_an_openid_account_needs_no_password(settings):
    made = json.loads(done(settings, "add", "adams", "--oidc", "sub-7", "--json").stdout)
    assert made["log_in"] == "openid"


def test_an_account_with_a_password_may_be_tied_to_the_provider_later(settings):
    added(settings)
    done(settings, "oidc", "adams", "sub-7")
    assert json.loads(done(settings, "list", "--json").stdout)[0]["log_in"] == "password and openid"
    done(settings, "oidc", "adams", "")
    assert json.loads(done(settings, "list", "--json").stdout)[0]["log_in"] == "password"


def test_a_new_password_replaces_the_old_one(settings):
    added(settings)
    done(settings, "passwd", "adams", "--password-stdin", password="ten green bottles stand")
    with Store.open(settings.url) as store:
        assert accounts.log_in(store, "adams", PASSWORD, now=store.now()) is None
        assert accounts.log_in(store, "adams", "ten green bottles stand", now=store.now())
        assert PASSWORD not in str(store.audit_entries())


def test_roles_change_and_accounts_close_and_open(settings):
    added(settings)
    done(settings, "role", "adams", "auditor")
    done(settings, "disable", "adams")
    (row,) = json.loads(done(settings, "list", "--json").stdout)
    assert (row["role"], row["state"]) == ("auditor", "closed")
    done(settings, "enable", "adams")
    (row,) = json.loads(done(settings, "list", "--json").stdout)
    assert row["state"] == "open"


def test_an_account_that_never_acted_can_be_removed(settings):
    added(settings)
    done(settings, "remove", "adams")
    assert json.loads(done(settings, "list", "--json").stdout) == []


@pytest.mark.parametrize(
    "arguments",
    [("passwd", "x"), ("oidc", "x", "y"), ("role", "x", "reader"), ("disable", "x"), ("enable", "x"), ("remove", "x")],
)
def test_unknown_names_are_said(settings, arguments):
    result = call(settings, *arguments)
    assert isinstance(result.exception, StoreError)
    assert "radrag users list" in str(result.exception)


def test_every_role_can_be_given(settings):
    for role in Role:
        added(settings, f"one-{role}", "--role", role.value)
