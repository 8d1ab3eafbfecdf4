"""``radrag audit``: whether the records are as they were written, and whether the numbers can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from radrag.cli.audit_hubs import hubs
from radrag.cli.audit_leakage import leakage
from radrag.cli.audit_provenance import provenance
from radrag.cli.output import JSON_OPTION, emit
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.store.values import AuditEntry


@click.group()
def command() -> None:
    """Look into how drafts and reviews came about, and into what stands behind the scores."""


command.add_command(leakage)
command.add_command(hubs)
command.add_command(provenance)


@command.command("chain")
@click.option(
    "--head",
    metavar="POSITION:HASH",
    help="Position and hash of the last entry as you noted them earlier: shows whether entries were cut off since.",
)
@JSON_OPTION
@click.pass_obj
def chain(settings: Settings, head: str | None, as_json: bool) -> int:
    """Check the audit log's hash chain, and every act of a reader against it.

    Prints the position and hash of the last entry: note them elsewhere, since a log cut off at its end is a whole log
    too. The exit code is 1 when anything was changed outside radrag.
    """
    from radrag.workspace import Workspace

    store = Workspace(settings).store
    broken, altered = store.verify_audit_log(), store.altered_review_events()
    position, digest = store.audit_head()
    cut = head is not None and not _holds(store.audit_entries, head)
    if as_json:
        emit(
            {
                "schema": "radrag.audit_chain/1",
                "entries": position,
                "head": f"{position}:{digest}",
                "broken": broken,
                "altered_reviews": [{"draft_id": draft_id, "version": version} for draft_id, version in altered],
                "head_found": None if head is None else not cut,
            }
        )
    else:
        for entry in broken:
            click.echo(f"Entry {entry} is missing, or not as it was written.")
        for draft_id, version in altered:
            click.echo(f"Act {version} on draft {draft_id} is missing, or not as it was recorded.")
        if cut:
            click.echo("The entry that you noted is not in the log any more.")
        if not (broken or altered or cut):
            click.echo(f"The audit log is whole: {position:,} entries.")
        click.echo(f"Last entry: {position}:{digest}")
    return 1 if broken or altered or cut else 0


def _holds(entries: Callable[..., Sequence[AuditEntry]], head: str) -> bool:
    """Whether the log holds an entry of a position with a hash."""
    position, _, digest = head.partition(":")
    if not position.isdigit() or not digest:
        raise UsageError("--head is not POSITION:HASH.", hint="Give the line that radrag audit chain printed.")
    if int(position) == 0:
        return True
    found = entries(after=int(position) - 1, limit=1)
    return bool(found) and (found[0].position, found[0].hash) == (int(position), digest)
