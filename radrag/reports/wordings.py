"""The labels under which reports state what an image label means."""

from __future__ import annotations

from collections.abc import Mapping

WORDINGS: Mapping[str, tuple[str, ...]] = {
    "Infiltration": ("Airspace Disease", "Lung Opacity"),
    "Consolidation": ("Airspace Disease",),
}
"""Image label → labels under which reports state the same appearance: NIH's "infiltration" was mined from reports
that say infiltrate, opacity or airspace disease (Wang et al. 2017); other hospitals rarely use the word."""


def report_names(label: str) -> tuple[str, ...]:
    """Return the labels under which reports state what an image label means, its own first."""
    return (label, *WORDINGS.get(label, ()))
