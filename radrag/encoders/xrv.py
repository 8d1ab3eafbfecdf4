"""torchxrayvision's DenseNet-121 classifiers, from a weights file that the user already has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from radrag.domain import ImageFinding, View
from radrag.encoders.base import FloatArray, ImageEncoding, check_images, unit_rows, untrained
from radrag.encoders.devices import check_device
from radrag.encoders.preprocessing import centre_square
from radrag.errors import UsageError, WeightsError
from radrag.models.card import ModelCard
from radrag.models.registry import IMAGE_TASK
from radrag.models.weights import find_weights, load_state, sha256_of

if TYPE_CHECKING:
    import torch

SIZE = 224
DIMENSION = 1024
BATCH = 16
RANGE = 1024.0
"""torchxrayvision scales display images to [-1024, 1024] (its utils.normalize)."""

NAMES = {"Effusion": "Pleural Effusion", "Pleural_Thickening": "Pleural Thickening"}
"""torchxrayvision's target → label in radrag, where they differ."""

HINT = (
    "Name the file with --encoder-weights FILE or RADRAG_ENCODER_WEIGHTS=FILE: a state dict as .safetensors or "
    ".pt. torchxrayvision's own files hold a whole pickled model; convert one where you trust it with "
    "safetensors.torch.save_file(torchxrayvision.models.DenseNet(weights=NAME).state_dict(), FILE)."
)


class XrvEncoder:
    """A torchxrayvision DenseNet-121 behind radrag's protocol.

    Its sigmoid outputs are scores, not calibrated probabilities; the threshold of each label is torchxrayvision's
    operating point on that same scale (``op_threshs``), not 0.5. Targets that the weights were not trained for, and
    lateral views, are masked.
    """

    def __init__(self, model: Any, card: ModelCard, *, device: str = "cpu", batch: int = BATCH) -> None:
        self._model = model.to(device)
        self._card = card
        self._device = device
        self._batch = batch

    @classmethod
    def load(cls, name: str, *, weights: Path | None = None, device: str = "cpu") -> Self:
        """Load a model by its registry name, ``xrv:`` and torchxrayvision's name.

        Args:
            name: for instance ``xrv:densenet121-res224-all``.
            weights: the local file; there is no default, nothing is fetched.
            device: ``cpu``, ``cuda`` or ``cuda:N``.

        Raises:
            MissingModel: no file was given, or it is not there.
            WeightsError: the file is damaged, unsafe or of another architecture.
            UsageError: the device is not there, or torchxrayvision knows no such weights.
        """
        check_device(device)
        path = find_weights(name, [weights], hint=HINT)
        state = load_state(path)
        import torchxrayvision.models as xrv

        theirs = name.removeprefix("xrv:")
        if theirs not in xrv.model_urls:
            raise UsageError(f"The installed torchxrayvision knows no weights {theirs!r}.", hint="See its README.")
        facts = xrv.model_urls[theirs]
        model = xrv.DenseNet(weights=None)
        state.pop("op_threshs", None)  # operating points are read from the library, by name
        try:
            model.load_state_dict(state)
        except RuntimeError as error:
            raise WeightsError(f"{path.name} is no torchxrayvision DenseNet-121 with 18 targets.", hint=HINT) from error
        model.requires_grad_(requires_grad=False)
        return cls(model.eval(), _card(name, facts, xrv.DenseNet.targets, path), device=device)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    def encode(self, images: Sequence[FloatArray], views: Sequence[View] | None = None) -> ImageEncoding:
        """Encode display images; see :meth:`radrag.encoders.base.ImageEncoder.encode`.

        Returns:
            vectors float32 [n, 1024], feature maps float32 [n, 1024, 7, 7], 18 findings an image.
        """
        import torch

        known = check_images(images, views)
        vectors = np.zeros((len(images), DIMENSION), np.float32)
        scores = np.zeros((len(images), len(self._card.labels)), np.float32)
        maps = np.zeros((len(images), DIMENSION, SIZE // 32, SIZE // 32), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), self._batch):
                batch = [centre_square(image, SIZE) for image in images[start : start + self._batch]]
                rows = slice(start, start + len(batch))
                pixels = torch.stack(batch).mul_(2).sub_(1).mul_(RANGE).to(self._device)
                last = torch.relu(self._model.features(pixels))
                pooled = last.mean((2, 3))
                vectors[rows], maps[rows] = _numpy(pooled), _numpy(last)
                scores[rows] = _numpy(torch.sigmoid(self._model.classifier(pooled)))
        return ImageEncoding(
            vectors=unit_rows(vectors),
            feature_maps=maps,
            findings=tuple(self._findings(row, view) for row, view in zip(scores, known, strict=True)),
        )

    def _findings(self, scores: FloatArray, view: View) -> tuple[ImageFinding, ...]:
        trained = () if view is View.LATERAL else self._card.trained
        return tuple(
            ImageFinding(label, float(score), self._card.thresholds[label]) if label in trained else untrained(label)
            for label, score in zip(self._card.labels, scores, strict=True)
        )


def _numpy(values: torch.Tensor) -> FloatArray:
    array: FloatArray = values.cpu().numpy()
    return array


def _card(name: str, facts: Mapping[str, Any], targets: Sequence[str], path: Path) -> ModelCard:
    """Write the card from torchxrayvision's own table; an empty target there means: not trained for it."""
    labels = tuple(NAMES.get(target, target) for target in targets)
    known = [label for label, target in zip(labels, facts["labels"], strict=True) if target]
    thresholds = {
        label: float(value) if math.isfinite(value) else 0.5
        for label, value in zip(labels, facts["op_threshs"], strict=True)
        if label in known
    }
    return ModelCard(
        name=name,
        version=name.removeprefix("xrv:"),
        task=IMAGE_TASK,
        input_size=SIZE,
        value_range=(-RANGE, RANGE),
        polarity="air dark",
        normalisation="centre crop, antialiased resize, [0, 1] to [-1024, 1024], unit length",
        dimension=DIMENSION,
        labels=labels,
        trained=tuple(known),
        licence="Apache-2.0",
        source="torchxrayvision",
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        data=str(facts.get("description", "")),
        thresholds=thresholds,
        limits=(
            "Research use: not a medical device, not for diagnosis.",
            "Scores are not calibrated probabilities; compare each with its own threshold.",
            "Frontal views only: findings of lateral views are masked.",
        ),
    )
