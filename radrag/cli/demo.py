"""``radrag demo``: the sample radiograph to a draft with evidence, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radrag.cli.corpus_add import add_iu_reports
from radrag.cli.draft import show
from radrag.cli.index import build_index
from radrag.cli.inputs import read_one_study
from radrag.cli.output import JSON_OPTION, say
from radrag.errors import BadIndex, MissingDependency
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.domain import Draft
    from radrag.workspace import Workspace

SAMPLE = "RG1_UNCR.dcm"
VOLATILE = "created_at"


@click.command()
@click.option("--links", default=1, show_default=True, help="Evidence sentences shown under each sentence.")
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, links: int, as_json: bool) -> None:
    """Draft the sample chest radiograph of pydicom-data, offline, and show the evidence.

    The first run reads, labels and indexes the Indiana University reports into the workspace; later runs only draft.
    """
    from radrag.workspace import Workspace

    workspace = Workspace(settings)
    say(f"Workspace: {settings.workspace}")
    prepare(workspace)
    draft = keep(workspace, workspace.drafter.draft(read_one_study(sample_radiograph(), salt=settings.salt())))
    show(draft, as_json=as_json, links=links)
    say("See it beside the image with: radrag review")


def prepare(workspace: Workspace) -> None:
    """Make sure that the workspace has the IU reports and an index of what it holds."""
    from radrag.corpus.snapshot import current_index, encoder_identity
    from radrag.index.manifest import read_manifest
    from radrag.reports.vocabulary import NAMES

    store = workspace.store
    if not any(corpus.name == "iu-xray" and corpus.cases and corpus.finished_at for corpus in store.corpora()):
        add_iu_reports(workspace)
    try:
        manifest = read_manifest(current_index(workspace.settings.indexes))
        manifest.require(text_encoder=encoder_identity(workspace.text_encoder), labels=NAMES)
        usable = manifest.corpus_sha256 == store.corpus_fingerprint()
    except BadIndex:
        usable = False
    if not usable:
        build_index(workspace)


def sample_radiograph() -> Path:
    """Return the path of the sample file in the installed pydicom-data.

    Raises:
        MissingDependency: pydicom-data is not installed.
    """
    from pydicom.data import get_testdata_file

    path = get_testdata_file(SAMPLE, download=False)
    if path is None:
        raise MissingDependency("The sample radiograph is not here.", hint="Install it with: pip install pydicom-data")
    return Path(str(path))


def keep(workspace: Workspace, draft: Draft) -> Draft:
    """Save the draft; return the one kept before when it says the same, so that repeated demos add nothing."""
    from dataclasses import replace

    store = workspace.store
    for summary in store.drafts(study_instance_uid=draft.study.study_instance_uid):
        earlier = store.draft(summary.draft_id)
        same_time = {**draft.provenance, VOLATILE: earlier.provenance.get(VOLATILE)}
        if replace(draft, draft_id=earlier.draft_id, provenance=same_time) == earlier:
            return earlier
    store.save_draft(draft)
    return draft
