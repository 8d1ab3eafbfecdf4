"""``radrag search``: cases like an image, a text, or both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.output import JSON_OPTION, emit
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.retrieval.query import Query
    from radrag.workspace import Workspace


@click.command()
@click.option("--image", type=click.Path(path_type=Path), help="DICOM, PNG or JPEG file, or a folder of one study.")
@click.option("--text", default="", help="Words, such as 'left pleural effusion'.")
@click.option("-k", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many cases.")
@click.option("--exclude-patient", default="", metavar="KEY", help="Patient key whose cases are left out.")
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, image: Path | None, text: str, k: int, exclude_patient: str, as_json: bool) -> None:
    """Find cases like an image, a text, or both; each hit says why it was found."""
    from radrag.export.draft_json import hit_to_dict
    from radrag.workspace import Workspace

    if image is None and not text.strip():
        raise UsageError("Nothing to search for.", hint="Give --image FILE, --text WORDS, or both.")
    workspace = Workspace(settings)
    hits = workspace.retriever.search(_query(workspace, image, text, exclude_patient), k)
    cases = workspace.store.cases([hit.case_id for hit in hits])
    if as_json:
        emit([hit_to_dict(hit) for hit in hits])
        return
    for hit in hits:
        sections = cases[hit.case_id].sections
        click.echo(f"{hit.rank:3d}. {click.style(hit.case_id, bold=True)}  {hit.score:.4f}  {hit.why}")
        click.echo(f"     {sections.get('impression') or sections.get('findings', '')}")


def _query(workspace: Workspace, image: Path | None, text: str, exclude_patient: str) -> Query:
    """Put together what was asked for."""
    from dataclasses import replace

    from radrag.retrieval.query import joined, query_from_image, query_from_text

    query = query_from_text(text, workspace.labeler.label_text(text))
    if image is not None:
        from radrag.cli.inputs import read_one_study
        from radrag.drafting import look

        study = read_one_study(image, salt=workspace.settings.salt())
        seen = look(workspace.image_encoder, study)
        looked = query_from_image(
            seen.findings,
            indication=study.study.indication,
            exclude_patient=study.study.patient_key,
            vector=seen.vector_for(workspace.retriever.manifest),
        )
        query = joined(looked, query) if text.strip() else looked
    return replace(query, exclude_patient=exclude_patient) if exclude_patient else query
