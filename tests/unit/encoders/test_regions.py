"""Evidence becomes a heat map and a box in the right place, on the display image and in the original file."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.dicom.geometry import Geometry
from radrag.domain import ImageFinding, View
from radrag.encoders.placement import Placement
from radrag.encoders.preprocessing import fit_centre, fit_square
from radrag.encoders.regions import Activation, located, to_original, with_regions
from radrag.encoders.starter import EVIDENCE_CELLS, StarterEncoder
from radrag.encoders.starter_regions import evidence
from radrag.encoders.xrv import XrvEncoder

WHOLE = Placement((0, 0, 100, 200), (0, 0, 64, 64), (64, 64))
CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]
sides = st.integers(20, 300)
share = st.floats(0, 1)


def lesion(corner, rows=400, columns=300, spot=True):
    """Return noise with, if wanted, a bright blob in the middle of one quarter (row, column)."""
    y, x = np.mgrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    blob = np.exp(-(((x - 0.25 - 0.5 * corner[1]) / 0.07) ** 2) - ((y - 0.25 - 0.5 * corner[0]) / 0.07) ** 2)
    noise = np.random.default_rng(3).normal(0.3, 0.03, (rows, columns))
    return np.clip(noise + 0.6 * blob * spot, 0, 1).astype(np.float32)


def quarter(box, shape):
    """Return the quarter (row, column) that a box's centre lies in."""
    x0, y0, x1, y1 = box
    return int((y0 + y1) / 2 > shape[0] / 2), int((x0 + x1) / 2 > shape[1] / 2)


@st.composite
def geometries(draw):
    """All eight orientations, any aspect ratio, and pixels that are not square."""
    turned = Geometry.of(
        draw(sides), draw(sides), transpose=draw(st.booleans()), flip_x=draw(st.booleans()), flip_y=draw(st.booleans())
    )
    rows = max(1, round(turned.display_rows * draw(st.floats(0.5, 2))))
    shape = (rows, turned.display_columns)
    return Geometry(turned.rows, turned.columns, *shape, turned.transpose, turned.flip_x, turned.flip_y)


@settings(deadline=None)  # the first call imports torch
@given(geometries(), st.sampled_from([fit_square, fit_centre]), st.sampled_from([32, 224]), share, share)
def test_what_the_model_sees_at_a_point_is_what_the_original_has_there(geometry, fit, size, across, down):
    display = np.random.default_rng(0).random((geometry.display_rows, geometry.display_columns), dtype=np.float32)
    placement = fit(display, size)[1]
    x0, y0, x1, y1 = placement.target
    point = (x0 + across * (x1 - x0), y0 + down * (y1 - y0))
    shown = placement.point_to_display(point)
    assert -1e-6 <= shown[0] <= geometry.display_columns + 1e-6
    assert -1e-6 <= shown[1] <= geometry.display_rows + 1e-6
    original = geometry.point_to_original(shown)
    again = placement.point_to_model(geometry.point_to_display(original))
    assert again == pytest.approx(point, abs=1e-4)


