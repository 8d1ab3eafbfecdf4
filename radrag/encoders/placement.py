"""Where the part of a display image that a model sees lies in the model's input, and the way back."""

from __future__ import annotations

from dataclasses import dataclass

from radrag.domain import Box

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Placement:
    """One rectangle of the display image, stretched onto one rectangle of the model's input.

    This covers every way of preparing an image: trimming and centre crops take less than the whole image as
    ``source``, letterboxing fills less than the whole input as ``target``. Coordinates are continuous, x to the
    right, y down, as in :mod:`radrag.dicom.geometry`, whose ``box_to_original`` leads on to original pixels.

    Attributes:
        source: ``(x0, y0, x1, y1)`` in display pixels.
        target: ``(x0, y0, x1, y1)`` in pixels of the model's input.
        size: (rows, columns) of the model's input.
    """

    source: Box
    target: Box
    size: tuple[int, int]

    def point_to_model(self, point: Point) -> Point:
        """Map (x, y) of the display image; points that the model does not see lie outside ``target``."""
        return _stretch(point, self.source, self.target)

    def point_to_display(self, point: Point) -> Point:
        """Map (x, y) of the model's input; points of the margin lie outside ``source``."""
        return _stretch(point, self.target, self.source)

    def box_to_display(self, box: Box) -> Box | None:
        """Map a box of the model's input, clipped to what shows the image; None when nothing is left."""
        x0, y0 = max(box[0], self.target[0]), max(box[1], self.target[1])
        x1, y1 = min(box[2], self.target[2]), min(box[3], self.target[3])
        if x0 >= x1 or y0 >= y1:
            return None
        return *self.point_to_display((x0, y0)), *self.point_to_display((x1, y1))


def _stretch(point: Point, source: Box, target: Box) -> Point:
    across = (float(point[0]) - source[0]) / (source[2] - source[0])
    down = (float(point[1]) - source[1]) / (source[3] - source[1])
    return target[0] + across * (target[2] - target[0]), target[1] + down * (target[3] - target[1])
