"""torchxrayvision's classifiers (DenseNet-121 at 224 pixels, ResNet-50 at 512), from weights on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from radrag.dicom.greys import Greys
from radrag.disk import sha256_of
from radrag.domain import ImageFinding, View
from radrag.encoders.base import FloatArray, ImageEncoding, check_images, unit_rows, untrained
from radrag.encoders.devices import check_device
from radrag.encoders.placement import Placement
from radrag.encoders.preprocessing import fit_centre
from radrag.encoders.regions import Activation, located, with_regions
from radrag.encoders.runtime import Runtime, choose, eager, probe_images
from radrag.errors import UsageError, WeightsError
from radrag.models.card import ModelCard
from radrag.models.pulled import WEIGHTS, folder_of
from radrag.models.registry import IMAGE_TASK
from radrag.models.weights import find_weights, load_state

if TYPE_CHECKING:
    import torch

TABLE = Path(__file__).with_name("xrv_models.json")
"""From torchxrayvision 1.5.7 (``models.model_urls``): address, input size, operating point of each trained target."""

BATCH = 16
RANGE = 1024.0
"""torchxrayvision scales display images to [-1024, 1024] (its utils.normalize)."""

LABELS = (
    "Atelectasis",
    "Consolidation",
    "Infiltration",
    "Pneumothorax",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural Effusion",
    "Pneumonia",
    "Pleural Thickening",
    "Cardiomegaly",
    "Nodule",
    "Mass",
    "Hernia",
    "Lung Lesion",
    "Fracture",
    "Lung Opacity",
    "Enlarged Cardiomediastinum",
)
"""torchxrayvision's 18 targets in their order; it writes Effusion and Pleural_Thickening."""


