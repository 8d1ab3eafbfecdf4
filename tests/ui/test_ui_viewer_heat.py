"""A heat map is the drafting encoder's, of the image as it lies there, computed once and only when it is wanted."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import review_sample as sample

from ui import viewer_heat


class Encoder:
    """Finds one thing, in the top left quarter."""

    def __init__(self, sha256="aa"):
        self.card = SimpleNamespace(sha256=sha256)
        self.asked = 0

    def encode(self, images, views):
        self.asked += 1
        grid = np.zeros(images[0].shape, np.float32)
        grid[: grid.shape[0] // 2, : grid.shape[1] // 2] = 1
        return SimpleNamespace(activations=({"Lung Lesion": SimpleNamespace(heat_map=lambda: grid)},))


@pytest.fixture
def draft(sample_radiograph):
    viewer_heat._maps.clear()
    made = sample.draft(sample_radiograph)
    return replace(made, provenance={**made.provenance, "encoder": {"name": "fake", "sha256": "aa"}})


def test_a_map_covers_the_image_coarsely(draft):
    found = viewer_heat.heat_map(draft, 0, Encoder)("Lung Lesion")
    assert found.shape == (64, 64)
    assert found[:30, :30].min() == 1
    assert found[34:, 34:].max() == 0


def test_one_look_at_the_image_serves_all_its_findings(draft):
    encoder = Encoder()
    found = viewer_heat.heat_map(draft, 0, lambda: encoder)
    assert encoder.asked == 0
    assert found("Lung Lesion") is not None
    assert found("Edema") is None
    assert viewer_heat.heat_map(draft, 0, lambda: encoder)("Lung Lesion") is not None
    assert encoder.asked == 1


def test_another_encoder_than_the_draft_s_gives_no_map(draft):
    assert viewer_heat.heat_map(draft, 0, lambda: Encoder("bb"))("Lung Lesion") is None


def test_an_image_that_is_gone_gives_no_map(draft):
    gone = replace(draft.study.images[0], path="/nowhere/film.dcm")
    moved = replace(draft, study=replace(draft.study, images=(gone,)))
    assert viewer_heat.heat_map(moved, 0, Encoder)("Lung Lesion") is None
