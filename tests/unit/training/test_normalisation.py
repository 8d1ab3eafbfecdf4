"""Normalisation is measured anew: statistics change, weights do not, and the same seed gives the same."""

import numpy as np
import torch
from PIL import Image

from radrag.encoders.starter_network import StarterNetwork
from radrag.training.starter import BATCH, measure_normalisation


def test_only_the_statistics_of_normalisation_change(tmp_path):
    random = np.random.default_rng(0)
    paths = []
    for number in range(BATCH):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(random.integers(0, 255, (64, 64), dtype=np.uint8)).save(paths[-1])
    torch.manual_seed(0)
    network = StarterNetwork().eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measure_normalisation(network, paths, seed=0)
    after = {name: value.clone() for name, value in network.state_dict().items()}
    changed = {name.rpartition(".")[2] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"running_mean", "running_var", "num_batches_tracked"}
    assert not any(module.training for module in network.modules())
    measure_normalisation(network, paths, seed=0)
    assert all(torch.equal(value, after[name]) for name, value in network.state_dict().items())