class XrvEncoder:
    """A torchxrayvision classifier behind radrag's protocol.

    Its sigmoid outputs are scores, not calibrated probabilities; the threshold of each label is torchxrayvision's
    operating point on that same scale (``op_threshs``), not 0.5. Targets that the weights were not trained for, and
    lateral views, are masked. Regions are class activation maps, exact because one linear layer follows the mean.
    """

    def __init__(self, trunk: Any, head: Any, card: ModelCard, *, device: str = "cpu", batch: int = BATCH) -> None:
        self._trunk = trunk.to(device)
        self._head = head.to(device)
        self._card = card
        self._device = device
        self._batch = batch
        self._run = eager(self._trunk)

    @classmethod
    def load(cls, name: str, *, weights: Path | None = None, cache: Path | None = None, device: str = "cpu") -> Self:
        """Load a model by its registry name, ``xrv:`` and torchxrayvision's name.

        Args:
            name: for instance ``xrv:densenet121-res224-all``.
            weights: a local file; by default what ``radrag models pull`` put into ``cache``. Nothing is fetched.
            cache: folder of pulled models.
            device: ``cpu``, ``cuda`` or ``cuda:N``.

        Raises:
            MissingModel: there is no file; the message has the command.
            WeightsError: the file is damaged, unsafe or of another architecture.
            UsageError: the device is not there, or there are no such weights.
        """
        check_device(device)
        card = cls.card_of(name)
        pulled = folder_of(cache, name) / WEIGHTS if cache else None
        path = find_weights(
            name,
            [weights or pulled],
            hint=f"Get it with `radrag models pull {name}`, or name a file with --encoder-weights FILE or "
            "RADRAG_ENCODER_WEIGHTS=FILE.",
        )
        state = load_state(path)
        state.pop("op_threshs", None)  # operating points are in the table, by name
        try:
            trunk, head = (_densenet if "densenet" in name else _resnet)(state)
        except RuntimeError as error:
            raise WeightsError(
                f"{path.name} is no torchxrayvision {name.removeprefix('xrv:')} with {len(LABELS)} targets.",
                hint="Check which model the file belongs to.",
            ) from error
        return cls(trunk, head, replace(card, sha256=sha256_of(path), size_bytes=path.stat().st_size), device=device)

    @classmethod
    def card_of(cls, name: str) -> ModelCard:
        """Return the card without weights.

        Raises:
            UsageError: torchxrayvision has no such weights.
        """
        facts = json.loads(TABLE.read_text(encoding="utf-8")).get(name.removeprefix("xrv:"))
        if facts is None:
            raise UsageError(f"torchxrayvision has no weights {name!r}.", hint="See `radrag models list`.")
        return _card(name, facts)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    def hasten(self, *, cache: Path | None = None, wanted: str = "") -> Runtime:
        """Take the fastest runtime for what is encoded from now on; see :func:`radrag.encoders.runtime.choose`.

        On a GPU nothing changes.
        """
        if self._device != "cpu":
            return Runtime("eager", self._run, f"on {self._device}")
        probe = probe_images(self._card.input_size).mul_(2).sub_(1).mul_(RANGE)
        chosen = choose(self._trunk, probe, self._read, wanted=wanted, cache=cache, key=self._card.card_hash)
        self._run = chosen.run
        return chosen

    def _read(self, outputs: tuple[torch.Tensor, ...]) -> tuple[FloatArray, FloatArray]:
        import torch

        pooled = outputs[0].mean((2, 3))
        return _numpy(pooled), _numpy(torch.sigmoid(self._head(pooled)))

    def encode(self, images: Sequence[FloatArray | Greys], views: Sequence[View] | None = None) -> ImageEncoding:
        """Encode display images; see :meth:`radrag.encoders.base.ImageEncoder.encode`.

        Returns:
            vectors float32 [n, d], feature maps float32 [n, d, s, s], 18 findings an image; d and s are 1,024 and 7
            for DenseNet-121, 2,048 and 16 for ResNet-50.
        """
        import torch

        known = check_images(images, views)
        size, dimension = self._card.input_size, self._card.dimension
        vectors = np.zeros((len(images), dimension), np.float32)
        maps = np.zeros((len(images), dimension, size // 32, size // 32), np.float32)
        findings: list[tuple[ImageFinding, ...]] = []
        activations: list[dict[str, Activation]] = []
        weights = _numpy(self._head.weight)
        with torch.inference_mode():
            for start in range(0, len(images), self._batch):
                batch = [fit_centre(image, size) for image in images[start : start + self._batch]]
                rows = slice(start, start + len(batch))
                pixels = torch.stack([square for square, _ in batch]).mul_(2).sub_(1).mul_(RANGE).to(self._device)
                last = self._run(pixels)[0]
                pooled = last.mean((2, 3))
                vectors[rows], maps[rows] = _numpy(pooled), _numpy(last)
                for place, scores in enumerate(_numpy(torch.sigmoid(self._head(pooled))), start=start):
                    found = self._findings(scores, known[place])
                    placement = batch[place - start][1]
                    activations.append(_activations(found, weights, maps[place], placement, images[place].shape))
                    findings.append(with_regions(found, activations[-1]))
        return ImageEncoding(unit_rows(vectors), maps, tuple(findings), tuple(activations))

    def _findings(self, scores: FloatArray, view: View) -> tuple[ImageFinding, ...]:
        trained = () if view is View.LATERAL else self._card.trained
        return tuple(
            ImageFinding(label, float(score), self._card.thresholds[label]) if label in trained else untrained(label)
            for label, score in zip(self._card.labels, scores, strict=True)
        )


def _activations(
    findings: Sequence[ImageFinding],
    weights: FloatArray,
    last: FloatArray,
    placement: Placement,
    shape: tuple[int, ...],
) -> dict[str, Activation]:
    """Return label → class activation map, for the findings that count as present.

    Args:
        weights: of the classifier, float32 [l, d].
        last: feature maps of one image, float32 [d, s, s].
    """
    return {
        findings[number].label: Activation(
            np.tensordot(weights[number], last, axes=1) / last[0].size, placement, (shape[0], shape[1])
        )
        for number in located(findings)
    }


def _numpy(values: torch.Tensor) -> FloatArray:
    array: FloatArray = values.cpu().numpy()
    return array


def _densenet(state: Mapping[str, torch.Tensor]) -> tuple[Any, Any]:
    """Return features with their last ReLU, and the classifier; RuntimeError when the weights do not fit."""
    import torchxrayvision.models as xrv
    from torch.nn import ReLU, Sequential

    model = xrv.DenseNet(weights=None)
    model.load_state_dict(state)
    model.eval().requires_grad_(requires_grad=False)
    return Sequential(model.features, ReLU()), model.classifier


def _resnet(state: Mapping[str, torch.Tensor]) -> tuple[Any, Any]:
    """Return the four layers and the classifier of torchvision's ResNet-50 with one input channel."""
    from torch.nn import Conv2d, Sequential
    from torchvision.models import resnet50

    model = resnet50(weights=None, num_classes=len(LABELS))
    model.conv1 = Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
    model.load_state_dict({name.removeprefix("model."): value for name, value in state.items()})
    model.eval().requires_grad_(requires_grad=False)
    parts = (model.conv1, model.bn1, model.relu, model.maxpool, model.layer1, model.layer2, model.layer3, model.layer4)
    return Sequential(*parts), model.fc


def _card(name: str, facts: Mapping[str, Any]) -> ModelCard:
    resnet = "resnet" in name
    return ModelCard(
        name=name,
        version=name.removeprefix("xrv:"),
        task=IMAGE_TASK,
        input_size=facts["size"],
        value_range=(-RANGE, RANGE),
        polarity="air dark",
        normalisation="centre crop, antialiased resize, [0, 1] to [-1024, 1024], unit length",
        dimension=2048 if resnet else 1024,
        labels=LABELS,
        trained=tuple(label for label in LABELS if label in facts["thresholds"]),
        licence="Apache-2.0",
        source="torchxrayvision",
        url=facts["url"],
        data=facts["data"],
        thresholds=facts["thresholds"],
        regions="class activation map of the last layer, exact; boxes around half of its maximum",
        limits=(
            "Research use: not a medical device, not for diagnosis.",
            "Scores are not calibrated probabilities; compare each with its own threshold.",
            "torchxrayvision's own outputs are rescaled so that each operating point lies at 0.5: "
            "those are no probabilities either.",
            "Frontal views only: findings of lateral views are masked.",
            "What lies outside the centre square of the image is not seen.",
        ),
    )
