"""The projector learns the labels before the language model reads it."""

from pathlib import Path

import numpy as np
import torch

from radrag.generation.mini_network import GRID, Projector
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.projector_start import start_projector

COUNT = 60


def labelled():
    """Images whose first channel tells the first label; the second label is drawn by chance."""
    random = np.random.default_rng(0)
    labels = np.zeros((COUNT, len(LABELS)))
    labels[:, :2] = random.random((COUNT, 2)) < 0.5
    maps = random.normal(size=(COUNT, 3, GRID, GRID))
    maps[:, 0] += 3 * labels[:, 0, None, None]
    data = LabelledImages(
        tuple(Path(f"{number}.png") for number in range(COUNT)),
        tuple(map(str, range(COUNT))),
        np.arange(COUNT) >= 50,
        labels,
        np.full((COUNT, 14), np.nan),
    )
    return data, torch.from_numpy(maps).half()


def started(data, maps):
    torch.manual_seed(0)
    projector = Projector(3, 8)
    told = start_projector(projector, maps, data, epochs=8, seed=0)
    return projector, told


def test_what_the_maps_tell_is_told_of_held_out_patients():
    _, told = started(*labelled())
    assert told > 0.65  # one of the two labels is chance: 0.75 at best


def test_validation_images_change_nothing_and_the_same_seed_gives_the_same_projector():
    data, maps = labelled()
    other = maps.clone()
    other[50:] = 9
    one, two = started(data, maps)[0].state_dict(), started(data, other)[0].state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
