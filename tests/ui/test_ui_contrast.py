"""Words on the screen are told from their ground, on dark and on light: WCAG 2.2, 1.4.3 (4.5 : 1)."""

import re
from pathlib import Path

import pytest

import ui

STYLE = Path(ui.__file__).with_name("style.css").read_text(encoding="utf-8")
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(r"--rr-([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)
}
GROUNDS = ("ground", "panel", "raised")
WORDS = ("text", "quiet", "accent", "supported", "partial", "unsupported", "contradicted", "omission")


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("words", WORDS)
def test_words_stand_out_from_every_ground(words, ground, theme):
    assert contrast(COLOURS[words][theme], COLOURS[ground][theme]) >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_a_marked_quote_can_be_read(theme):
    assert contrast(COLOURS["mark"][theme], COLOURS["mark-text"][theme]) >= 4.5
