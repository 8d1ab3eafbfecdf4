"""What an encoder sees in labelled images, kept on disk; of those that it learned from, as if it had not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import track

from radrag.disk import replacing
from radrag.domain import ImageFinding
from radrag.encoders.starter import StarterEncoder
from radrag.errors import WeightsError
from radrag.generation.mini_network import GRID
from radrag.training.checkpoints import disk_errors
from radrag.training.nih import LabelledImages
from radrag.training.starter import fold_numbers, pooled_features, unseen_probabilities

if TYPE_CHECKING:
    from radrag.encoders.base import ImageEncoder

SEEN, FINDINGS = "images.safetensors", "images.json"


@dataclass(frozen=True, slots=True, eq=False)
class SeenImages:
    """What an encoder says of labelled images.

    Attributes:
        maps: float16 [n, channels, GRID, GRID], pooled.
        findings: of each image.
    """

    maps: torch.Tensor
    findings: tuple[tuple[ImageFinding, ...], ...]


def see_images(encoder: ImageEncoder, data: LabelledImages, folder: Path, *, batch: int = 16) -> SeenImages:
    """Return what the encoder sees in all images, from the folder where it was kept.

    Of the training images, from whose labels the starter learned, it is what heads say that saw none of the patient.

    Raises:
        WeightsError: the encoder has no feature maps.
    """
    from safetensors.torch import load_file, save_file

    # earlier files, without "unseen", hold what the starter says of images that it learned from
    known = {"encoder": encoder.card.card_hash, "images": [path.name for path in data.paths], "unseen": True}
    if (folder / FINDINGS).is_file():
        kept = json.loads((folder / FINDINGS).read_text(encoding="utf-8"))
        if kept["of"] == known:
            findings = tuple(tuple(ImageFinding(**one) for one in of) for of in kept["findings"])
            return SeenImages(load_file(folder / SEEN)["maps"], findings)
    maps, found = [], []
    starts = range(0, len(data.paths), batch)
    for start in track(starts, "Encoding images", console=Console(stderr=True)):
        encoding = encoder.encode([read_grey(path) for path in data.paths[start : start + batch]])
        if encoding.feature_maps is None:
            raise WeightsError("This image encoder gives no feature maps.", hint="Use --encoder starter.")
        maps.append(torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(encoding.feature_maps), GRID).half())
        found += [tuple(_plain(one) for one in of) for of in encoding.findings]
    if isinstance(encoder, StarterEncoder):
        found = _unseen(encoder, data, found)
    seen = SeenImages(torch.cat(maps), tuple(found))
    with disk_errors("what the encoder sees"):
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / SEEN) as part:
            save_file({"maps": seen.maps.contiguous()}, part)
        told = {"of": known, "findings": [[asdict(one) for one in of] for of in found]}
        with replacing(folder / FINDINGS) as part:
            part.write_text(json.dumps(told), encoding="utf-8")
    return seen


def _unseen(
    encoder: StarterEncoder, data: LabelledImages, findings: Sequence[tuple[ImageFinding, ...]]
) -> list[tuple[ImageFinding, ...]]:
    """Return the findings with those of the training images out of fold."""
    features = pooled_features(encoder.network, data.paths)
    chances = unseen_probabilities(features, data, fold_numbers(data, seed=0))
    changed = list(findings)
    for row, of in zip(np.flatnonzero(~data.validation).tolist(), chances, strict=True):
        changed[row] = encoder.findings_of(of.astype(np.float32))
    return changed


def _plain(finding: ImageFinding) -> ImageFinding:
    return ImageFinding(finding.label, finding.probability, finding.threshold, finding.trained)


def read_grey(path: Path) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return an image file as float32 [rows, columns] in [0, 1], bright as stored."""
    from PIL import Image

    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32) / np.float32(255)
