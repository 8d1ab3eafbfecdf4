"""A case that comes from two sources: which of them says what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from radrag.corpus.collection import Merge
from radrag.domain import Case, StudyImage
from radrag.reports.findings import LABELS, evidence_sections


def merge(stored: Case, new: Case, how: Merge) -> Case:
    """Return one case of what is stored and what is new; see :class:`Merge` for who wins."""
    if how is Merge.REPLACE:
        return new
    strong, weak = (stored, new) if how is Merge.FILL else (new, stored)
    return replace(
        strong,
        patient_key=strong.patient_key or weak.patient_key,
        images=_images(strong.images, weak.images),
        sections=_sections(strong.sections, weak.sections),
        labels=strong.labels or weak.labels,
        licence=strong.licence or weak.licence,
        restricted=strong.restricted or weak.restricted,
        split=strong.split or weak.split,
        sex=strong.sex or weak.sex,
        age=weak.age if strong.age is None else strong.age,
        studied_at=strong.studied_at or weak.studied_at,
    )


def _sections(strong: Mapping[str, str], weak: Mapping[str, str]) -> dict[str, str]:
    """Join sections in the order of the fuller report; a text that differs in white space alone is the same text."""
    order = dict.fromkeys([*max(strong, weak, key=len), *strong, *weak])
    joined = {name: strong.get(name) or weak[name] for name in order}
    for name in strong.keys() & weak.keys():
        if strong[name].split() == weak[name].split():
            joined[name] = weak[name] if len(weak) > len(strong) else strong[name]
    if LABELS in joined and LABELS not in evidence_sections(joined):
        del joined[LABELS]
    return joined


def _images(strong: tuple[StudyImage, ...], weak: tuple[StudyImage, ...]) -> tuple[StudyImage, ...]:
    """Join images by UID, then by pixels; a held one comes before one that is only known of.

    Where one side holds images that cannot be told apart by UID (a layout that renumbers its files), the other side's
    images that are not held may be the same ones, and are left out.
    """
    joined = list(strong)
    for image in weak:
        same = next((place for place, one in enumerate(joined) if _same(one, image)), None)
        if same is None:
            joined.append(image)
        elif image.path and not joined[same].path:
            joined[same] = image
    known_of = {image.sop_instance_uid for image in (*strong, *weak) if not image.path}
    held = [image for image in joined if image.path]
    return tuple(joined if all(image.sop_instance_uid in known_of for image in held) else held)


def _same(one: StudyImage, other: StudyImage) -> bool:
    return any(
        getattr(one, name) and getattr(one, name) == getattr(other, name)
        for name in ("sop_instance_uid", "pixel_sha256", "path")
    )
