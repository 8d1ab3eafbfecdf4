"""Probabilities with a known truth: of image findings, of support strengths, and from a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radrag.audit.calibration import Items
from radrag.audit.query_measures import require_labels
from radrag.domain import Draft, Relation
from radrag.errors import UsageError
from radrag.evaluation.grounding_measures import Label, states
from radrag.evaluation.manifest import table_lines
from radrag.evaluation.queries import EvaluationQuery
from radrag.reports.vocabulary import NAMES, NO_FINDING

if TYPE_CHECKING:
    from radrag.store.repository import Store

SUPPORT = "support strength"
PAGE = 200
_SHOWN = 10
_COLUMNS = {
    "probability": ("probability", "strength"),
    "truth": ("truth", "right"),
    "label": ("label",),
    "owner": ("patient", "study"),
    "id": ("id",),
}
"""What a column holds → its names; of two that are there, the first counts."""


def of_findings(
    queries: Sequence[EvaluationQuery], now: Mapping[str, float], labels: Sequence[str] = ()
) -> list[Items]:
    """Return the image findings of queries by label; uncertain truths and refused images have no part.

    Args:
        now: label → threshold in use.
        labels: these only; empty for all that are assessed and judged.

    Raises:
        UsageError: labels that no image was assessed and judged for; all are listed.
    """
    found: dict[str, list[tuple[float, float, str]]] = {}
    for query in queries:
        for label, probability in (query.search.probabilities if query.search else {}).items():
            truth = query.truth.get(label)
            if label != NO_FINDING and truth in (0.0, 1.0):
                found.setdefault(label, []).append((probability, float(truth or 0.0), query.patient))
    require_labels(labels, set(found))
    return [_items(name, found[name], now.get(name)) for name in NAMES if name in found and name in (labels or found)]


def of_support(drafts: Iterable[Draft], label: Label) -> list[Items]:
    """Return the strengths of supporting links, each quote read anew: does it state a claim of its sentence?

    The judge of the evaluation of grounding, which is not the verifier but shares its labeler. Sentences without a
    claim are left out: their quotes have their very words.

    Args:
        label: finds the findings that a text states.
    """
    rows = [
        (link.strength, float(states(sentence, link, label)), draft.study.patient_key or draft.draft_id)
        for draft in drafts
        for sentence in draft.sentences
        for link in sentence.links
        if link.relation is Relation.SUPPORTS and sentence.findings
    ]
    return [_items(SUPPORT, rows)] if rows else []


def stored_drafts(store: Store, most: int) -> Iterable[Draft]:
    """Yield stored drafts, the latest first."""
    for start in range(0, most, PAGE):
        page = store.drafts(limit=min(PAGE, most - start), offset=start)
        for head in page:
            yield store.draft(head.draft_id)
        if len(page) < PAGE:
            return


def read_items(path: Path) -> list[Items]:
    """Read a table of probabilities.

    Its columns are ``probability`` (or ``strength``), ``truth`` (or ``right``), and where known ``label``, ``patient``
    (or ``study``) and ``id``.

    Raises:
        UsageError: the file cannot be read, lacks a column, or has rows that are no items: everything of one kind is
            listed at once, by line.
    """
    lines = table_lines(path)
    header = [cell.casefold() for cell in next(lines, (0, []))[1]]
    places = {name: header.index(one) for name, names in _COLUMNS.items() for one in reversed(names) if one in header}
    lacking = [" or ".join(_COLUMNS[name]) for name in ("probability", "truth") if name not in places]
    if lacking:
        raise UsageError(f"{path.name} has no column {', and no column '.join(lacking)}.")
    found: dict[str, list[tuple[float, float, str]]] = {}
    faults: dict[str, list[str]] = {}
    known, seen = set(NAMES), set[str]()
    for line, cells in lines:
        if len(cells) != len(header):
            faults.setdefault("lines with another number of fields than the header", []).append(str(line))
            continue
        values = {name: cells[place].strip() for name, place in places.items()}
        probability, truth = _number(values["probability"]), _number(values["truth"])
        name = values.get("label", "") or path.stem
        if probability is None or not 0 <= probability <= 1:
            faults.setdefault("lines without a probability from 0 to 1", []).append(str(line))
        elif truth not in (0.0, 1.0):
            faults.setdefault("lines whose truth is not 0 or 1", []).append(str(line))
        elif "label" in places and name not in known:
            faults.setdefault("unknown labels", []).append(name[:40])
        elif values.get("id", "") and values["id"] in seen:
            faults.setdefault("lines that repeat an id", []).append(str(line))
        else:
            found.setdefault(name, []).append((probability, float(truth), values.get("owner", "") or f"line {line}"))
            seen.add(values.get("id", ""))
    if faults:
        told = "; ".join(f"{what}: {_listed(places)}" for what, places in faults.items())
        raise UsageError(f"{path.name} has {told}.")
    if not found:
        raise UsageError(f"{path.name} has no rows.")
    return [_items(name, rows) for name, rows in found.items()]


def _items(name: str, rows: Sequence[tuple[float, float, str]], threshold: float | None = None) -> Items:
    probabilities, truth, owners = zip(*rows, strict=True)
    return Items(name, np.array(probabilities, dtype=np.float64), np.array(truth), owners, threshold)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _listed(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = f" and {len(distinct) - _SHOWN} more" if len(distinct) > _SHOWN else ""
    return ", ".join(distinct[:_SHOWN]) + more
