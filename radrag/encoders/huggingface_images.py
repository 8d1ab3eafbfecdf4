"""How a Hugging Face model wants its images: the steps of its own image processor, with a known way back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from radrag.dicom.greys import Greys
from radrag.encoders.base import FloatArray
from radrag.encoders.placement import Placement
from radrag.encoders.preprocessing import resize
from radrag.errors import WeightsError

if TYPE_CHECKING:
    import torch

FILES = ("preprocessor_config.json", "processor_config.json")
MODES: dict[int, Literal["bilinear", "bicubic"]] = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of its filters; other filters are refused."""
GREY_LEVELS = 255
"""A processor takes grey levels of 8 bits; display images are those divided by 255."""


@dataclass(frozen=True, slots=True)
class ImageSteps:
    """Resize, crop, rescale, normalise, repeat: what an image processor's configuration says.

    Attributes:
        size: (rows, columns) to resize to, one number for the shortest side, or None to leave the size.
        crop: (rows, columns) of the centre crop, padded with black where the image is smaller; or None.
        mode: of the resize.
        scale: what grey levels from 0 to 255 are multiplied by.
        mean, std: subtracted and divided by, one a channel.
    """

    size: tuple[int, int] | int | None
    crop: tuple[int, int] | None
    mode: Literal["bilinear", "bicubic"]
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def read(cls, folder: Path, *, channels: int) -> Self:
        """Read the steps of a model's folder, with transformers' defaults for what is not written down.

        Raises:
            WeightsError: there is no configuration, or it has a step that is not known here.
        """
        if not any((folder / name).is_file() for name in FILES):
            raise WeightsError(
                f"{folder.name} does not say how images are prepared ({FILES[0]}).", hint="Add the model's own file."
            )
        from transformers import AutoImageProcessor

        processors: Any = AutoImageProcessor
        try:
            given = processors.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
            raise WeightsError(
                f"{folder.name}: the image processor cannot be read ({type(error).__name__}).",
                hint="Use the model's own file; code from a model's folder is never run.",
            ) from error
        mode = MODES.get(int(getattr(given, "resample", None) or 0))
        if getattr(given, "do_pad", None) or (given.do_resize and mode is None):
            raise WeightsError(
                f"{folder.name}: the image processor pads or uses a filter that radrag does not know.",
                hint=f"Known: resize ({', '.join(MODES.values())}), centre crop, rescale, normalise.",
            )
        normal = bool(given.do_normalize)
        return cls(
            size=_size(folder, given.size) if given.do_resize else None,
            crop=_height_width(given.crop_size) if getattr(given, "do_center_crop", None) else None,
            mode=mode or "bilinear",
            scale=float(given.rescale_factor) if given.do_rescale else 1.0,
            mean=_channels(given.image_mean if normal else 0.0, channels),
            std=_channels(given.image_std if normal else 1.0, channels),
        )

    def prepare(self, image: FloatArray | Greys) -> tuple[torch.Tensor, Placement]:
        """Prepare one display image.

        Args:
            image: [rows, columns] in [0, 1].

        Returns:
            float32 [channels, rows, columns] as the model wants it, and the way back.
        """
        import torch

        rows, columns = image.shape
        shape = self._shape(rows, columns)
        pixels = resize(image, shape, self.mode).clamp_(0, 1)
        height, width = self.crop or shape
        top, left = int((shape[0] - height) / 2), int((shape[1] - width) / 2)
        if self.crop and (height > shape[0] or width > shape[1]):
            top, left = -((height - shape[0] + 1) // 2), -((width - shape[1] + 1) // 2)
        canvas = torch.zeros(1, height, width)
        y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + height, shape[0]), min(left + width, shape[1])
        canvas[:, y0 - top : y1 - top, x0 - left : x1 - left] = pixels[:, y0:y1, x0:x1]
        across, down = columns / shape[1], rows / shape[0]
        placement = Placement(
            (x0 * across, y0 * down, x1 * across, y1 * down),
            (float(x0 - left), float(y0 - top), float(x1 - left), float(y1 - top)),
            (height, width),
        )
        mean, std = torch.tensor(self.mean)[:, None, None], torch.tensor(self.std)[:, None, None]
        return (canvas * (GREY_LEVELS * self.scale) - mean) / std, placement

    def describe(self) -> str:
        """Return the steps as one line, for the card: two models with the same line prepare images alike."""
        size = f"shortest side {self.size}" if isinstance(self.size, int) else f"{self.size}"
        mean, std = (",".join(f"{value:.6g}" for value in values) for values in (self.mean, self.std))
        return f"resize {size} {self.mode}, crop {self.crop}, scale {self.scale:.6g}, mean {mean}, std {std}"

    def value_range(self) -> tuple[float, float]:
        """Return the least and greatest input value."""
        mean, std = np.array(self.mean), np.array(self.std)
        return float((-mean / std).min()), float(((GREY_LEVELS * self.scale - mean) / std).max())

    def result(self) -> tuple[int, int] | None:
        """Return (rows, columns) of what :meth:`prepare` returns, or None when it depends on the image."""
        return self.crop or (self.size if isinstance(self.size, tuple) else None)

    def _shape(self, rows: int, columns: int) -> tuple[int, int]:
        if self.size is None:
            return rows, columns
        if isinstance(self.size, tuple):
            return self.size
        longest = int(self.size * max(rows, columns) / min(rows, columns))
        return (self.size, longest) if rows <= columns else (longest, self.size)


def _size(folder: Path, size: Any) -> tuple[int, int] | int:
    if size.get("shortest_edge") and not size.get("longest_edge"):
        return int(size["shortest_edge"])
    if size.get("height") and size.get("width"):
        return int(size["height"]), int(size["width"])
    raise WeightsError(
        f"{folder.name}: the image processor resizes in a way that radrag does not know.",
        hint="Known: height and width, or shortest_edge.",
    )


def _height_width(size: Any) -> tuple[int, int]:
    return int(size["height"]), int(size["width"])


def _channels(values: Any, channels: int) -> tuple[float, ...]:
    given = tuple(float(value) for value in values) if isinstance(values, list | tuple) else (float(values),)
    return given if len(given) == channels else given[:1] * channels
