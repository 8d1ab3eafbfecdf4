"""Normalisation is measured on the images that a network is to see, and on nothing else of them."""

import torch

from radrag.encoders.starter_network import StarterNetwork
from radrag.training.adaptation import adapt


def batches(shift):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(4, 1, 64, 64, generator=generator) + shift for _ in range(2)]


def normalised(network, images):
    return network.stem(images).mean(dim=(0, 2, 3))


def test_what_it_normalises_has_mean_zero_on_images_like_those():
    torch.manual_seed(0)
    network, images = StarterNetwork().eval(), batches(shift=3.0)
    before = normalised(network, torch.cat(images)).abs().max()
    adapt(network, iter(images))
    # The layer clips below zero, so the mean is looked at in front of it.
    layer = network.stem[1]
    ahead = network.stem[0](torch.cat(images)).mean(dim=(0, 2, 3))
    torch.testing.assert_close(layer.running_mean, ahead, atol=1e-4, rtol=1e-3)
    assert normalised(network, torch.cat(images)).abs().max() != before


def test_weights_stay_and_evaluation_does_not_change_it_again():
    torch.manual_seed(0)
    network = StarterNetwork()
    weights = {name: value.clone() for name, value in network.named_parameters()}
    adapt(network, batches(shift=1.0))
    assert all(torch.equal(value, weights[name]) for name, value in network.named_parameters())
    measured = {name: value.clone() for name, value in network.named_buffers()}
    with torch.inference_mode():
        network.features(batches(shift=-2.0)[0])
    assert all(torch.equal(value, measured[name]) for name, value in network.named_buffers())


def test_every_batch_counts_the_same():
    torch.manual_seed(0)
    network = StarterNetwork()
    first, second = batches(shift=0.0)
    adapt(network, [first, second])
    together = network.stem[1].running_mean.clone()
    adapt(network, [second, first])
    torch.testing.assert_close(network.stem[1].running_mean, together)
