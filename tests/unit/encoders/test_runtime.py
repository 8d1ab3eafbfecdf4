"""The fastest runtime is taken only when it gives the same vectors and findings, and is measured once a machine."""

import json

import numpy as np
import pytest
import torch

from radrag.encoders import runtime
from radrag.encoders.runtime import RUNTIMES, agrees, available, choose, probe_images
from radrag.errors import MissingDependency


@pytest.fixture
def network():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4), torch.nn.Flatten()]
    return torch.nn.Sequential(*layers).eval().requires_grad_(requires_grad=False)


def read(outputs):
    vectors = outputs[0].numpy()
    return vectors, vectors[:, :3]


PROBE = probe_images(32)


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_runtime_gives_the_networks_outputs(network, name):
    if name == "openvino":
        pytest.importorskip("openvino")
    expected = network(PROBE)
    (found,) = RUNTIMES[name](network, PROBE)(PROBE)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected, atol=0.02 if name == "bfloat16" else 1e-5)
    one = RUNTIMES[name](network, PROBE)(PROBE[:1])[0]
    assert torch.allclose(one, expected[:1], atol=0.02)


def test_several_outputs_come_in_order(network):
    class Two(torch.nn.Module):
        def forward(self, pixels):
            return network(pixels), [pixels.mean((2, 3)), pixels.amax((2, 3))]

    expected = runtime.eager(Two().eval())(PROBE)
    assert len(expected) == 3
    for name in available():
        found = RUNTIMES[name](Two().eval(), PROBE)(PROBE)
        assert all(torch.allclose(one, other, atol=0.02) for one, other in zip(found, expected, strict=True)), name


def test_the_network_itself_is_left_as_it_is(network):
    before = network(PROBE)
    for name in available():
        RUNTIMES[name](network, PROBE)
    assert torch.equal(network(PROBE), before)
    assert network[0].weight.dtype == torch.float32


def test_a_runtime_that_changes_a_finding_is_not_taken(network, monkeypatch):
    def wrong(network, probe):
        return lambda pixels: (network(pixels) + 0.02,)

    monkeypatch.setitem(RUNTIMES, "openvino", wrong)
    monkeypatch.setattr(runtime, "available", lambda: ("openvino", "eager"))
    chosen = choose(network, PROBE, read)
    assert chosen.name == "eager"
    assert "openvino" in chosen.note
    assert choose(network, PROBE, read, wanted="openvino").name == "eager"


@pytest.mark.parametrize(
    ("vector", "score", "fits"),
    [((1.0, 0.0), 0.5, True), ((1.0, 0.04), 0.509, True), ((1.0, 0.06), 0.5, False), ((1.0, 0.0), 0.52, False)],
)
def test_the_guard(vector, score, fits):
    reference = np.array([[2.0, 0.0]], np.float32), np.array([[0.5]], np.float32)
    assert agrees(reference, (np.array([vector], np.float32), np.array([[score]], np.float32))) is fits


def test_what_is_not_finite_never_agrees():
    reference = np.ones((1, 2), np.float32), np.full((1, 1), 0.5, np.float32)
    assert not agrees(reference, (reference[0] * np.nan, reference[1]))
    assert not agrees(reference, (reference[0], reference[1] * np.nan))


def test_the_choice_is_kept_for_this_processor(network, monkeypatch, tmp_path):
    measured = []
    monkeypatch.setattr(runtime, "available", lambda: ("channels_last", "eager"))
    monkeypatch.setattr(runtime, "_seconds", lambda run, probe: measured.append(run) or float(len(measured)))
    first = choose(network, PROBE, read, cache=tmp_path, key="tiny")
    count = len(measured)
    assert first.name == "channels_last"
    assert count == 6
    assert choose(network, PROBE, read, cache=tmp_path, key="tiny").name == "channels_last"
    assert len(measured) == count
    (entry,) = json.loads((tmp_path / "runtimes.json").read_text())
    assert runtime.processor() in entry
    monkeypatch.setattr(runtime, "processor", lambda: "another processor")
    choose(network, PROBE, read, cache=tmp_path, key="tiny")
    assert len(measured) == 2 * count


def test_a_damaged_choice_is_made_anew(network, monkeypatch, tmp_path):
    (tmp_path / "runtimes.json").write_text("{")
    monkeypatch.setattr(runtime, "available", lambda: ("channels_last", "eager"))
    chosen = choose(network, PROBE, read, cache=tmp_path, key="tiny")
    assert json.loads((tmp_path / "runtimes.json").read_text()).popitem()[1] == chosen.name


def test_a_runtime_that_is_not_installed_is_named_with_its_extra(network, monkeypatch):
    def absent(module, *, extra):
        raise MissingDependency(f"{module} is not installed.", hint=f"pip install 'radrag[{extra}]'")

    monkeypatch.setattr(runtime, "require", absent)
    with pytest.raises(MissingDependency, match="openvino"):
        choose(network, PROBE, read, wanted="openvino")


def test_a_hastened_starter_gives_the_drafts_vectors(sample_radiograph):
    from radrag.dicom.read import load_image
    from radrag.encoders import load_image_encoder

    plain, fast = load_image_encoder("starter"), load_image_encoder("starter")
    taken = fast.hasten(wanted=available()[0])
    assert taken.name == available()[0], taken.note
    images = [load_image(sample_radiograph).pixels]
    expected, found = plain.encode(images), fast.encode(images)
    assert float((expected.vectors * found.vectors).sum()) > runtime.LEAST_COSINE
    assert np.allclose(
        [one.probability for one in found.findings[0]],
        [one.probability for one in expected.findings[0]],
        atol=runtime.MOST_CHANGE,
    )
