"""``radrag search``: cases like an image, a text, or both."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.domain import Hit, Sentence, View
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.corpus.catalogue import Filters
    from radrag.retrieval.query import Query
    from radrag.workspace import Workspace

DATE = click.DateTime(formats=["%Y-%m-%d"])
VIEWS = click.Choice([view.value for view in View], case_sensitive=False)

EXAMPLES = """\b
Examples:
  radrag search --text "left pleural effusion" -k 5
  radrag search --image study/ --view PA --view AP
  radrag search --image film.dcm --text "rib fracture" --corpus iu-xray --json
"""


@click.command(epilog=EXAMPLES)
@click.option("--image", type=click.Path(path_type=Path), help="DICOM, PNG or JPEG file, or a folder of one study.")
@click.option("--text", default="", help="Words, such as 'left pleural effusion'.")
@click.option("-k", type=click.IntRange(1, 1000), default=10, show_default=True, help="How many cases.")
@click.option("--corpus", "corpora", multiple=True, metavar="NAME", help="Only cases of this corpus; repeatable.")
@click.option("--view", "views", multiple=True, type=VIEWS, help="Only cases with an image of this view; repeatable.")
@click.option("--since", type=DATE, metavar="YYYY-MM-DD", help="Only studies of this day or later.")
@click.option("--until", type=DATE, metavar="YYYY-MM-DD", help="Only studies of this day or earlier.")
@click.option("--licence", "licences", multiple=True, metavar="NAME", help="Only cases under this licence; repeatable.")
@click.option("--exclude-patient", default="", metavar="KEY", help="Patient key whose cases are left out.")
@JSON_OPTION
@click.pass_obj
def command(
    settings: Settings,
    image: Path | None,
    text: str,
    k: int,
    corpora: tuple[str, ...],
    views: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    licences: tuple[str, ...],
    exclude_patient: str,
    as_json: bool,
) -> None:
    """Find cases like an image, a text, or both; each hit says why it was found.

    Of each case it shows the score, its rank in every channel, what it shares with what was asked for, and the
    sentence that says most of it; then what the cases together say of each finding. With dates, cases without one are
    left out.
    """
    from dataclasses import replace

    from radrag.corpus.catalogue import Filters
    from radrag.retrieval.quotes import best_sentence
    from radrag.workspace import Workspace

    if image is None and not text.strip():
        raise UsageError("Nothing to search for.", hint="Give --image FILE, --text WORDS, or both.")
    filters = Filters(
        corpora=frozenset(corpora),
        licences=frozenset(licences),
        views=frozenset(View(view) for view in views),
        since=since.date().isoformat() if since else "",
        until=until.date().isoformat() if until else "",
    )
    workspace = Workspace(settings)
    _require_known(filters, workspace)
    query = replace(_query(workspace, image, text), filters=filters)
    if exclude_patient:
        query = replace(query, exclude_patient=exclude_patient)
    say(f"Looking for: {_understood(query, words=bool(text.strip()))}")
    hits = workspace.retriever.search(query, k)
    sentences = workspace.store.sentences([hit.case_id for hit in hits])
    quotes = [best_sentence(query, sentences.get(hit.case_id, ())) for hit in hits]
    if as_json:
        emit([_to_dict(hit, quote) for hit, quote in zip(hits, quotes, strict=True)])
    elif hits:
        click.echo(_hits_table(hits, quotes))
        click.echo(_neighbourhood_table(workspace, hits))
    else:
        say("No case was found that may be shown.")


def _require_known(filters: Filters, workspace: Workspace) -> None:
    """Refuse a corpus that is not in the index: a slip of the pen must not read as "nothing was found"."""
    known = set(workspace.snapshot.manifest.corpora)
    unknown = sorted(filters.corpora - known)
    if unknown:
        raise UsageError(f"The index has no corpus {unknown[0]!r}; it has: {', '.join(sorted(known))}.")


def _query(workspace: Workspace, image: Path | None, text: str) -> Query:
    """Put together what was asked for; say what is wrong with the image."""
    from radrag.retrieval.query import joined, query_from_image, query_from_text

    words = query_from_text(text, workspace.labeler.label_text(text))
    if image is None:
        return words
    from radrag.cli.inputs import read_one_study
    from radrag.drafting import look

    study = read_one_study(image, salt=workspace.settings.salt())
    seen = look(workspace.image_encoder, study)
    vector = seen.vector_for(workspace.snapshot.manifest)
    novelty = workspace.novelty
    unusual = novelty(vector, [one.perceptual_hash for one in study.study.images]).warnings() if novelty else ()
    for warning in (*study.warnings, *unusual):
        say(f"{click.style('Warning', fg='yellow')} {warning.message} [{warning.code}]")
    looked = query_from_image(
        seen.findings,
        indication=study.study.indication,
        exclude_patient=study.study.patient_key,
        vector=vector,
        sex=study.study.sex,
        age=study.study.age,
        views=frozenset(image.view for image in study.study.images),
    )
    return joined(looked, words) if text.strip() else looked


def _understood(query: Query, *, words: bool) -> str:
    """Return what a query asks for: findings with probability and side, what its words deny, the words as searched."""
    from radrag.domain import Side
    from radrag.reports.vocabulary import NO_FINDING, report_order

    def named(label: str) -> str:
        side, chance = query.sides.get(label, Side.NONE), query.probabilities[label]
        before = "" if side is Side.NONE else f"{side.value} "
        return f"{before}{label.lower()}" + (f" ({chance:.2f})" if chance < 1 else "")

    chances = query.probabilities
    there = sorted((name for name in chances if name in query.findings or chances[name] >= 0.5), key=report_order)
    parts = [named(name) for name in there if name != NO_FINDING]
    if chances and not parts:
        parts.append("no finding" + (f" ({query.normal:.2f})" if query.normal is not None and query.normal < 1 else ""))
    if words and there:
        parts += [f"no {name.lower()}" for name in sorted(chances, key=report_order) if chances[name] == 0]
    if words:
        parts.append(f"the words “{query.text}”")
    return ", ".join(parts) + "." if parts else "images alike."


def _to_dict(hit: Hit, quote: Sentence | None) -> dict[str, Any]:
    """Return a hit as in a draft, with the sentence that is shown for it."""
    from radrag.export.draft_json import hit_to_dict

    shown = quote and {
        "section": quote.section,
        "sentence": quote.number,
        "start": quote.start,
        "end": quote.end,
        "quote": quote.text,
    }
    return hit_to_dict(hit) | {"sentence": shown}


def _hits_table(hits: Sequence[Hit], quotes: Sequence[Sentence | None]) -> str:
    """Return a row a hit with its rank in each channel, and below it why it was found and what it says."""
    channels = sorted({name for hit in hits for name in hit.channels})
    places = [[hit.channels[name][0] if name in hit.channels else "-" for name in channels] for hit in hits]
    rows = [[hit.rank, hit.case_id, f"{hit.score:.4f}", *place] for hit, place in zip(hits, places, strict=True)]
    right = (0, *range(2, 3 + len(channels)))
    header, rule, *lines = table(["rank", "case", "score", *channels], rows, right=right).splitlines()
    width = max(60, min(shutil.get_terminal_size().columns, 110))
    shown = [header, rule]
    for line, hit, quote in zip(lines, hits, quotes, strict=True):
        shown.append(click.style(line, bold=True))
        shown += _below(_reasons(hit, channels), width)
        if quote:
            shown += _below(f'{quote.section}[{quote.start}:{quote.end}] "{" ".join(quote.text.split())}"', width)
    return "\n".join(shown)


def _below(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="      ", subsequent_indent="        ", break_on_hyphens=False)


def _reasons(hit: Hit, channels: Sequence[str]) -> str:
    """Return why a hit was found, without the channels' ranks, which have columns of their own."""
    return "; ".join(part for part in hit.why.split("; ") if part.partition(":")[0] not in channels)


def _neighbourhood_table(workspace: Workspace, hits: Sequence[Hit]) -> str:
    """Return what the cases together say of the findings that one of them states."""
    from radrag.retrieval.neighbourhood import STATED_HEADER, counts_to_dict, neighbourhood, stated_rows

    cases = workspace.snapshot.cases
    counts = neighbourhood([hit.case_id for hit in hits], cases, cases.prevalence())
    rows = stated_rows([counts_to_dict(one) for one in counts])
    return "\n" + table(STATED_HEADER, rows, right=range(1, len(STATED_HEADER)))
