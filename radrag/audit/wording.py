"""Cells of an audit's tables as they are shown: the same on the terminal, in the page of results and on the screen."""

from __future__ import annotations

from radrag.audit.sections import Cell, Table

MISSING = "–"
DIGITS = 3


def cell(value: Cell) -> str:
    """Return a cell as text: whole numbers with thousands apart, others with three decimals, a dash for nothing."""
    if value is None:
        return MISSING
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{DIGITS}f}"


def numeric(table: Table, column: int) -> bool:
    """Return whether a column holds numbers, and nothing else where it holds something."""
    values = [row[column] for row in table.rows if row[column] is not None]
    return bool(values) and all(isinstance(value, int | float) for value in values)
