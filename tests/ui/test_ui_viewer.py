"""The viewer's pure parts: which image stands where, and what the component is told."""

import json

import numpy as np
import pytest

from radrag.domain import ImageFinding, StudyImage, View
from ui import viewer

PA, AP, LATERAL = (StudyImage(f"2.25.{n}", view, 20, 10) for n, view in enumerate((View.PA, View.AP, View.LATERAL)))


def shown(layout):
    return [[(cell.prior, cell.number) for cell in row] for row in layout.rows]


def test_the_frontal_stands_left_of_the_lateral_whatever_the_order():
    layout = viewer.arrange([LATERAL, PA])
    assert shown(layout) == [[(False, 1), (False, 0)]]
    assert [cell.name for cell in layout.rows[0]] == ["PA", "Lateral"]


def test_that_there_is_no_prior_is_said_in_words():
    assert viewer.arrange([PA]).note == "No prior study"
    assert viewer.arrange([PA], []).note == "The prior study holds no image"
    assert viewer.arrange([PA], [AP]).note == ""


def test_each_prior_stands_below_its_current_image_and_is_linked_to_it():
    layout = viewer.arrange([PA, LATERAL], [LATERAL, AP])
    assert shown(layout) == [[(False, 0), (False, 1)], [(True, 1), (True, 0)]]
    above, below = layout.rows
    assert [cell.link for cell in above] == [cell.link for cell in below]
    assert len({cell.link for cell in above}) == 2


def test_a_single_image_has_its_prior_beside_it():
    assert shown(viewer.arrange([PA], [AP])) == [[(False, 0), (True, 0)]]


def test_an_image_without_a_partner_says_so_and_is_linked_to_nothing():
    layout = viewer.arrange([PA, LATERAL], [AP])
    assert layout.rows[1][1].number is None
    assert layout.rows[1][1].words == "No prior lateral"
    assert layout.rows[0][1].link == ""


@pytest.mark.parametrize("prior", [[AP, LATERAL], [AP, PA, LATERAL], [LATERAL]])
def test_no_prior_image_is_lost(prior):
    for current in ([PA], [LATERAL], [PA, LATERAL], []):
        cells = [cell for row in viewer.arrange(current, prior).rows for cell in row if cell.number is not None]
        assert sorted(cell.number for cell in cells if cell.prior) == list(range(len(prior)))
        assert sorted(cell.number for cell in cells if not cell.prior) == list(range(len(current)))


def test_an_address_cannot_lead_out_of_its_route():
    assert viewer.pixels_url("../a b?c", 1) == "/pixels/..%2Fa%20b%3Fc/1"
    assert viewer.pixels_url("d", 0, case="demo:1&kind=full") == "/pixels/d/0?case=demo%3A1%26kind%3Dfull"


def test_only_findings_with_a_place_become_boxes():
    findings = [
        ImageFinding("Mass", 0.6, 0.5, region=(1.0, 2.0, 3.0, 4.0)),
        ImageFinding("Edema", 0.9, 0.5, region=(5.0, 6.0, 7.0, 8.0)),
        ImageFinding("Fracture", 0.9, 0.5),
        ImageFinding("Nodule", float("nan"), 0.5, trained=False, region=(1.0, 2.0, 3.0, 4.0)),
    ]
    told = viewer.component_data(PA, "/pixels/d/0", findings=findings)
    assert told["findings"] == [  # the likeliest first
        {"label": "Edema", "probability": 0.9, "box": [5.0, 6.0, 7.0, 8.0]},
        {"label": "Mass", "probability": 0.6, "box": [1.0, 2.0, 3.0, 4.0]},
    ]
    json.dumps(told, allow_nan=False)


def test_the_image_s_name_changes_with_its_pixels_and_with_nothing_else():
    def name(image, **more):
        return viewer.component_data(image, "/pixels/d/0", **more)["id"]

    first = StudyImage("2.25.1", View.PA, 2, 2, pixel_sha256="aa")
    assert name(first) == name(first, focus="Edema", name="Prior PA", link="x")
    assert name(first) != name(StudyImage("2.25.1", View.PA, 2, 2, pixel_sha256="bb"))


def test_a_heat_map_travels_as_a_coarse_grid_between_0_and_1():
    grid = np.zeros((400, 300), np.float32)
    grid[100:200, 150:200] = 1.2
    heat = viewer.component_data(PA, "/pixels/d/0", heat=("Edema", grid))["heat"]
    assert (heat["rows"], heat["columns"], len(heat["values"])) == (64, 64, 64 * 64)
    assert min(heat["values"]) == 0
    assert max(heat["values"]) == 1
    small = viewer.component_data(PA, "/pixels/d/0", heat=("Edema", np.eye(3, dtype=np.float32)))["heat"]
    assert small["values"] == [1, 0, 0, 0, 1, 0, 0, 0, 1]
