"""The review screen's tables as HTML strings: image findings, study, provenance; pure, every value escaped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from radrag.domain import Draft, ImageFinding, StudyImage
from ui.cards import icon


def image_findings_table(findings: Sequence[ImageFinding]) -> str:
    """Return the image encoder's probabilities, highest first; untrained labels last, without a number."""
    if not findings:
        return '<p class="rr-quiet">The image encoder gave no findings.</p>'
    order = sorted(findings, key=lambda f: (not f.trained or math.isnan(f.probability), -_finite(f.probability)))
    rows = "".join(_image_finding_row(finding) for finding in order)
    return (
        '<table class="rr-table"><thead><tr><th>Label</th><th>Probability</th><th>Threshold</th><th>Read as</th></tr>'
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _image_finding_row(finding: ImageFinding) -> str:
    label = escape(finding.label)
    if not finding.trained or math.isnan(finding.probability):
        return f'<tr class="rr-untrained"><td>{label}</td><td colspan="3">not trained for this label</td></tr>'
    share, tick = _finite(finding.probability), _finite(finding.threshold)
    read = f"{icon('supported')}positive" if finding.positive else "negative"
    return (
        f'<tr class="{"rr-positive" if finding.positive else ""}"><td>{label}</td><td><span class="rr-bar">'
        f'<b style="width:{share:.0%}"></b><i style="left:{tick:.0%}"></i></span>{finding.probability:.2f}</td>'
        f"<td>{finding.threshold:.2f}</td><td>{read}</td></tr>"
    )


def _finite(value: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, 0.0), 1.0)


def study_line(draft: Draft, *, age_of_draft: str) -> str:
    """Return who and what is drafted, with no identifier beyond the short patient key."""
    study = draft.study
    person = " ".join(part for part in (study.sex, "" if study.age is None else f"{study.age:.0f} y") if part)
    facts = {
        "Patient": short_key(study.patient_key),
        "Person": person,
        "Study": study.studied_at[:10],
        "Views": " ".join(image.view.value for image in study.images),
        "Indication": study.indication,
        "Drafted": age_of_draft,
    }
    items = "".join(f"<span><i>{name}</i> {escape(text)}</span>" for name, text in facts.items() if text)
    return f'<div class="rr-study">{items}</div>'


def image_caption(image: StudyImage, *, hint: bool) -> str:
    """Return what an image is, and that this is no diagnostic display; ``hint`` adds how to move in it."""
    how = "<span>drag to pan, scroll to zoom, double-click to reset</span>" if hint else ""
    return (
        f'<p class="rr-caption"><b>{escape(image.view.value)}</b><span>{image.columns} × {image.rows} px</span>{how}'
        '<span class="rr-prelim">PRELIMINARY — research use</span></p>'
    )


def short_key(patient_key: str) -> str:
    """Return the first eight characters of a patient key: enough to tell patients apart in a list."""
    return patient_key[:8] or "unknown"


def provenance_table(provenance: Mapping[str, Any], *, prefix: str = "") -> str:
    """Return the provenance as a flat table of dotted names."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(text)}</code></td></tr>"
        for name, text in flat(provenance, prefix)
    )
    return f'<table class="rr-table rr-provenance"><tbody>{rows}</tbody></table>'


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return nested mappings as ``(dotted name, text)``; lists are joined."""
    pairs: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            pairs += flat(value, f"{name}.")
        elif isinstance(value, list | tuple):
            pairs.append((name, ", ".join(str(item) for item in value)))
        else:
            pairs.append((name, str(value)))
    return pairs
