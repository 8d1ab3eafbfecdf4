"""``radrag send``: signed reports to the systems of the hospital, through an outbox that loses nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, progress, say, table
from radrag.cli.signals import handled_by
from radrag.errors import RadragError, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.exchange.courier import Courier
    from radrag.exchange.destinations import Destination
    from radrag.exchange.values import Told
    from radrag.store.outbox_values import Message
    from radrag.store.repository import Store
    from radrag.workspace import Workspace

NEWEST = 200
"""Messages that are listed of all drafts, beside those that are not delivered."""


@click.command()
@click.argument("drafts", metavar="[DRAFT]...", nargs=-1)
@click.option("--to", "names", metavar="LIST", help="Destinations of radrag.toml, parted by commas.")
@click.option("--format", "formats", metavar="LIST", help="Forms, parted by commas  [default: each destination's own]")
@click.option("--preliminary", is_flag=True, help="Send what nobody signed too; it says so in every form.")
@click.option("--pending", is_flag=True, help="Try once what waits in the outbox.")
@click.option("--watch", is_flag=True, help="Keep delivering, until stopped.")
@click.option("--status", is_flag=True, help="List the messages of DRAFT...; of all: undelivered and newest.")
@click.option("--retry", metavar="ID|all", help="Let messages that failed be tried at once.")
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, /, **given: Any) -> int:
    """Send the reports of DRAFT... to destinations, or look after the outbox.

    Destinations are tables of radrag.toml; see docs/exchange.md. A report is queued, then sent: what cannot be
    delivered now waits in the outbox for --pending or --watch, and what a destination refuses is parked with its
    reason. Each version of a report goes to a destination once in each form. Nothing leaves as final that no named
    reader has signed. Exit code 1 of --to and --pending: something is not delivered.
    """
    drafts: tuple[str, ...] = given["drafts"]
    asked = [name for name in ("names", "pending", "watch", "status", "retry") if given[name]]
    if len(asked) != 1:
        raise UsageError("Give one of --to, --pending, --watch, --status and --retry.", hint="See: radrag send --help")
    if asked[0] not in ("names", "status") and drafts:
        raise UsageError(f"--{asked[0]} takes no drafts.")
    if asked[0] == "names" and not drafts:
        raise UsageError("No draft is given.", hint="For example: radrag send DRAFT --to pacs")
    if asked[0] != "names" and (given["formats"] or given["preliminary"]):
        raise UsageError("--format and --preliminary go with --to.")

    from radrag.exchange.destinations import read_destinations
    from radrag.workspace import Workspace

    destinations = read_destinations(settings.destinations)
    workspace, as_json = Workspace(settings), bool(given["as_json"])
    if asked[0] == "names":
        return _send(workspace, destinations, given)
    if asked[0] == "status":
        return _status(workspace, destinations, drafts, as_json=as_json)
    if asked[0] == "retry":
        return _retry(workspace, given["retry"], as_json=as_json)
    if not destinations:
        raise UsageError("No destination is configured.", hint="See docs/exchange.md.")
    if asked[0] == "watch":
        return _watch(workspace, destinations, as_json=as_json)
    return _pending(workspace, destinations, as_json=as_json)


def _send(workspace: Workspace, destinations: dict[str, Destination], given: dict[str, Any]) -> int:
    from radrag.exchange.destinations import choose
    from radrag.exchange.queueing import queue_report

    chosen = choose(destinations, _listed(given["names"]))
    forms = _forms(given["formats"])
    queued: list[Message] = []
    failed: list[dict[str, str]] = []

    def note(draft_id: str, form: str, error: RadragError) -> None:
        failed.append({"draft_id": draft_id, "form": form, "code": error.code, "message": str(error)})
        say(f"{draft_id}{f' {form}' if form else ''}: {error}")

    for draft_id in dict.fromkeys(given["drafts"]):
        try:
            done = queue_report(workspace, draft_id, chosen, forms=forms, preliminary=given["preliminary"])
        except UsageError:
            raise
        except RadragError as error:  # one draft of several; the others go
            note(draft_id, "", error)
            continue
        queued += done.messages
        for form, why in done.failed:
            note(draft_id, form, why)
    ids = [message.id for message in queued]
    with progress("Sending", len(ids)) as advance, _courier(workspace, chosen, advance) as courier:
        courier.run_once(ids)
    after = workspace.store.messages(ids=ids)
    _show(after, failed, as_json=given["as_json"])
    return 1 if failed or any(message.state != "delivered" for message in after) else 0


def _pending(workspace: Workspace, destinations: dict[str, Destination], *, as_json: bool) -> int:
    store = workspace.store
    tried: set[int] = set()
    with (
        progress("Sending", sum(one.open for one in store.backlogs())) as advance,
        _courier(workspace, list(destinations.values()), advance, tried) as courier,
    ):
        courier.run_once()
    left = _undelivered(store)
    _show(_in_order(store.messages(ids=sorted(tried)[-NEWEST:]), left), [], as_json=as_json)
    return 1 if left else 0


def _watch(workspace: Workspace, destinations: dict[str, Destination], *, as_json: bool) -> int:
    from radrag.exchange.courier import Courier

    courier = Courier(workspace.store, list(destinations.values()), tell=_tell_json if as_json else _tell)
    say(f"Delivering to {', '.join(destinations)}; stop with Ctrl-C.")
    with handled_by(lambda _: courier.stop()):
        courier.run()
    return 0


def _status(workspace: Workspace, destinations: dict[str, Destination], drafts: Sequence[str], *, as_json: bool) -> int:
    store = workspace.store
    found = [message for draft_id in dict.fromkeys(drafts) for message in store.messages(draft_id)]
    if not drafts:
        found = _in_order(store.messages(limit=NEWEST), _undelivered(store))
    _show(found, [], as_json=as_json)
    for backlog in store.backlogs():
        if backlog.open and backlog.destination not in destinations:
            say(f"{backlog.destination}: {backlog.open} message(s) wait for a destination that is not configured here.")
    return 0


def _undelivered(store: Store) -> list[Message]:
    from radrag.store.outbox_values import MessageState

    return store.messages(states=set(MessageState) - {MessageState.DELIVERED})


def _in_order(*lists: Sequence[Message]) -> list[Message]:
    """Return the messages of several lists, each once, oldest first."""
    found = {message.id: message for messages in lists for message in messages}
    return [found[one] for one in sorted(found)]


def _retry(workspace: Workspace, wanted: str, *, as_json: bool) -> int:
    ids = None
    if wanted != "all":
        if not all(re.fullmatch("[0-9]{1,9}", one) for one in _listed(wanted)):
            raise UsageError("--retry takes ids of messages, or all.", hint="radrag send --status lists them.")
        ids = [int(one) for one in _listed(wanted)]
    again = workspace.store.retry_messages(ids)
    if as_json:
        emit({"retried": again})
    left = sorted(set(ids or ()) - set(again))
    if left:
        say(f"Not tried again: {', '.join(map(str, left))}. They did not fail, or their report has gone since.")
    say(f"{len(again)} message(s) will be tried again by: radrag send --pending")
    return 1 if left else 0


@contextmanager
def _courier(
    workspace: Workspace, destinations: Sequence[Destination], advance: Any, tried: set[int] | None = None
) -> Iterator[Courier]:
    """Yield what delivers, which advances a progress bar and stops in order when told to."""
    from radrag.exchange.courier import Courier

    def tell(told: Told) -> None:
        advance(1)
        if tried is not None:
            tried.add(told.message_id)

    courier = Courier(workspace.store, destinations, tell=tell)
    with handled_by(lambda _: courier.stop()):
        yield courier


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _forms(formats: str | None) -> list[str]:
    from radrag.exchange.destinations import FORMS

    forms = _listed(formats or "")
    unknown = [form for form in forms if form not in FORMS]
    if unknown or (formats is not None and not forms):
        raise UsageError(f"--format: {', '.join(unknown) or 'nothing'} is no form.", hint=f"Forms: {', '.join(FORMS)}.")
    return forms


def _show(messages: Sequence[Message], failed: Sequence[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        emit({"messages": [_record(message) for message in messages], "failed": list(failed)})
        return
    if messages:
        header = ("id", "draft", "version", "form", "destination", "state", "tries", "answer or reason")
        rows = [
            (one.id, one.draft_id, one.version, one.form, one.destination, one.state, one.attempts, _said(one))
            for one in messages
        ]
        click.echo(table(header, rows, right=(0, 2, 6)))
    else:
        say("No messages.")


def _said(message: Message) -> str:
    answer = " ".join(f"{name} {value}" for name, value in message.acknowledgement.items() if name != "sha256")
    return answer or (f"{message.error_code}: {message.error}" if message.error_code else "")


def _record(message: Message) -> dict[str, Any]:
    """Return what of a message is of use outside; leases are not."""
    kept = asdict(message)
    return {name: value for name, value in kept.items() if name not in ("worker", "lease_until")}


def _tell_json(told: Told) -> None:
    from radrag.store.canonical import utc_now

    click.echo(json.dumps({"at": utc_now()} | told.record(), ensure_ascii=False))


def _tell(told: Told) -> None:
    named = f" message {told.message_id}" if told.message_id else ""
    why = f" ({told.code}) {told.message}" if told.code else ""
    say(f"{told.peer}:{named} {told.kind}{why}")
