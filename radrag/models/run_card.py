"""Cards that a training run writes beside its weights: what they have in common, how they are written and read back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from radrag.disk import replacing, sha256_of
from radrag.errors import WeightsError


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCard:
    """What is known of weights, written by the run that made them.

    Attributes:
        n: examples, images, texts and patients, by name.
        metrics: what is measured → measure → value.
    """

    WHAT: ClassVar[str]
    """Whose card it is, for messages."""
    TRAINING: ClassVar[str]
    """The command that makes the weights."""
    TUPLES: ClassVar[tuple[str, ...]] = ("limits",)
    """Fields that JSON has as lists."""

    sha256: str = ""
    size_bytes: int = 0
    licence: str = "Apache-2.0"
    data: str = ""
    n: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a card.

        Raises:
            WeightsError: it is not one.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**values, **{name: tuple(values[name]) for name in cls.TUPLES}})
        except (ValueError, TypeError, KeyError) as error:
            raise WeightsError(f"{path.name} is no card of {cls.WHAT}.", hint=f"Train it: {cls.TRAINING}") from error

    def saved(self, weights: Path, card: Path, write: Callable[[Path], None]) -> Self:
        """Write weights by ``write`` and this card beside them; return it with the file's size and SHA-256."""
        weights.parent.mkdir(parents=True, exist_ok=True)
        with replacing(weights) as part:
            write(part)
            part.chmod(0o644)
            whole = dataclasses.replace(self, sha256=sha256_of(part), size_bytes=part.stat().st_size)
        with replacing(card) as part:
            part.write_text(json.dumps(dataclasses.asdict(whole), indent=1) + "\n", encoding="utf-8")
        return whole
