"""A model's card: what it is, what it was trained on, how good it is, and what it must not be used for."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from radrag.errors import WeightsError

IDENTITY = (
    "name",
    "version",
    "task",
    "input_size",
    "value_range",
    "polarity",
    "normalisation",
    "dimension",
    "labels",
    "sha256",
)
"""The fields that decide what a model returns; the others only describe it."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What is known of one model. Serialises to JSON and back without loss.

    Attributes:
        name: registry name, for instance ``starter``.
        version: of the weights; raised whenever they change.
        task: ``image-encoder`` or ``text-encoder``.
        input_size: side of the square input in pixels; longest input in tokens for text.
        value_range: least and greatest input value after preprocessing; (0, 0) for text.
        polarity: ``air dark`` for radiographs as displayed; empty for text.
        normalisation: how an image or text is prepared and how the vector is scaled.
        dimension: of the vectors.
        labels: findings reported for each image, in order; empty for encoders that only embed.
        trained: the labels that the model was really trained for.
        views: the projections it was trained on (``PA``, ``AP``, ``LATERAL``); empty when that is not known.
        thresholds: label → probability from which the finding counts as present.
        calibrated: whether the findings' probabilities are calibrated; otherwise they are scores, each to be
            compared with its own threshold and nothing else.
        regions: how a finding's region is found; empty when the model gives none.
        shared_space: vectors of two models with the same non-empty value can be compared, image with text.
        licence: SPDX name of the weights' terms.
        source: where the weights come from.
        url: address of the weights file, for ``radrag models pull``; empty when nothing is fetched.
        sha256: of the weights file, hex; empty when any file of the architecture is accepted.
        size_bytes: of the weights file.
        data: what it was trained on.
        n: training, calibration and evaluation images, by name.
        metrics: label → measure → value.
        limits: what it cannot do, one sentence each.
    """

    name: str
    version: str
    task: str
    input_size: int
    value_range: tuple[float, float]
    polarity: str
    normalisation: str
    dimension: int
    labels: tuple[str, ...]
    trained: tuple[str, ...]
    licence: str
    source: str
    sha256: str = ""
    size_bytes: int = 0
    url: str = ""
    data: str = ""
    views: tuple[str, ...] = ("PA", "AP")
    calibrated: bool = False
    regions: str = ""
    shared_space: str = ""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    n: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    limits: tuple[str, ...] = ()

    @property
    def card_hash(self) -> str:
        """SHA-256 (hex) of the fields in ``IDENTITY``: equal hashes mean comparable vectors.

        Wording and metrics are left out, so that a better description does not invalidate an index.
        """
        identity = {name: getattr(self, name) for name in IDENTITY}
        return hashlib.sha256(json.dumps(identity, sort_keys=True, ensure_ascii=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the card as plain JSON values."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    def to_json(self) -> str:
        """Return the card as indented JSON, keys in field order, with a final newline."""
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build a card from what :meth:`to_dict` returned.

        Raises:
            WeightsError: a field is missing or unknown.
        """
        known = {item.name for item in dataclasses.fields(cls)}
        needed = {
            item.name
            for item in dataclasses.fields(cls)
            if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
        }
        wrong = sorted((needed - values.keys()) | (values.keys() - known))
        if wrong:
            raise WeightsError(
                f"Model card {values.get('name', '?')!r}: missing or unknown fields {', '.join(wrong)}.",
                hint="Use the card that came with the weights.",
            )
        tuples = ("value_range", "labels", "trained", "views", "limits")
        fields: dict[str, Any] = {name: tuple(value) if name in tuples else value for name, value in values.items()}
        return cls(**fields)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a card from JSON.

        Raises:
            WeightsError: the text is no JSON object or has other fields than a card.
        """
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise WeightsError(f"A model card is not valid JSON: {error}.", hint="Reinstall the package.") from error
        if not isinstance(values, dict):
            raise WeightsError("A model card is not a JSON object.", hint="Reinstall the package.")
        return cls.from_dict(values)
