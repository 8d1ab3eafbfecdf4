"""Plots as SVG that takes its colours from the page: they fit light, dark and paper."""

from __future__ import annotations

import functools
import io
import math
import re
import threading
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.audit.sections import Plot, PlotKind, Series
from radrag.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET = "#010101", "#020202"
SERIES = ("#030301", "#030302", "#030303", "#030304", "#030305", "#030306", "#030307", "#030308")
"""Stand for the page's colours, which are put in their place: matplotlib knows no CSS variables."""

VARIABLES = {INK: "ink", QUIET: "quiet", **{colour: f"s{place}" for place, colour in enumerate(SERIES, start=1)}}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it is found, read aloud, and small
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.parse_math": False,  # names come from tables and headers: "$" is no formula
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": QUIET,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
_TURN = threading.Lock()  # matplotlib's settings are one for all threads
FEW = 8
"""Categories up to which bars stand; more lie, so that their names can be read."""


@functools.lru_cache(maxsize=64)
def plot_svg(plot: Plot, name: str) -> str:
    """Return a plot as an SVG element in the page's CSS variables; the same values give the same bytes.

    Args:
        name: goes before the ids in it, which must differ from those of other plots of the page.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    require("matplotlib", extra="metrics")
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    names = categories(plot)
    lying = plot.kind == PlotKind.BAR and len(names) > FEW
    height = max(2.6, 0.24 * len(names) * max(len(plot.series), 1) ** 0.5 + 0.8) if lying else 3.2
    square = plot.kind == PlotKind.RELIABILITY
    with _TURN, mpl.rc_context({**STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(4.2 if square else 7.2, 4.0 if square else height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        if plot.kind in (PlotKind.BAR, PlotKind.HISTOGRAM):
            _bars(axes, plot, names, lying=lying)
        else:
            _lines(axes, plot)
        axes.grid(axis="x" if lying else "y")
        if len(plot.series) > 1:
            figure.legend(loc="outside upper center", ncols=min(len(plot.series), 4))
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _fitted(out.getvalue(), name, plot.title)


def plot_image(plot: Plot, name: str, *, dark: bool) -> str:
    """Return a plot as an SVG file's text, with the page's colours for dark or light in it.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    svg = plot_svg(plot, name)
    for variable, (light, night) in colours().items():
        svg = svg.replace(f"var(--{variable})", night if dark else light)
    return svg


@functools.cache
def colours() -> dict[str, tuple[str, str]]:
    """Return the page's CSS variables: name → (colour by day, by night)."""
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    return {name: (day, night) for name, day, night in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", style)}


def categories(plot: Plot) -> list[str | float]:
    """Return what the bars of any series stand for: numbers in order, words as they come."""
    found = list(dict.fromkeys(value for series in plot.series for value in series.x))
    numbers = [value for value in found if isinstance(value, int | float)]
    return list(sorted(numbers)) if len(numbers) == len(found) else found


def _bars(axes: Axes, plot: Plot, found: Sequence[str | float], *, lying: bool) -> None:
    names = [value if isinstance(value, str) else f"{value:g}" for value in found]
    count = max(len(plot.series), 1)
    width = (0.96 if plot.kind == PlotKind.HISTOGRAM else 0.8) / count
    for number, series in enumerate(plot.series):
        places = [found.index(value) + (number - (count - 1) / 2) * width for value in series.x]
        values = [_number(value) for value in series.y]
        colour: dict[str, Any] = {"color": SERIES[number % len(SERIES)], "label": series.name}
        ends: dict[str, Any] = {"ecolor": INK, "error_kw": {"linewidth": 0.9}, "capsize": 2}
        if lying:
            axes.barh(places, values, width, xerr=_ends(series), **colour, **ends)
        else:
            axes.bar(places, values, width, yerr=_ends(series), **colour, **ends)
    if lying:
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.margins(y=0.01)
        axes.set(xlabel=plot.y_label)
    else:
        axes.set_xticks(range(len(names)), names)
        if plot.kind == PlotKind.HISTOGRAM:
            from matplotlib.ticker import MaxNLocator

            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set(xlabel=plot.x_label, ylabel=plot.y_label)


def _lines(axes: Axes, plot: Plot) -> None:
    if plot.kind == PlotKind.RELIABILITY:
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    for number, series in enumerate(plot.series):
        colour: dict[str, Any] = {"color": SERIES[number % len(SERIES)], "label": series.name}
        x: list[Any] = [_number(one) if isinstance(one, int | float) else str(one) for one in series.x]
        y = [_number(value) for value in series.y]
        axes.errorbar(x, y, yerr=_ends(series), marker="o", markersize=3.5, linewidth=1.4, elinewidth=0.8, **colour)
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _ends(series: Series) -> list[list[float]] | None:
    """Return the lengths of the error bars down and up; nothing where there are no intervals."""
    if not series.low or not series.high:
        return None
    middle = [_number(value) for value in series.y]
    down = [max(one - _number(low), 0.0) for one, low in zip(middle, series.low, strict=True)]
    up = [max(_number(high) - one, 0.0) for one, high in zip(middle, series.high, strict=True)]
    return [down, up]


def _fitted(svg: str, name: str, title: str) -> str:
    """Return the element alone, with ids of its own, the page's colours, and a name for those who hear it."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", svg)
    svg = re.sub(r"<(metadata|style)\b.*?</\1>\s*", "", svg, flags=re.DOTALL)  # its style is for all of a page
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg.replace(
        "<svg ", f'<svg role="img" aria-label="{escape(title, quote=True)}" style="stroke-linejoin:round" ', 1
    )
