"""From what each place of a model's input adds to a finding's score, to a heat map and a box on the radiograph.

The evidence comes from the encoder: it is exact where a linear layer follows the pooling (class activation maps, Zhou
et al. 2016, https://arxiv.org/abs/1512.04150). A region says where the model looked, not where a lesion ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radrag.dicom.geometry import Geometry, resize
from radrag.domain import Box, ImageFinding
from radrag.encoders.placement import Placement
from radrag.reports.vocabulary import NO_FINDING

FloatArray = npt.NDArray[np.float32]

CELLS = 64
"""Rows and columns of the grid that evidence is brought to before a box is drawn."""

SHARE = 0.5
"""A box encloses what reaches this share of the greatest evidence and hangs together with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Activation:
    """Where in one image the score of one finding comes from.

    Attributes:
        evidence: float32 [h, w], what each cell of the model's input adds to the score (below 0: takes away).
        placement: from the model's input to the display image.
        display_shape: (rows, columns) of the display image.
    """

    evidence: FloatArray
    placement: Placement
    display_shape: tuple[int, int]

    def heat_map(self) -> FloatArray:
        """Return the evidence for the finding on the display image.

        Returns:
            float32 [rows, columns] in [0, 1], 1 at the greatest evidence; 0 where the model saw nothing, and
            everywhere when nothing speaks for the finding.
        """
        grid = self._grid()
        rows, columns = self.placement.size
        x0, y0, x1, y1 = self.placement.target
        seen = (x0 * CELLS / columns, y0 * CELLS / rows, x1 * CELLS / columns, y1 * CELLS / rows)
        left, top, right, bottom = (round(value) for value in self.placement.source)
        canvas = np.zeros(self.display_shape, np.float32)
        inside = canvas[max(top, 0) : bottom, max(left, 0) : right]
        inside[:] = resize(grid, inside.shape, seen)
        return np.clip(canvas, 0, 1)

    def box(self) -> Box | None:
        """Return the smallest box around the strongest place, in display pixels; None without any evidence."""
        grid = self._grid()
        if not grid.any():
            return None
        rows, columns = np.nonzero(_component(grid >= SHARE, int(grid.argmax())))
        height, width = self.placement.size
        across, down = width / CELLS, height / CELLS
        return self.placement.box_to_display(
            (columns.min() * across, rows.min() * down, (columns.max() + 1) * across, (rows.max() + 1) * down)
        )

    def _grid(self) -> FloatArray:
        """Return the evidence as float32 [CELLS, CELLS] in [0, 1], 0 in the margins."""
        grid = np.maximum(resize(self.evidence, (CELLS, CELLS)), 0)
        rows, columns = self.placement.size
        x0, y0, x1, y1 = self.placement.target
        x, y = (np.arange(CELLS) + 0.5) * columns / CELLS, (np.arange(CELLS) + 0.5) * rows / CELLS
        grid[(y < y0) | (y >= y1)] = 0
        grid[:, (x < x0) | (x >= x1)] = 0
        greatest = float(grid.max())
        scaled: FloatArray = (grid / greatest).astype(np.float32) if greatest > 0 else grid
        return scaled


def _component(mask: npt.NDArray[np.bool_], start: int) -> npt.NDArray[np.bool_]:
    """Return the part of ``mask`` that hangs together (edge to edge) with the cell of flat number ``start``."""
    found = np.zeros_like(mask)
    found.flat[start] = True
    while True:
        grown = found.copy()
        grown[1:] |= found[:-1]
        grown[:-1] |= found[1:]
        grown[:, 1:] |= found[:, :-1]
        grown[:, :-1] |= found[:, 1:]
        grown &= mask
        if np.array_equal(grown, found):
            return found
        found = grown


def located(findings: Iterable[ImageFinding]) -> tuple[int, ...]:
    """Return the numbers of the findings that get a region: those that count as present and have a place."""
    return tuple(number for number, finding in enumerate(findings) if finding.positive and finding.label != NO_FINDING)


def with_regions(findings: Iterable[ImageFinding], activations: Mapping[str, Activation]) -> tuple[ImageFinding, ...]:
    """Return the findings with the boxes of ``activations``, by label, in display pixels."""
    return tuple(
        replace(finding, region=activations[finding.label].box()) if finding.label in activations else finding
        for finding in findings
    )


def to_original(findings: Iterable[ImageFinding], geometry: Geometry) -> tuple[ImageFinding, ...]:
    """Map the regions of one image's findings from display to original pixels.

    Args:
        findings: of one image, as an encoder returned them.
        geometry: of the same image (``LoadedImage.geometry``).
    """
    return tuple(
        replace(finding, region=geometry.box_to_original(finding.region)) if finding.region else finding
        for finding in findings
    )
