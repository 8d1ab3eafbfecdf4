"""Column types that give back exactly what was put in, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import json
import math
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import Dialect, Double, Text
from sqlalchemy.types import TypeDecorator

from radrag.errors import StoreError

# One NaN object for all: then values that hold it compare equal, as tuples compare by identity first.
CONSTANTS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
Word = TypeVar("Word", bound=StrEnum)


class ExactText(TypeDecorator[str]):
    """Text that both databases hold: NUL and lone surrogates are refused on SQLite too, not only on PostgreSQL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - fixed by SQLAlchemy
        """Return ``value`` as a plain string.

        Raises:
            StoreError: it holds a character that a database cannot keep.
        """
        if value is None:
            return None
        if "\x00" in value:
            raise StoreError("A text holds a NUL character, which a database cannot keep.", hint="Remove it first.")
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise StoreError("A text holds half a surrogate pair.", hint="Decode the source as UTF-8.") from None
        return str(value)


class Words(TypeDecorator[Word]):
    """A :class:`~enum.StrEnum` kept as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[Word]) -> None:
        super().__init__()
        self.words = words
        self._members = {member.value: member for member in words}

    def process_bind_param(self, value: Word | str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the member's value.

        Raises:
            StoreError: ``value`` is not one of the words.
        """
        return None if value is None else self._member(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Word | None:  # noqa: ARG002
        """Return the member.

        Raises:
            StoreError: the database holds another word.
        """
        return None if value is None else self._member(value)

    def _member(self, value: str) -> Word:
        try:
            return self._members[value]
        except KeyError:
            raise StoreError(
                f"{value!r} is no {self.words.__name__}.", hint=f"One of: {', '.join(self.words)}"
            ) from None


class Real(TypeDecorator[float]):
    """A double in which NaN is kept as NULL: SQLite has no NaN, and no field of this type has another use for NULL."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        """Return a Python float, or None for NaN; numpy scalars are welcome."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:  # noqa: ARG002
        """Return the float, ``math.nan`` for NULL."""
        return math.nan if value is None else value


class JsonText(TypeDecorator[Any]):
    """JSON in a text column: key order, floats and control characters come back as they were."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002
        """Return compact ASCII JSON (Python's NaN and Infinity tokens included)."""
        return json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Return the parsed value; lists where tuples went in."""
        return None if value is None else json.loads(value, parse_constant=CONSTANTS.__getitem__)
