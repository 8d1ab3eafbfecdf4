"""A case that comes from two sources: which of them says what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    if LABELS not in evidence_sections({**strong, **weak}):  # written-out labels give way to a report
        strong, weak = ({name: text for name, text in one.items() if name != LABELS} for one in (strong, weak))
    order = dict.fromkeys([*max(strong, weak, key=len), *strong, *weak])
    joined = {name: strong.get(name) or weak.get(name, "") for name in order}
    for name in strong.keys() & weak.keys():
        if strong[name].split() == weak[name].split():
            joined[name] = weak[name] if len(weak) > len(strong) else strong[name]
    return joined


def _images(strong: tuple[StudyImage, ...], weak: tuple[StudyImage, ...]) -> tuple[StudyImage, ...]:
    """Join images by UID, then by pixels; a held one comes before one that is only known of.

    Where one side holds an image that the other does not know (a layout that renumbers its files), the other side's
    images that are not held, and that the one side does not know, may be the same ones, and are left out.
    """
    joined = list(strong)
    for image in weak:
        same = next((place for place, one in enumerate(joined) if _same(one, image)), None)
        if same is None:
            joined.append(image)
        elif image.path and not joined[same].path:
            joined[same] = image
    left_out = [*_doubtful(strong, weak), *_doubtful(weak, strong)]
    return tuple(image for image in joined if image not in left_out)


def _doubtful(images: Sequence[StudyImage], other: Sequence[StudyImage]) -> list[StudyImage]:
    """Return the images that are only known of, and may be one that the other side holds under another UID."""
    if all(_known(image, images) for image in other if image.path):
        return []
    return [image for image in images if not image.path and not _known(image, other)]


def _known(image: StudyImage, images: Sequence[StudyImage]) -> bool:
    return any(_same(image, one) for one in images)


def _same(one: StudyImage, other: StudyImage) -> bool:
    return any(
        getattr(one, name) and getattr(one, name) == getattr(other, name)
        for name in ("sop_instance_uid", "pixel_sha256", "path")
    )
