"""``radrag audit chain``: whether the record is as it was written."""

from __future__ import annotations

import click

from radrag.cli.output import JSON_OPTION, emit
from radrag.settings import Settings


@click.command()
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
    from radrag.audit.chain import check_chain
    from radrag.workspace import Workspace

    found = check_chain(Workspace(settings).store, head)
    if as_json:
        emit(found.as_dict())
    else:
        for message in found.messages() or [f"The audit log is whole: {found.position:,} entries."]:
            click.echo(message)
        click.echo(f"Last entry: {found.head}")
    return 0 if found.whole else 1
