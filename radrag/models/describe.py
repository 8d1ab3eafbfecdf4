"""A card in words: the rows that ``radrag models show`` and docs/models.md both print."""

from __future__ import annotations

from radrag.models.card import ModelCard


def facts(card: ModelCard) -> list[tuple[str, str]]:
    """Return (what, value) of everything that the card says, in the order in which a user asks; no empty ones."""
    low, high = card.value_range
    rows = [
        ("task", card.task),
        ("version", card.version),
        ("input", f"{card.input_size} tokens" if card.task.startswith("text") else f"{card.input_size} pixels a side"),
        ("value range", f"{low:g} to {high:g}, {card.polarity}" if card.polarity else ""),
        ("preparation", card.normalisation),
        ("vector", f"{card.dimension:,} numbers, unit length"),
        ("findings", ", ".join(card.trained)),
        ("not trained", ", ".join(label for label in card.labels if label not in card.trained)),
        ("probabilities", _probabilities(card)),
        ("projections", ", ".join(card.views)),
        ("regions", card.regions if card.labels else ""),
        ("trained on", card.data),
        ("licence", card.licence),
        ("source", card.source),
        ("address", card.url),
        ("SHA-256", card.sha256),
        ("size", f"{card.size_bytes:,} bytes" if card.size_bytes else ""),
        *(("limit", limit) for limit in card.limits),
    ]
    return [(what, value) for what, value in rows if value]


def _probabilities(card: ModelCard) -> str:
    if not card.trained:
        return ""
    if card.calibrated:
        return "calibrated; each label has its own threshold"
    return "not calibrated: scores, each to be compared with its own threshold"
