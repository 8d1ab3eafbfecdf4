"""Cards that a training run writes beside its weights, read back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from radrag.errors import WeightsError

Card = TypeVar("Card")


def read_run_card(kind: Callable[..., Card], path: Path, *, what: str, tuples: Sequence[str], hint: str) -> Card:
    """Return a card from its JSON file.

    Args:
        kind: the dataclass.
        what: whose card it is, for the message.
        tuples: fields that JSON has as lists.

    Raises:
        WeightsError: it is no such card.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return kind(**{**values, **{name: tuple(values[name]) for name in tuples}})
    except (ValueError, TypeError, KeyError) as error:
        raise WeightsError(f"{path.name} is no card of {what}.", hint=hint) from error
