"""How much each channel counts in fusion: shipped values, and those fitted to an index, in a file beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from radrag.disk import replacing
from radrag.errors import BadIndex
from radrag.retrieval.query import Query

SCHEMA = "radrag.weights/1"


@dataclass(frozen=True, slots=True)
class Weights:
    """Channel name → weight ≥ 0, by what is asked with; channels without a weight only explain.

    Attributes:
        image: for images, whose words are their findings once more.
        words: for words that somebody chose, alone or beside an image.
        source: what they were fitted on, for the reader of the file.
    """

    image: Mapping[str, float]
    words: Mapping[str, float]
    source: Mapping[str, str | int | float] = field(default_factory=dict)

    def of(self, query: Query) -> Mapping[str, float]:
        """Return the weights for a query; an image in which no finding was assessed has nothing but its words."""
        return self.words if query.typed or not query.probabilities else self.image


WEIGHTS = Weights(
    image={"labels": 1.0, "profile": 1.0, "image": 0.4},
    words={"labels": 1.0, "image": 0.2, "lexical": 0.02, "text": 0.02},
)
"""Findings decide; words order cases that fit alike. For images the words of their findings helped in no measurement,
for words the profile did not; see docs/retrieval.md."""


def weights_file(index: Path) -> Path:
    """Return the file of an index folder's weights: beside it, since the folder's content is hashed."""
    return index.with_name(f"{index.name}.weights.json")


def save_weights(index: Path, weights: Weights) -> Path:
    """Write the weights of an index folder; return the file."""
    path = weights_file(index)
    with replacing(path) as part:
        part.write_text(json.dumps({"schema": SCHEMA, **asdict(weights)}, indent=1, sort_keys=True) + "\n")
    return path


def load_weights(index: Path) -> Weights:
    """Return the weights of an index folder; the shipped ones where none were fitted.

    Raises:
        BadIndex: the file is not what :func:`save_weights` writes.
    """
    path = weights_file(index)
    try:
        return _weights(json.loads(path.read_text()))
    except FileNotFoundError:
        return WEIGHTS
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "Delete it; the shipped weights are then used."
        raise BadIndex(f"{path} holds no weights of channels.", hint=hint) from error


def _weights(values: Mapping[str, Any]) -> Weights:
    if values["schema"] != SCHEMA:
        raise ValueError("another schema")
    return Weights(_checked(values["image"]), _checked(values["words"]), dict(values["source"]))


def _checked(weights: Mapping[str, float]) -> dict[str, float]:
    found = {str(name): float(weight) for name, weight in weights.items()}
    if not all(math.isfinite(weight) and weight >= 0 for weight in found.values()):
        raise ValueError("a weight is negative or not finite")
    return found
