"""What ``radrag doctor`` says of the exchange with others: what waits or is parked, and what was kept apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from radrag.errors import RadragError

if TYPE_CHECKING:
    from radrag.exchange.destinations import Destination
    from radrag.store.outbox_values import Backlog
    from radrag.workspace import Workspace

Line = tuple[str, str, str, str]
"""Name, state (ok, missing, broken), detail, the line that mends it: fields of :class:`radrag.cli.doctor.Check`."""


def diagnose_exchange(workspace: Workspace) -> Iterator[Line]:
    """Yield a line for each destination, and one each for what the listener kept apart and refused."""
    yield from _outgoing(workspace)
    yield from _incoming(workspace)


def _outgoing(workspace: Workspace) -> Iterator[Line]:
    from radrag.exchange.destinations import read_destinations

    known: dict[str, Destination] = {}
    try:
        known = read_destinations(workspace.settings.destinations)
    except RadragError as error:
        yield "destinations", "broken", str(error), ""
    try:
        backlogs = {one.destination: one for one in workspace.store.backlogs()}
    except RadragError:  # the check of the database says so
        return
    for name in dict.fromkeys([*known, *backlogs]):
        where = f"destination {name}"
        backlog, destination = backlogs.get(name), known.get(name)
        if destination is None and (backlog is None or not backlog.undelivered):
            continue  # it was taken out of the settings when it had everything
        state, mend = _judged(backlog, configured=destination is not None, name=name)
        detail = f"{destination.kind}: {_told(backlog)}" if destination else f"not configured: {_told(backlog)}"
        yield where, state, detail, mend


def _judged(backlog: Backlog | None, *, configured: bool, name: str) -> tuple[str, str]:
    from radrag.store.outbox_values import MessageState

    if not configured:
        return "broken", f"add [destinations.{name}] to radrag.toml: docs/exchange.md"
    if backlog is None:
        return "ok", ""
    if backlog.counts[MessageState.PARKED]:
        return "broken", "radrag send --status; when mended: radrag send --retry all && radrag send --pending"
    if backlog.open:
        return "missing", "radrag send --pending, or keep running: radrag send --watch"
    return "ok", ""


def _told(backlog: Backlog | None) -> str:
    if backlog is None:
        return "nothing sent yet"
    said = [f"{count:,} {state}" for state, count in backlog.counts.items() if count]
    if backlog.oldest:
        said.append(f"the oldest for {_age(backlog.oldest)}")
    reasons = ", ".join(f"{code} {count}" for code, count in backlog.reasons.items())
    return ", ".join(said) + (f" ({reasons})" if reasons else "")


def _age(since: str) -> str:
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(since)).total_seconds()))
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def _incoming(workspace: Workspace) -> Iterator[Line]:
    folder = workspace.settings.workspace / "quarantine"
    if not folder.is_dir():  # nothing was ever received
        return
    from radrag.exchange.ledger import refusals_of

    apart = sum(1 for _ in (folder / "conflicts").glob("*.dcm"))
    if apart:
        yield (
            "images in conflict",
            "broken",
            f"{apart:,} with the SOP Instance UID of another image that is here",
            f"look at {folder / 'conflicts'}: radrag draft FILE shows what it is; then delete or move it away",
        )
    refused = refusals_of(folder / "arrivals.sqlite")
    if refused:
        said = ", ".join(f"{code} {count:,}" for code, count, _ in refused)
        last = max(at for *_, at in refused)
        yield "images refused", "ok", f"{said}; the last {_age(datetime.fromtimestamp(last, UTC).isoformat())} ago", ""
