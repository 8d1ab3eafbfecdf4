"""``radrag audit``: whether the records are as they were written, and whether the numbers can be trusted."""

from __future__ import annotations

import click

from radrag.cli.audit_calibration import calibration
from radrag.cli.audit_chain import chain
from radrag.cli.audit_hubs import hubs
from radrag.cli.audit_leakage import leakage
from radrag.cli.audit_messages import messages
from radrag.cli.audit_provenance import provenance
from radrag.cli.audit_readers import readers
from radrag.cli.audit_report import report
from radrag.cli.audit_retrieval import retrieval
from radrag.cli.audit_subgroups import subgroups


@click.group()
def command() -> None:
    """Look into how drafts and reviews came about, and into what stands behind the scores."""


command.add_command(chain)
command.add_command(messages)
command.add_command(report)
command.add_command(readers)
command.add_command(leakage)
command.add_command(hubs)
command.add_command(provenance)
command.add_command(retrieval)
command.add_command(subgroups)
command.add_command(calibration)
