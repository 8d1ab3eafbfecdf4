"""The starter encoder: shipped with radrag, works offline, trained on public frontal radiographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from radrag.dicom.greys import Greys
from radrag.domain import ImageFinding, View
from radrag.encoders.base import FloatArray, ImageEncoding, check_images, unit_rows, untrained
from radrag.encoders.calling import thresholds_for
from radrag.encoders.devices import check_device
from radrag.encoders.placement import Placement
from radrag.encoders.preprocessing import fit_square
from radrag.encoders.regions import Activation, located, with_regions
from radrag.encoders.runtime import Runtime, choose, eager, probe_images
from radrag.errors import WeightsError
from radrag.models.card import ModelCard
from radrag.models.weights import SHIPPED_ENCODERS, find_weights, load_state
from radrag.reports.vocabulary import NO_FINDING

if TYPE_CHECKING:
    import torch

    from radrag.encoders.starter_network import StarterNetwork

BATCH = 16
EVIDENCE_CELLS = 8
"""Rows and columns of the evidence: those of the last stages. Finer ones gave boxes that say less, see the card."""


class StarterEncoder:
    """EfficientNet-Lite2 with calibrated heads; see docs/model_cards/starter.md for data, scores and limits."""

    def __init__(self, network: StarterNetwork, card: ModelCard, *, device: str = "cpu", batch: int = BATCH) -> None:
        self._network = network.to(device)
        self._card = card
        self._device = device
        self._batch = batch
        self._run = eager(self._network)

    @classmethod
    def load(
        cls,
        name: str = "starter",
        *,
        weights: Path | None = None,
        cache: Path | None = None,  # noqa: ARG003 - it comes with radrag
        device: str = "cpu",
    ) -> Self:
        """Load the shipped weights, or ``weights`` (a .safetensors file with its .json card beside it).

        Raises:
            MissingModel: a file is not there.
            WeightsError: the weights are not what the card says.
            UsageError: the device is not there.
        """
        check_device(device)
        path = find_weights(
            name,
            [weights or SHIPPED_ENCODERS / "starter.safetensors"],
            hint="Reinstall radrag, or name the file with --encoder-weights (RADRAG_ENCODER_WEIGHTS).",
        )
        beside = find_weights(
            f"{name} (model card)", [path.with_suffix(".json")], hint="Put the model card beside the weights."
        )
        card = ModelCard.from_json(beside.read_text(encoding="utf-8"))
        state = load_state(path, sha256=card.sha256)
        from radrag.encoders.starter_network import empty_network, fill

        try:
            network = fill(empty_network(), state)
        except RuntimeError as error:
            raise WeightsError(
                f"{path.name} holds another architecture than starter {card.version}.",
                hint="Use weights made by radrag.training.starter of this version of radrag.",
            ) from error
        return cls(network, card, device=device)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def network(self) -> StarterNetwork:
        """The frozen network, for training on its features."""
        return self._network

    @classmethod
    def card_of(cls, name: str = "starter") -> ModelCard:  # noqa: ARG003 - there is one
        """Return the shipped card."""
        return ModelCard.from_json((SHIPPED_ENCODERS / "starter.json").read_text(encoding="utf-8"))

    def hasten(self, *, cache: Path | None = None, wanted: str = "") -> Runtime:
        """Take the fastest runtime for what is encoded from now on; see :func:`radrag.encoders.runtime.choose`.

        On a GPU nothing changes.
        """
        if self._device != "cpu":
            return Runtime("eager", self._run, f"on {self._device}")
        probe = probe_images(self._card.input_size).mul_(2).sub_(1)
        key = self._card.card_hash
        chosen = choose(
            self._network,
            probe,
            lambda outputs: (outputs[0].numpy(), outputs[1].numpy()),
            wanted=wanted,
            cache=cache,
            key=key,
        )
        self._run = chosen.run
        return chosen

    def encode(self, images: Sequence[FloatArray | Greys], views: Sequence[View] | None = None) -> ImageEncoding:
        """Encode display images; see :meth:`radrag.encoders.base.ImageEncoder.encode`.

        Returns:
            vectors float32 [n, 256], feature maps float32 [n, 208, 8, 8], 15 findings an image. The starter saw
            frontal views only: findings of lateral views are untrained.
        """
        import torch

        known = check_images(images, views)
        vectors = np.zeros((len(images), self._card.dimension), np.float32)
        maps: list[FloatArray] = []
        findings: list[tuple[ImageFinding, ...]] = []
        activations: list[dict[str, Activation]] = []
        with torch.inference_mode():
            for start in range(0, len(images), self._batch):
                batch = [fit_square(image, self._card.input_size) for image in images[start : start + self._batch]]
                pixels = torch.stack([square for square, _ in batch]).mul_(2).sub_(1).to(self._device)
                embedded, probability, *stages = self._run(pixels.contiguous(memory_format=torch.channels_last))
                stop = start + len(batch)
                vectors[start:stop] = embedded.cpu().numpy()
                maps.append(stages[-1].contiguous().cpu().numpy())
                for place, (row, (_, placement)) in enumerate(zip(probability.cpu().numpy(), batch, strict=True)):
                    found = self.findings_of(row, known[start + place])
                    of_image = [stage[place] for stage in stages]
                    activations.append(self._activations(found, of_image, placement, images[start + place].shape))
                    findings.append(with_regions(found, activations[-1]))
        from radrag.encoders.starter_network import CHANNELS

        side = self._card.input_size // 32
        empty = np.zeros((0, CHANNELS[-1], side, side), np.float32)
        return ImageEncoding(
            vectors=unit_rows(vectors),
            feature_maps=np.concatenate(maps) if maps else empty,
            findings=tuple(findings),
            activations=tuple(activations),
        )

    def findings_of(self, probabilities: FloatArray, view: View = View.UNKNOWN) -> tuple[ImageFinding, ...]:
        """Return the findings of an image by its labels' probabilities, [l]; of a lateral view they are untrained."""
        if view is View.LATERAL:
            return tuple(untrained(label) for label in self._card.labels)
        labels = self._card.labels
        usual = np.array([self._card.thresholds[label] for label in labels])
        held = thresholds_for(probabilities[None].astype(np.float64), usual, labels.index(NO_FINDING))[0]
        return tuple(
            ImageFinding(label, float(probability), float(threshold))
            for label, probability, threshold in zip(labels, probabilities, held, strict=True)
        )

    def _activations(
        self,
        findings: Sequence[ImageFinding],
        stages: Sequence[torch.Tensor],
        placement: Placement,
        shape: tuple[int, ...],
    ) -> dict[str, Activation]:
        """Return label → where its score comes from, for the findings that count as present."""
        from radrag.encoders.starter_regions import evidence

        outputs = located(findings)
        if not outputs:
            return {}
        shares = evidence(self._network, stages, outputs, cells=EVIDENCE_CELLS).cpu().numpy()
        return {
            findings[number].label: Activation(share, placement, (shape[0], shape[1]))
            for number, share in zip(outputs, shares, strict=True)
        }
