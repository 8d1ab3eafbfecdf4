"""An audit as one HTML page: what to look at first, no scripts, nothing from outside, for light, dark and paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from radrag.audit.document import Document, Made
from radrag.audit.plots import plot_svg
from radrag.audit.sections import Plot, Section, Table
from radrag.audit.wording import cell, numeric
from radrag.errors import MissingDependency

TITLE = "radrag audit"
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Whatever a cell may hold, a browser loads and runs nothing."""


def document_html(document: Document) -> str:
    """Return the page. Without matplotlib it has the tables, and says that the plots are missing."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><title>{TITLE} {document.made.at[:10]}</title>'
        f"<style>\n{style}</style>"
    )
    body = [
        f"<h1>{TITLE}</h1>",
        '<p class="quiet">Research use. Numbers hold for the cases, models and readers named here, and no others.</p>',
        made_html(document.made),
        flags_html(document),
        _contents(document),
        *(section_html(section) for section in document.sections),
        *(
            f'<section id="{escape(one.name)}"><h2>{escape(one.title)}</h2><p>Not in this report: {escape(one.why)}</p>'
            "</section>"
            for one in document.missing
        ),
    ]
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n' + "\n".join(body) + "\n</body></html>\n"


def made_html(made: Made) -> str:
    """Return what a report was made of as a list of terms."""
    rows = [("Made", f"{made.at[:19].replace('T', ' ')} UTC"), ("radrag", made.radrag)]
    rows += [(name.capitalize(), cell(count)) for name, count in made.counts.items()]
    parts = {
        "Index": made.index,
        "Image encoder": made.encoder,
        "Text encoder": made.text_encoder,
        "Generator": made.generator,
        "Queries": made.manifest,
    }
    terms = [f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows]
    terms += [f"<dt>{name}</dt><dd>{_part(part)}</dd>" for name, part in parts.items() if part]
    terms.append(f"<dt>Command</dt><dd><code>{escape(made.command)}</code></dd>")
    return f'<dl class="made">{"".join(terms)}</dl>'


def _part(part: Mapping[str, Any]) -> str:
    words = []
    for name, value in part.items():
        text = f"<code>{escape(str(value))}</code>" if "sha256" in name or "hash" in name else escape(str(value))
        words.append(text if name in ("id", "name") else f"{escape(name.replace('_', ' '))} {text}")
    return ", ".join(words)


def flags_html(document: Document) -> str:
    """Return all flags and missing sections, each leading to its section; or that there are none."""
    lines = [
        f'<li><a href="#{escape(section.name)}">{escape(section.title)}</a>: {escape(flag)}</li>'
        for section in document.sections
        for flag in section.flags
    ]
    lines += [
        f'<li><a href="#{escape(one.name)}">{escape(one.title)}</a> is not in this report: {escape(one.why)}</li>'
        for one in document.missing
    ]
    if not lines:
        return '<div class="flags calm"><p>Nothing was flagged.</p></div>'
    return f'<div class="flags"><h2>To look at</h2><ul>{"".join(lines)}</ul></div>'


def _contents(document: Document) -> str:
    items = (f'<li><a href="#{escape(one.name)}">{escape(one.title)}</a></li>' for one in document.sections)
    return f"<nav><ul>{''.join(items)}</ul></nav>"


def section_html(section: Section) -> str:
    """Return a section: question, answer, plots, tables."""
    parts = [
        f'<h2>{escape(section.title)}</h2><p class="question">{escape(section.question)}</p>',
        f"<p>{escape(section.summary)}</p>",
        *_figures(section),
        *(table_html(table) for table in section.tables),
    ]
    return f'<section id="{escape(section.name)}">' + "\n".join(parts) + "</section>"


def _figures(section: Section) -> Iterator[str]:
    try:
        yield from (plot_html(plot, f"{section.name}-{plot.name}") for plot in section.plots)
    except MissingDependency as error:
        yield f'<p class="note">The tables hold what the plots would show. {escape(str(error))}</p>'


def plot_html(plot: Plot, name: str) -> str:
    """Return a plot with its title; one without a number to draw says so.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    inner = '<p class="note">There is nothing to draw.</p>' if plot.empty else plot_svg(plot, name)
    return f"<figure><figcaption>{escape(plot.title)}</figcaption>{inner}</figure>"


def table_html(table: Table) -> str:
    """Return a table with its title and note; numbers to the right."""
    title = f"<h3>{escape(table.title)}</h3>"
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.rows:
        return f'{title}<p class="note">None.</p>{note}'
    marks = [' class="n"' if numeric(table, place) else "" for place in range(len(table.columns))]
    header = "".join(
        f'<th scope="col"{mark}>{escape(name)}</th>' for name, mark in zip(table.columns, marks, strict=True)
    )
    rows = "".join(
        "<tr>" + "".join(f"<td{mark}>{escape(cell(one))}</td>" for one, mark in zip(row, marks, strict=True)) + "</tr>"
        for row in table.rows
    )
    return (
        f'{title}<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{rows}</tbody></table></div>{note}'
    )
