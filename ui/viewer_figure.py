"""A zoomable figure of plotly, and thumbnails: windows and PNG data URIs; pure, so that equal input keeps the zoom.

Plotly throws the reader's zoom away when a figure's JSON changes. The figure therefore depends on
(image, preset, focus) alone, and every window preset travels inside it: the buttons swap the image in the
browser, without a rerun.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from radrag.domain import Box

LONGEST_SIDE = 1400
"""Pixels of the longest displayed side: more than a 1920-pixel screen gives the image at zoom 1.5."""

CONFIG: dict[str, Any] = {
    "scrollZoom": True,
    "displaylogo": False,
    "doubleClick": "reset",
    "showTips": False,
    "modeBarButtonsToRemove": ["toImage", "zoom2d", "select2d", "lasso2d", "autoScale2d", "pan2d"],
}
"""Plotly's behaviour: scroll zooms, a double click resets, no image download."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One window: percentiles of the image that become black and white, and the gamma between them.

    A radiograph has no absolute scale as CT has, so the limits are percentiles of the image itself.
    """

    name: str
    low: float = 0.0
    high: float = 100.0
    gamma: float = 1.0
    inverted: bool = False


PRESETS: tuple[Preset, ...] = (
    Preset("Default"),
    Preset("Lung", low=1.0, high=72.0),
    Preset("Soft tissue", low=22.0, high=98.0),
    Preset("Bone", low=45.0, high=99.8, gamma=1.25),
    Preset("Invert", inverted=True),
)


@dataclass(frozen=True, slots=True)
class DisplayImage:
    """One image ready for the browser.

    Attributes:
        sources: preset name → PNG data URI, all of one size.
        rows, columns: size of the display image before shrinking; the figure's axes count these pixels.
    """

    sources: Mapping[str, str]
    rows: int
    columns: int


def windowed(pixels: np.ndarray, preset: Preset) -> np.ndarray:
    """Apply a window.

    Args:
        pixels: float32 [rows, columns] in [0, 1], 1 = white.
        preset: the window.

    Returns:
        uint8 [rows, columns]; browsers do not show 16-bit greyscale.
    """
    values = np.nan_to_num(np.asarray(pixels, dtype=np.float32), nan=0.0, posinf=1.0, neginf=0.0)
    if (preset.low, preset.high) != (0.0, 100.0):
        low, high = np.percentile(values, (preset.low, preset.high))
        values = (values - low) / max(float(high - low), 1e-6)
    values = np.clip(values, 0.0, 1.0)
    if preset.gamma != 1.0:
        values = np.power(values, preset.gamma)
    if preset.inverted:
        values = 1.0 - values
    return np.asarray(np.rint(values * 255.0), dtype=np.uint8)


def shrunk(pixels: np.ndarray, longest: int = LONGEST_SIDE) -> np.ndarray:
    """Return float32 pixels whose longest side is at most ``longest``; averages areas, never enlarges."""
    rows, columns = pixels.shape
    scale = longest / max(rows, columns)
    picture = np.ascontiguousarray(pixels, dtype=np.float32)
    if scale >= 1.0:
        return picture
    size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
    return np.asarray(Image.fromarray(picture, mode="F").resize(size, Image.Resampling.BOX), dtype=np.float32)


def data_uri(grey: np.ndarray) -> str:
    """Return a uint8 [rows, columns] image as a PNG data URI.

    Data URIs stay inside the session's own socket; anyone who has a media file's address can fetch that.
    """
    buffer = io.BytesIO()
    Image.fromarray(grey, mode="L").save(buffer, format="PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def display_image(pixels: np.ndarray, *, longest: int = LONGEST_SIDE) -> DisplayImage:
    """Render every preset of one image.

    Args:
        pixels: float32 [rows, columns] in [0, 1], 1 = white.
        longest: longest side of the PNGs, in pixels.
    """
    rows, columns = pixels.shape
    small = shrunk(pixels, longest)
    return DisplayImage({preset.name: data_uri(windowed(small, preset)) for preset in PRESETS}, rows, columns)


def thumbnail(pixels: np.ndarray, longest: int = 280) -> str:
    """Return a small PNG data URI of float32 pixels in [0, 1]."""
    return data_uri(windowed(shrunk(pixels, longest), PRESETS[0]))


def figure(image: DisplayImage, *, preset: str = "Default", focus: Box | None = None) -> dict[str, Any]:
    """Return the figure as plotly JSON: image, window buttons, and the focused region's frame.

    Args:
        image: the rendered presets.
        preset: the one shown first.
        focus: box (x0, y0, x1, y1) in pixels of the display image; the view is centred on it with a margin.
    """
    names = list(image.sources)
    # "domain" keeps the ranges when the browser resizes the figure; "range" would widen them for good.
    axis: dict[str, Any] = {"visible": False, "showgrid": False, "zeroline": False, "constrain": "domain"}
    x_range, y_range = _ranges(image, focus)
    layout: dict[str, Any] = {
        "images": [
            {
                "source": image.sources[preset],
                "xref": "x",
                "yref": "y",
                "x": 0,
                "y": 0,
                "sizex": image.columns,
                "sizey": image.rows,
                "sizing": "stretch",
                "layer": "below",
            }
        ],
        "xaxis": {**axis, "range": x_range},
        "yaxis": {**axis, "range": y_range, "scaleanchor": "x", "scaleratio": 1},
        "dragmode": "pan",
        "margin": {"l": 0, "r": 0, "t": 44, "b": 0},
        "paper_bgcolor": "#000000",
        "plot_bgcolor": "#000000",
        "showlegend": False,
        "hovermode": False,
        "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0.35)", "color": "#9fb3c8", "activecolor": "#ffffff"},
        "updatemenus": [_buttons(image, names, preset)],
        "shapes": [] if focus is None else [_frame(focus)],
    }
    return {"data": [{"type": "scatter", "x": [], "y": [], "hoverinfo": "skip"}], "layout": layout}


def _ranges(image: DisplayImage, focus: Box | None) -> tuple[list[float], list[float]]:
    """Axis ranges of the image's own aspect, so that the image fills the same place; y runs downwards.

    A focus is centred at most four times enlarged, with a margin of half its size on each side.
    """
    if focus is None:
        return [0.0, float(image.columns)], [float(image.rows), 0.0]
    x0, y0, x1, y1 = focus
    share = min(1.0, max(0.25, 2.0 * (x1 - x0) / image.columns, 2.0 * (y1 - y0) / image.rows))
    half_width, half_height = share * image.columns / 2, share * image.rows / 2
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return [x - half_width, x + half_width], [y + half_height, y - half_height]


def _frame(box: Box) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {"type": "rect", "x0": x0, "y0": y0, "x1": x1, "y1": y1, "line": {"color": "#ffd166", "width": 2}}


def _buttons(image: DisplayImage, names: list[str], preset: str) -> dict[str, Any]:
    return {
        "type": "buttons",
        "direction": "right",
        "active": names.index(preset),
        "showactive": True,
        "x": 0,
        "xanchor": "left",
        "y": 1,
        "yanchor": "bottom",
        "pad": {"l": 6, "b": 6, "t": 6},
        "bgcolor": "#16212d",
        "bordercolor": "#2b3b4d",
        "borderwidth": 1,
        "font": {"color": "#7d93a8", "size": 12},
        "buttons": [
            {"label": name, "method": "relayout", "args": [{"images[0].source": image.sources[name]}]} for name in names
        ],
    }
