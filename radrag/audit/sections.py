"""A section of an audit: the tables and plots that the command line, the page of results and the screen all show."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from radrag.errors import UsageError

SCHEMA = "radrag.audit_section/1"

Cell: TypeAlias = str | int | float | None
"""Of a table; None where there is nothing to say (no cases, a mean that is not defined)."""


class PlotKind(StrEnum):
    """How the series of a plot are drawn: ``reliability`` has the diagonal, ``histogram`` counts at bin centres."""

    BAR = "bar"
    LINE = "line"
    RELIABILITY = "reliability"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; ``name`` is a file's name within its section.

    Raises:
        UsageError: a row is not as long as the headings.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        """Refuse rows of other lengths."""
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise UsageError(
                    f"Row {number} of the table {self.name} has {len(row)} cells for {len(self.columns)} columns."
                )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; a number that is not finite becomes None, which JSON can say."""
        return {
            "name": self.name,
            "title": self.title,
            "columns": list(self.columns),
            "rows": [[_finite(cell) for cell in row] for row in self.rows],
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Table:
        """Return the table of :meth:`as_dict`."""
        rows = tuple(tuple(row) for row in values["rows"])
        return cls(values["name"], values["title"], tuple(values["columns"]), rows, values.get("note", ""))


@dataclass(frozen=True, slots=True)
class Series:
    """One line or set of bars; ``low`` and ``high`` are ends of intervals, as many as points, or empty.

    Raises:
        UsageError: the lengths differ.
    """

    name: str
    x: tuple[str | float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()

    def __post_init__(self) -> None:
        """Refuse values of other lengths."""
        lengths = {len(self.x), len(self.y), len(self.low) or len(self.x), len(self.high) or len(self.x)}
        if len(lengths) > 1:
            raise UsageError(f"The series {self.name!r} has values of different lengths: {sorted(lengths)}.")

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        sides: dict[str, Sequence[Any]] = {"x": self.x, "y": self.y, "low": self.low, "high": self.high}
        return {"name": self.name, **{key: [_finite(value) for value in values] for key, values in sides.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Series:
        """Return the series of :meth:`as_dict`."""
        return cls(values["name"], *(tuple(values.get(key, ())) for key in ("x", "y", "low", "high")))


@dataclass(frozen=True, slots=True)
class Plot:
    """Series on common axes; a table of its section holds the same numbers."""

    name: str
    title: str
    kind: PlotKind | str
    x_label: str
    y_label: str
    series: tuple[Series, ...]

    def __post_init__(self) -> None:
        """Refuse a kind that nothing draws."""
        if self.kind not in set(PlotKind):
            raise UsageError(f"A plot is one of {', '.join(PlotKind)}, not {self.kind!r} ({self.name}).")

    @property
    def empty(self) -> bool:
        """Whether there is nothing to draw: no number, or a histogram that counts nothing."""
        values = [value for series in self.series for value in series.y if value is not None]
        return not (any(values) if self.kind == PlotKind.HISTOGRAM else values)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "name": self.name,
            "title": self.title,
            "kind": str(self.kind),
            "x_label": self.x_label,
            "y_label": self.y_label,
            "series": [series.as_dict() for series in self.series],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plot:
        """Return the plot of :meth:`as_dict`."""
        series = tuple(Series.from_dict(one) for one in values["series"])
        labels = (values["x_label"], values["y_label"])
        return cls(values["name"], values["title"], PlotKind(values["kind"]), *labels, series)


@dataclass(frozen=True, slots=True)
class Section:
    """One question of an audit and its answer.

    Attributes:
        name: of its files and on the command line.
        question: that it answers, as those who ask would put it.
        summary: the answer in a sentence or two, with its n.
        flags: what somebody must look at, each a sentence; shown before all else.
    """

    name: str
    title: str
    question: str
    summary: str
    tables: tuple[Table, ...] = ()
    plots: tuple[Plot, ...] = ()
    flags: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, the schema's name first."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "title": self.title,
            "question": self.question,
            "summary": self.summary,
            "flags": list(self.flags),
            "tables": [table.as_dict() for table in self.tables],
            "plots": [plot.as_dict() for plot in self.plots],
        }

    def as_json(self) -> str:
        """Return :meth:`as_dict` as one line of JSON."""
        return json.dumps(self.as_dict(), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Section:
        """Return the section of :meth:`as_dict`.

        Raises:
            UsageError: it is of another schema, or parts are missing.
        """
        if values.get("schema") != SCHEMA:
            raise UsageError(f"This is no section of an audit: its schema is {values.get('schema')!r}, not {SCHEMA!r}.")
        try:
            return cls(
                values["name"],
                values["title"],
                values["question"],
                values["summary"],
                tuple(Table.from_dict(table) for table in values["tables"]),
                tuple(Plot.from_dict(plot) for plot in values["plots"]),
                tuple(values["flags"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"A section of the audit is incomplete: {error}. Run `radrag audit report` again."
            ) from None


def _finite(value: Cell) -> Cell:
    return None if isinstance(value, float) and not math.isfinite(value) else value
