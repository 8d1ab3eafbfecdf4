"""A section of an audit as plain text for a terminal: what to look at, the answer, the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from radrag.cli.output import table

if TYPE_CHECKING:
    from radrag.audit.sections import Section


def section_text(section: Section) -> str:
    """Return flags, summary and tables; tables without rows are left out."""
    from radrag.audit.wording import cell, numeric

    parts = [f"{click.style('Look at', fg='yellow')} {flag}" for flag in section.flags]
    parts.append(section.summary)
    for one in section.tables:
        if not one.rows:
            continue
        right = [place for place in range(len(one.columns)) if numeric(one, place)]
        parts.append(
            f"{one.title}:\n{table(one.columns, [[cell(value) for value in row] for row in one.rows], right=right)}"
        )
        if one.note:
            parts.append(one.note)
    return "\n\n".join(parts)