@settings(deadline=None, max_examples=50)
@given(geometries(), st.sampled_from([fit_square, fit_centre]), st.integers(0, 2), st.integers(0, 2))
def test_a_bright_cell_of_the_original_is_boxed_in_original_pixels(geometry, fit, row, column):
    """Through every orientation: paint, turn as the file is turned, prepare, find the brightest place, map back."""
    original = np.zeros((geometry.rows, geometry.columns), np.float32)
    rows = slice(row * geometry.rows // 3, (row + 1) * geometry.rows // 3)
    columns = slice(column * geometry.columns // 3, (column + 1) * geometry.columns // 3)
    original[rows, columns] = 1
    turned = np.ascontiguousarray(geometry.turn(original))
    factor = geometry.display_rows / turned.shape[0]
    places = np.minimum((np.arange(geometry.display_rows) / factor).astype(int), turned.shape[0] - 1)
    display = turned[places]
    pixels, placement = fit(display, 64)
    if float(pixels.max()) < 0.9:
        return  # outside what the centre crop shows
    found = Activation(pixels[0].numpy(), placement, display.shape).box()
    x0, y0, x1, y1 = geometry.box_to_original(found)
    slack = 3 * max(geometry.rows, geometry.columns) / 64 * max(1, factor, 1 / factor) + 2
    assert columns.start - slack <= x0 < x1 <= columns.stop + slack
    assert rows.start - slack <= y0 < y1 <= rows.stop + slack


@pytest.mark.parametrize("corner", CORNERS)
def test_the_starters_box_is_on_the_side_of_the_lesion(corner):
    """With a head fitted to tell images with a blob, in any quarter, from images without."""
    encoder = StarterEncoder.load()
    network = encoder._network
    images = [lesion(place, spot=spot) for place in CORNERS for spot in (True, False)]
    with torch.inference_mode():
        pooled = network.features(torch.stack([fit_square(image, 256)[0] for image in images]) * 2 - 1)[0]
        truth = torch.tensor([1.0, -1.0] * 4)
        weights = torch.linalg.lstsq(pooled @ pooled.T + 10 * torch.eye(8), truth).solution @ pooled
        network.heads.weight[encoder.card.labels.index("Mass")] = 10 * weights
        network.heads.bias[encoder.card.labels.index("Mass")] = 0
    image = lesion(corner)
    encoding = encoder.encode([image])
    found = {finding.label: finding for finding in encoding.findings[0]}["Mass"]
    assert found.positive
    assert quarter(found.region, image.shape) == corner
    heat = encoding.activations[0]["Mass"].heat_map()
    assert quarter(np.unravel_index(heat.argmax(), heat.shape)[::-1] * 2, image.shape) == corner


@pytest.mark.parametrize("corner", CORNERS)
def test_a_class_activation_box_is_on_the_side_of_the_lesion(corner):
    """A trunk that averages patches, a head that likes bright ones: torchxrayvision's arithmetic without its size."""
    card = XrvEncoder.card_of("xrv:densenet121-res224-all")
    head = torch.nn.Linear(card.dimension, len(card.labels))
    with torch.no_grad():
        head.weight.fill_(1e-2)
        head.bias.fill_(0)

    def trunk(pixels):
        return torch.relu(torch.nn.functional.avg_pool2d(pixels, 32)).expand(-1, card.dimension, -1, -1)

    trunk.to = lambda _: trunk
    image = lesion(corner, 400, 400)
    findings = XrvEncoder(trunk, head.requires_grad_(False), card).encode([image]).findings[0]
    boxes = {finding.region for finding in findings if finding.region}
    assert len(boxes) == 1
    assert quarter(boxes.pop(), image.shape) == corner


def test_the_starters_shares_add_up_to_the_logit(sample_radiograph):
    from radrag.dicom.read import load_image

    network = StarterEncoder.load()._network
    pixels = fit_square(load_image(sample_radiograph).pixels, 256)[0][None] * 2 - 1
    with torch.inference_mode():
        pooled, maps = network.features(pixels)
        logits = network.heads(pooled)[0] - network.heads.bias
        for cells in (EVIDENCE_CELLS, 32):
            shares = evidence(network, [stage[0] for stage in maps], range(len(logits)), cells=cells)
            torch.testing.assert_close(shares.sum(dim=(1, 2)), logits, atol=1e-4, rtol=1e-4)


def test_regions_are_for_findings_that_count_as_present():
    findings = StarterEncoder.load().encode([lesion((0, 0))] * 2, [View.PA, View.LATERAL]).findings
    for finding in findings[0]:
        assert (finding.region is not None) <= (finding.positive and finding.label != "No Finding")
    assert all(finding.region is None for finding in findings[1])


def test_no_finding_has_no_place():
    findings = [ImageFinding("No Finding", 0.9, 0.5), ImageFinding("Mass", 0.9, 0.5), ImageFinding("Nodule", 0.1, 0.5)]
    untrained = ImageFinding("Hernia", math.nan, math.nan, trained=False)
    assert located([*findings, untrained]) == (1,)


def test_only_the_part_that_hangs_together_with_the_maximum_is_boxed():
    grid = np.zeros((64, 64), np.float32)
    grid[5:10, 5:10], grid[50:60, 50:60] = 1, 0.9
    assert Activation(grid, WHOLE, (200, 100)).box() == pytest.approx((5 / 0.64, 5 / 0.32, 10 / 0.64, 10 / 0.32))


@pytest.mark.parametrize("value", [0, -1])
def test_without_evidence_there_is_no_box_and_no_heat(value):
    activation = Activation(np.full((7, 7), value, np.float32), WHOLE, (200, 100))
    assert activation.box() is None
    assert not activation.heat_map().any()


def test_evidence_in_the_black_margin_is_not_shown():
    image = np.random.default_rng(0).random((200, 50), dtype=np.float32)
    placement = fit_square(image, 64)[1]
    grid = np.zeros((64, 64), np.float32)
    grid[:, :10], grid[30:34, 30:34] = 9, 1  # the image fills columns 24 to 40
    x0, _, x1, _ = Activation(grid, placement, image.shape).box()
    assert 0 < x0 < x1 < 50


def test_the_heat_map_is_largest_where_the_evidence_is():
    grid = np.zeros((8, 8), np.float32)
    grid[1, 6] = 2
    heat = Activation(grid, WHOLE, (200, 100)).heat_map()
    assert heat.shape == (200, 100)
    assert heat.max() == pytest.approx(1, abs=1e-3)
    row, column = np.unravel_index(heat.argmax(), heat.shape)
    assert abs(row - 37) < 8
    assert abs(column - 81) < 5


def test_what_a_centre_crop_leaves_out_is_cold():
    image = np.ones((50, 100), np.float32)
    heat = Activation(np.ones((7, 7), np.float32), fit_centre(image, 224)[1], image.shape).heat_map()
    assert heat[:, 26:74].min() > 0.99
    assert heat[:, :24].max() == heat[:, 76:].max() == 0


def test_boxes_go_to_original_pixels_and_findings_without_one_stay():
    geometry = Geometry.of(100, 200, flip_x=True)
    activation = Activation(
        np.eye(64, dtype=np.float32)[::-1], Placement((0, 0, 200, 100), (0, 0, 64, 64), (64, 64)), (100, 200)
    )
    findings = [ImageFinding("Mass", 0.9, 0.5), ImageFinding("Nodule", 0.1, 0.5)]
    placed = with_regions(findings, {"Mass": activation})
    mapped = to_original(placed, geometry)
    x0, y0, x1, y1 = placed[0].region
    assert mapped[0].region == pytest.approx((200 - x1, y0, 200 - x0, y1))
    assert mapped[1] == findings[1]
