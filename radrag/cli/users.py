"""``radrag users``: who may open the review page, and what they may do there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.domain import Role
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.store.people_values import Account
    from radrag.store.repository import Store

ROLE = click.Choice([role.value for role in Role])
PASSWORD_STDIN = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input (one line) instead of asking."
)
NAME = click.argument("name")


@click.group()
def command() -> None:
    """Say who may open the review page, and what each may do there.

    Roles: reader (reviews and signs), trainee (reviews, cannot sign), auditor (reads only), admin.
    """


@command.command()
@NAME
@click.option("--full-name", default="", help="The person's name as it stands under reports.")
@click.option("--role", type=ROLE, default=Role.READER.value, show_default=True, help="What the person may do.")
@click.option(
    "--oidc", "subject", metavar="SUBJECT", default="", help="Who your OpenID provider says it is; then no password."
)
@PASSWORD_STDIN
@JSON_OPTION
@click.pass_obj
def add(
    settings: Settings, name: str, full_name: str, role: str, subject: str, password_stdin: bool, as_json: bool
) -> None:
    """Add an account NAME; its password is asked for twice.

    With --oidc the person logs in with your organisation's OpenID provider: SUBJECT is its `sub` for the person, or
    the e-mail address that it has verified.
    """
    from radrag.people import accounts

    accounts.checked_name(name)  # before anybody types a password twice
    password = "" if subject and not password_stdin else _password(password_stdin)
    with _opened(settings) as store:
        now = store.now()
        made = accounts.add(store, name, password, role=Role(role), full_name=full_name, subject=subject, now=now)
    if as_json:
        emit(_plain(made, now))
    say(f"Added {name} as {role}.")


@command.command("list")
@JSON_OPTION
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the accounts."""
    with _opened(settings) as store:
        now = store.now()
        rows = [_plain(account, now) for account in store.accounts()]
    if as_json:
        emit(rows)
    elif rows:
        names = ("name", "full_name", "role", "log_in", "state")
        click.echo(table([name.replace("_", " ") for name in names], [[row[name] for name in names] for row in rows]))
    else:
        say("There is no account yet. Make one: radrag users add NAME")


@command.command()
@NAME
@PASSWORD_STDIN
@click.pass_obj
def passwd(settings: Settings, name: str, password_stdin: bool) -> None:
    """Give NAME a new password; unlocks the account and ends its log-ins."""
    from radrag.people import accounts

    with _opened(settings) as store:
        store.known_account(name)  # before anybody types a password twice
        accounts.set_password(store, name, _password(password_stdin))
    say(f"The password of {name} is changed; whoever was logged in as {name} is logged out.")


@command.command("role")
@NAME
@click.argument("role", type=ROLE)
@click.pass_obj
def role_(settings: Settings, name: str, role: str) -> None:
    """Change what NAME may do; ends the log-ins of the account."""
    with _opened(settings) as store:
        store.set_role(name, Role(role))
    say(f"{name} is {role} now.")


@command.command()
@NAME
@click.argument("subject")
@click.pass_obj
def oidc(settings: Settings, name: str, subject: str) -> None:
    """Let NAME log in as SUBJECT of your OpenID provider; "" takes that back. Ends the account's log-ins."""
    with _opened(settings) as store:
        store.set_subject(name, subject)
    say(f"{name} may log in with your OpenID provider." if subject else f"{name} logs in by password alone.")


@command.command()
@NAME
@click.pass_obj
def disable(settings: Settings, name: str) -> None:
    """Close the account NAME and end its log-ins; what the person did stays."""
    with _opened(settings) as store:
        store.set_disabled(name, True)
    say(f"{name} is closed. Open it again with: radrag users enable {name}")


@command.command()
@NAME
@click.pass_obj
def enable(settings: Settings, name: str) -> None:
    """Open the account NAME again, also one that is locked after wrong passwords."""
    with _opened(settings) as store:
        store.set_disabled(name, False)
    say(f"{name} is open.")


@command.command()
@NAME
@click.pass_obj
def remove(settings: Settings, name: str) -> None:
    """Remove the account NAME if it never did anything; close others with `disable`."""
    with _opened(settings) as store:
        store.remove_account(name)
    say(f"{name} is removed.")


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    from radrag.store.repository import Store

    with Store.open(settings.url) as store:
        yield store


def at_terminal() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty()


def _password(from_stdin: bool) -> str:
    from radrag.people.passwords import checked

    if from_stdin:
        return checked(sys.stdin.readline().rstrip("\r\n"))
    if not at_terminal():
        raise UsageError(
            "There is no terminal to ask for the password.", hint="Give it on standard input with --password-stdin."
        )
    first = checked(str(click.prompt("Password", hide_input=True, err=True)))
    if click.prompt("Again", hide_input=True, err=True) != first:
        raise UsageError("The two passwords differ; nothing is changed.")
    return first


def _plain(account: Account, now: str) -> dict[str, Any]:
    state = "closed" if account.disabled else "locked" if account.locked(now) else "open"
    means = [word for word, has in (("password", account.has_password), ("openid", bool(account.subject))) if has]
    return {
        "name": account.name,
        "full_name": account.full_name,
        "role": account.role.value,
        "log_in": " and ".join(means),
        "state": state,
        "locked_until": account.locked_until if state == "locked" else "",
        "created_at": account.created_at,
    }
