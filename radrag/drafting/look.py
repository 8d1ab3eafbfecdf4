"""What an encoder says of a whole study: one set of findings and one vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radrag.corpus.snapshot import encoder_identity
from radrag.domain import ImageFinding
from radrag.encoders.regions import to_original
from radrag.encoders.studies import study_vector

if TYPE_CHECKING:
    import numpy as np

    from radrag.dicom.read import LoadedStudy
    from radrag.encoders.base import ImageEncoder
    from radrag.index.manifest import Manifest


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What an encoder says of a study.

    Attributes:
        findings: one a label: the mean over the images the encoder was trained for.
        vector: float32 [d] of unit length; see :func:`radrag.encoders.studies.study_vector`.
        encoder: identity of the encoder.
    """

    findings: tuple[ImageFinding, ...]
    vector: np.ndarray
    encoder: Mapping[str, str]

    def vector_for(self, manifest: Manifest) -> np.ndarray | None:
        """Return the vector, if this encoder is the one that an index's images were encoded by."""
        return self.vector if dict(manifest.image_encoder) == dict(self.encoder) else None


def look(encoder: ImageEncoder, study: LoadedStudy) -> Seen:
    """Look at all images of a study."""
    views = [image.image.view for image in study.images]
    encoding = encoder.encode([image.pixels for image in study.images], views)
    placed = [to_original(one, image.geometry) for one, image in zip(encoding.findings, study.images, strict=True)]
    return Seen(combine(placed), study_vector(encoding.vectors, views, encoder.card), encoder_identity(encoder))


def combine(per_image: Sequence[Sequence[ImageFinding]]) -> tuple[ImageFinding, ...]:
    """Merge the findings of a study's images: probabilities are averaged over images the encoder was trained for.

    A region is the first image's, on which it is shown: the mean of several images has no place.
    """
    merged: list[ImageFinding] = []
    for of_label in zip(*per_image, strict=True):
        trained = [finding for finding in of_label if finding.trained]
        first = (trained or of_label)[0]
        if trained:
            mean = math.fsum(finding.probability for finding in trained) / len(trained)
            merged.append(ImageFinding(first.label, mean, first.threshold, True, of_label[0].region))
        else:
            merged.append(first)
    return tuple(merged)
