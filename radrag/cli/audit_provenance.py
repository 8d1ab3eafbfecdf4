"""``radrag audit provenance``: where a draft comes from, and whether it comes out the same again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import JSON_OPTION, emit, table
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.audit.provenance import Provenance


@click.command()
@click.argument("draft_id", metavar="DRAFT")
@click.option(
    "--images",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="Where the study's image files are now, if they were moved.",
)
@click.option("--replay", is_flag=True, help="Take a local model's answers from the record instead of asking it again.")
@click.option("--links", default=3, show_default=True, help="Evidence sentences shown under each sentence.")
@click.option("--transcripts", is_flag=True, help="Print what a model was given and answered, and nothing else.")
@JSON_OPTION
@click.pass_obj
def provenance(
    settings: Settings,
    draft_id: str,
    files: tuple[Path, ...],
    replay: bool,
    links: int,
    transcripts: bool,
    as_json: bool,
) -> int:
    """Follow each sentence of DRAFT back to its evidence, and make the draft again.

    Each stage is done again on what the record says of the one before: pixels, findings, hits, prompt, sentences,
    remarks. A model on a server is not asked again; its recorded answers are used.

    The exit code is 0 when everything comes out the same, 1 when something differs or could not be compared.
    """
    from radrag.audit.provenance import provenance as follow
    from radrag.audit.replaying import exchanges
    from radrag.audit.stages import Outcome
    from radrag.workspace import Workspace

    workspace = Workspace(settings)
    if transcripts:
        _show_transcripts(exchanges(workspace, workspace.store.draft(draft_id)), as_json=as_json)
        return 0
    result = follow(workspace, draft_id, files=files, replay=replay)
    if as_json:
        emit(result.as_dict())
    else:
        click.echo(provenance_report(result, links=links))
    return 0 if result.outcome is Outcome.SAME else 1


def _show_transcripts(pairs: list[tuple[str, str]], *, as_json: bool) -> None:
    if as_json:
        emit([{"prompt": prompt, "output": output} for prompt, output in pairs])
        return
    if not pairs:
        click.echo("No model was asked for this draft, or what it was given is not held any more.")
    for number, (prompt, output) in enumerate(pairs, start=1):
        click.echo(f"--- given, {number} ---\n{prompt}\n--- answered, {number} ---\n{output}")


def provenance_report(result: Provenance, *, links: int = 3) -> str:
    """Return the trail as text: stages, parts, sentences with their evidence, acts."""
    from radrag.audit.provenance import section

    shown = section(result)
    tables = {one.name: one for one in shown.tables}
    parts = [shown.summary, *(table(tables[name].columns, tables[name].rows) for name in ("stages", "parts", "hashes"))]
    for sentence in result.sentences:
        lines = [
            f"{sentence.number}. [{sentence.section}] {sentence.text}",
            f"   {sentence.status}; {sentence.decision}",
        ]
        if sentence.reason:
            lines[-1] += f" ({sentence.reason})"
        if sentence.stands_as not in ("", sentence.text):
            lines.append(f"   stands as: {sentence.stands_as}")
        for label, (probability, threshold) in sentence.image.items():
            lines.append(f"   image: {label} {probability:.2f}, threshold {threshold:.2f}")
        for link in sentence.links[:links]:
            rank = "" if link.rank is None else f", rank {link.rank}"
            channels = "".join(f", {name} {place}" for name, (place, _) in link.channels.items())
            lines.append(
                f"   {link.relation} {link.strength:.2f}: {link.case_id} {link.section} {link.start}–{link.end} "
                f"“{link.quote}” (found for {link.found_for}{rank}{channels}; now: {link.standing.value})"
            )
        if len(sentence.links) > links:
            lines.append(f"   and {len(sentence.links) - links} more; --json has all")
        parts.append("\n".join(lines))
    if result.acts:
        parts.append(
            table(
                tables["acts"].columns,
                [tuple("" if cell is None else cell for cell in row) for row in tables["acts"].rows],
            )
        )
    parts += [
        f"Signed, version {one.version}: {one.name} ({one.who}), {one.at}, {one.state.value}"
        for one in result.signatures
    ]
    return "\n\n".join(parts)
