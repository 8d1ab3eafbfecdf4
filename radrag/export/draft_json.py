"""A draft as JSON of schema ``radrag.draft/1``: stable keys, additions only."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from radrag.domain import Draft, DraftSentence, EvidenceLink, Finding, Hit, ImageFinding, Omission, Sentence, Study

SCHEMA = "radrag.draft/1"
NEIGHBOURHOOD = "neighbourhood"
"""Where a draft keeps it: it belongs to what the draft was made from."""


def draft_to_dict(draft: Draft) -> dict[str, Any]:
    """Return ``draft`` as plain values in the order of the schema. Paths and accession numbers stay out."""
    return {
        "schema": SCHEMA,
        "draft_id": draft.draft_id,
        "status": "preliminary",
        "study": _study(draft.study),
        "sentences": [sentence_to_dict(sentence) for sentence in draft.sentences],
        "omissions": [_omission(omission) for omission in draft.omissions],
        "hits": [hit_to_dict(hit) for hit in draft.hits],
        "image_findings": [_image_finding(finding) for finding in draft.image_findings],
        "warnings": [{"code": warning.code, "message": warning.message} for warning in draft.warnings],
        "neighbourhood": list(neighbourhood_of(draft)),
        "provenance": {name: value for name, value in draft.provenance.items() if name != NEIGHBOURHOOD},
    }


def neighbourhood_of(draft: Draft) -> Sequence[Mapping[str, Any]]:
    """Return what the retrieved cases say of each finding, as plain values; empty in drafts made before it was kept."""
    found: Sequence[Mapping[str, Any]] = draft.provenance.get(NEIGHBOURHOOD, ())
    return found


def draft_to_json(draft: Draft) -> str:
    """Return ``draft`` as one line of JSON."""
    return json.dumps(draft_to_dict(draft), ensure_ascii=False, allow_nan=False)


@functools.cache
def draft_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``radrag.draft/1``, as shipped."""
    text = resources.files(__package__).joinpath("draft.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def _study(study: Study) -> dict[str, Any]:
    return {
        "study_instance_uid": study.study_instance_uid,
        "patient_key": study.patient_key,
        "views": [image.view.value for image in study.images],
    }


def sentence_to_dict(sentence: DraftSentence) -> dict[str, Any]:
    """Return a checked sentence as plain values."""
    return {
        "section": sentence.section,
        "text": sentence.text,
        "status": sentence.status.value,
        "findings": [finding_to_dict(finding) for finding in sentence.findings],
        "links": [link_to_dict(link) for link in sentence.links],
        "image_findings": list(sentence.image_findings),
    }


def finding_to_dict(finding: Finding) -> dict[str, Any]:
    """Return a finding as plain values, offsets last."""
    return {
        "label": finding.label,
        "polarity": finding.polarity.value,
        "side": finding.side.value,
        "location": finding.location,
        "severity": finding.severity.value,
        "change": finding.change.value,
        "start": finding.start,
        "end": finding.end,
    }


def report_sentence_to_dict(sentence: Sentence) -> dict[str, Any]:
    """Return a labelled sentence of a report as plain values."""
    return {
        "section": sentence.section,
        "number": sentence.number,
        "start": sentence.start,
        "end": sentence.end,
        "text": sentence.text,
        "findings": [finding_to_dict(finding) for finding in sentence.findings],
    }


def link_to_dict(link: EvidenceLink) -> dict[str, Any]:
    """Return an evidence link as plain values; ``strength`` with four decimals."""
    return {
        "case_id": link.case_id,
        "section": link.section,
        "sentence": link.sentence,
        "start": link.start,
        "end": link.end,
        "quote": link.quote,
        "relation": link.relation.value,
        "strength": round(link.strength, 4),
    }


def _omission(omission: Omission) -> dict[str, Any]:
    return {"label": omission.label, "why": omission.why, "links": [link_to_dict(link) for link in omission.links]}


def hit_to_dict(hit: Hit) -> dict[str, Any]:
    """Return a hit as plain values."""
    return {
        "case_id": hit.case_id,
        "rank": hit.rank,
        "score": round(hit.score, 6),
        "channels": {
            name: {"rank": rank, "score": round(score, 6)} for name, (rank, score) in sorted(hit.channels.items())
        },
        "why": hit.why,
    }


def _image_finding(finding: ImageFinding) -> dict[str, Any]:
    known = finding.trained and not math.isnan(finding.probability)
    return {
        "label": finding.label,
        "probability": round(finding.probability, 4) if known else None,
        "threshold": round(finding.threshold, 4) if known else None,
        "trained": finding.trained,
        "region": list(finding.region) if finding.region else None,
    }
