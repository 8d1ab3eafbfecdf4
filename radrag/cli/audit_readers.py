"""``radrag audit readers``: what readers do with drafts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from radrag.cli.audit_text import section_text
from radrag.cli.output import JSON_OPTION, emit, progress
from radrag.cli.users import PASSWORD_STDIN, at_terminal
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.reviewed import Reviewed
    from radrag.store.repository import Store

BY_READER = click.option("--by-reader", is_flag=True, help="Also by named reader; needs --as, and is put on record.")
AUDITOR = click.option("--as", "auditor", metavar="NAME", help="Account with the role auditor that asks for names.")


@click.command()
@BY_READER
@AUDITOR
@PASSWORD_STDIN
@JSON_OPTION
@click.pass_obj
def readers(settings: Settings, by_reader: bool, auditor: str | None, password_stdin: bool, as_json: bool) -> None:
    """Count what readers keep, change and reject, how long it takes, and signs of trusting drafts too much.

    Nobody is named, unless an auditor asks for it with --by-reader --as NAME: the account's password is asked for, and
    the asking is written to the audit log.
    """
    from radrag.audit.readers import section
    from radrag.workspace import Workspace

    if by_reader and not auditor:
        raise UsageError("--by-reader names people.", hint="Say with --as which auditor's account asks.")
    store = Workspace(settings).store
    if by_reader and auditor:
        let_auditor_ask(store, auditor, password_stdin)
    found = section(all_reviewed(store), by_reader=by_reader)
    if as_json:
        emit(found.as_dict())
    else:
        click.echo(section_text(found))


def all_reviewed(store: Store) -> list[Reviewed]:
    """Return every draft that a reader acted on, with a progress bar over all drafts."""
    from radrag.audit.reviewed import reviewed_drafts

    with progress("Reading reviews") as advance:
        found = []
        for one in reviewed_drafts(store):
            found.append(one)
            advance(1)
    return found


def let_auditor_ask(store: Store, name: str, password_stdin: bool) -> None:
    """Put on record that an auditor asks for names, once the account's password is given.

    Raises:
        UsageError: the password does not fit, or the account is closed.
        ReviewError: the account is no auditor's.
    """
    from radrag.audit.asking import ask_for_names
    from radrag.people import accounts

    passed = accounts.log_in(store, name, _password(password_stdin), now=store.now(), origin=store.origin)
    if passed is None:
        raise UsageError(accounts.REFUSED)
    try:
        ask_for_names(store, store.known_account(passed.login.account), means="command line")
    finally:
        accounts.log_out(store, passed.token, origin=store.origin)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not at_terminal():
        raise UsageError(
            "There is no terminal to ask for the password.", hint="Give it on standard input with --password-stdin."
        )
    return str(click.prompt("Password", hide_input=True, err=True))
