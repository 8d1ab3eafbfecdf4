"""Vision towers of Hugging Face models (RAD-DINO and other ViTs, CLIP, MedSigLIP, BiomedCLIP) from a local folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from radrag.dicom.greys import Greys
from radrag.domain import View
from radrag.encoders.base import FloatArray, ImageEncoding, check_images, unit_rows
from radrag.encoders.devices import check_device
from radrag.encoders.huggingface_folder import CONFIG, card_facts, find_folder, load_network, read_json
from radrag.encoders.huggingface_images import ImageSteps
from radrag.encoders.openclip import OPEN_CLIP, image_steps, image_tower, is_open_clip
from radrag.errors import UsageError, WeightsError
from radrag.models.card import ModelCard
from radrag.models.registry import IMAGE_TASK

if TYPE_CHECKING:
    import torch

BATCH = 8


def _first_token(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network(pixel_values=pixels).last_hidden_state[:, 0]
    return found


def _pooled(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network(pixel_values=pixels).pooler_output
    return found


def _projected(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network.get_image_features(pixel_values=pixels).pooler_output
    return found


def _whole(network: Any, pixels: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = network(pixels)
    return found


SHARED = ("clip", "siglip", OPEN_CLIP)
"""Model types whose images and texts share a space."""
VECTORS: dict[str, tuple[str, Callable[[Any, torch.Tensor], torch.Tensor]]] = {
    **dict.fromkeys(
        ("vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit"), ("normalised first token", _first_token)
    ),
    **dict.fromkeys(("clip_vision_model", "siglip_vision_model"), ("pooled output of the tower", _pooled)),
    **dict.fromkeys(("clip", "siglip"), ("image projection", _projected)),
    OPEN_CLIP: ("image projection", _whole),
}
"""Model type → what the vector is, and how it is read. RAD-DINO's authors use the first token (its model card)."""
ANY_SIZE = ("dinov2", "dinov2_with_registers", "dinov3_vit")
"""Model types that adapt their position codes to the image's size."""


class HuggingFaceImageEncoder:
    """Unit vectors of a vision tower, with the model's own preprocessing; no findings and no regions.

    No regions: attention rollout of a tower that was not trained for a finding does not say where the finding is.
    """

    def __init__(self, network: Any, steps: ImageSteps, card: ModelCard, kind: str, *, device: str = "cpu") -> None:
        self._network = network.to(device)
        self._steps = steps
        self._card = card
        self._vectors = VECTORS[kind][1]
        self._device = device

    @classmethod
    def load(cls, name: str, *, weights: Path | None = None, cache: Path | None = None, device: str = "cpu") -> Self:
        """Load ``hf:FOLDER``, or ``hf:OWNER/NAME`` if it was pulled or is in Hugging Face's own cache.

        Args:
            name: as above.
            weights: must be None: the folder has its own.
            cache: folder of pulled models.
            device: ``cpu``, ``cuda`` or ``cuda:N``.

        Raises:
            MissingModel: it is not on this machine; the message has the command.
            WeightsError: the folder is incomplete or damaged, holds code, or is of an unknown architecture.
            UsageError: the device is not there, or ``weights`` was given.
        """
        check_device(device)
        if weights is not None:
            raise UsageError("A Hugging Face model brings its own weights.", hint="Leave --encoder-weights out.")
        folder = find_folder(name, cache)
        kind, network, steps, (channels, *size) = _open_clip(folder) if is_open_clip(folder) else _tower(folder)
        import torch

        with torch.inference_mode():
            dimension = VECTORS[kind][1](network, torch.zeros(1, channels, *size)).shape[1]
        card = _card(card_facts(folder, name), kind, steps, size, dimension)
        return cls(network, steps, card, kind, device=device)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    def encode(self, images: Sequence[FloatArray | Greys], views: Sequence[View] | None = None) -> ImageEncoding:
        """Encode display images; see :meth:`radrag.encoders.base.ImageEncoder.encode`.

        Returns:
            vectors float32 [n, d], no feature maps, no findings.
        """
        import torch

        check_images(images, views)
        vectors = np.zeros((len(images), self._card.dimension), np.float32)
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                batch = [self._steps.prepare(image)[0] for image in images[start : start + BATCH]]
                found = self._vectors(self._network, torch.stack(batch).to(self._device))
                vectors[start : start + len(batch)] = found.cpu().numpy()
        return ImageEncoding(unit_rows(vectors), None, ((),) * len(images))


def _open_clip(folder: Path) -> tuple[str, Any, ImageSteps, tuple[int, int, int]]:
    """Return kind, network, preparation and shape of the input (channels first) of a folder in OpenCLIP's layout."""
    steps, side = image_steps(folder)
    return OPEN_CLIP, image_tower(folder), steps, (len(steps.mean), side, side)


def _tower(folder: Path) -> tuple[str, Any, ImageSteps, tuple[int, int, int]]:
    """Return the same of a folder in transformers' layout."""
    kind = str(read_json(folder / CONFIG).get("model_type", ""))
    if kind not in VECTORS:
        raise WeightsError(
            f"{folder.name}: {kind or 'nameless'!r} is no vision tower that radrag knows.",
            hint=f"Known: {', '.join(VECTORS)}.",
        )
    network, config = load_network(folder)
    vision = getattr(config, "vision_config", config)
    steps = ImageSteps.read(folder, channels=vision.num_channels)
    size = steps.result()
    if size is None or (kind not in ANY_SIZE and size != (vision.image_size, vision.image_size)):
        raise WeightsError(
            f"{folder.name}: images are prepared as {size or 'any size'}, the tower takes {vision.image_size}.",
            hint="Use the preprocessor_config.json that belongs to the weights.",
        )
    return kind, network, steps, (vision.num_channels, *size)


def _card(facts: Any, kind: str, steps: ImageSteps, size: Sequence[int], dimension: int) -> ModelCard:
    return ModelCard(
        **facts,
        task=IMAGE_TASK,
        input_size=max(size),
        value_range=steps.value_range(),
        polarity="air dark",
        normalisation=f"{steps.describe()}; grey repeated to every channel; {VECTORS[kind][0]}, unit length",
        dimension=dimension,
        labels=(),
        trained=(),
        views=(),
        shared_space=facts["sha256"] if kind in SHARED else "",
        data="see the model's own page",
        limits=(
            "Research use: not a medical device, not for diagnosis.",
            "It reports no findings and no regions.",
            "Which projections it was trained on is not known to radrag: a study's vector is the mean of all images.",
        ),
    )
