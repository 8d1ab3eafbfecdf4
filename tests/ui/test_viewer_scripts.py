"""The arithmetic of the viewer's scripts is Python's: boxes, windows, the way of the values."""

import dataclasses
import itertools

import numpy as np
import pytest

from radrag.dicom.geometry import Geometry
from radrag.dicom.window import Window, window_table
from ui.viewer import FOLDER, SCRIPTS
from ui.viewer_encoding import packed

pytest_plugins = ["viewer_fixtures"]
pytestmark = pytest.mark.browser


def evaluated(browser, call, cases):
    """Return what an expression of the viewer's scripts gives for each case, on an empty page."""
    source = "\n".join(FOLDER.joinpath(one).read_text() for one in SCRIPTS)
    source = source.replace("export default function", "function mount")
    body = f"{source}\nreturn cases.map(one => {call});"
    return browser.new_page().evaluate("([body, cases]) => new Function('cases', body)(cases)", [body, cases])


def test_boxes_lie_where_python_maps_them_however_the_image_was_turned(browser):
    random = np.random.default_rng(5)
    cases, wanted_boxes = [], []
    for turn in itertools.product([False, True], repeat=3):
        geometry = Geometry(90, 70, *((140, 180) if turn[0] else (180, 140)), *turn)
        x0, y0, width, height = random.uniform(1, 30, 4)
        box = (x0, y0, x0 + width, y0 + height)
        cases.append([list(box), dataclasses.asdict(geometry)])
        wanted_boxes.append(geometry.box_to_display(box))
    assert np.array(evaluated(browser, "onDisplay(one[0], one[1])", cases)) == pytest.approx(np.array(wanted_boxes))


def test_the_browser_unpacks_and_windows_as_python_does(browser):
    random = np.random.default_rng(6)
    levels = np.append(np.linspace(-1000, 3000, 511, dtype=np.float32), np.float32(np.nan))
    values = random.integers(0, 65_536, (37, 23), dtype=np.uint16)
    body = levels.tobytes() + bytes(512) + packed(values)
    head = {"rows": 37, "columns": 23, "levels": 512}
    call = "Array.from(unpackDepth(Uint8Array.from(one.bytes).buffer, one.head).sizes[0].values)"
    (unpacked,) = evaluated(browser, call, [{"bytes": list(body), "head": head}])
    assert (np.array(unpacked).reshape(values.shape) == values).all()

    windows = [(40, 400, False, False), (0, 1, False, True), (500.5, 2, False, False), (3.25, 0.5, True, True)]
    call = "Array.from(windowTable(Float32Array.from(one.levels, x => x ?? NaN), ...one.window))"
    plain = [*levels[:-1].tolist(), None]
    tables = evaluated(browser, call, [{"levels": plain, "window": list(one)} for one in windows])
    for (centre, width, exact, inverse), table in zip(windows, tables, strict=True):
        assert (np.array(table) == window_table(levels, Window(centre, width, exact), inverse=inverse)).all()


def test_no_label_of_a_box_hides_another_and_the_first_stays(browser):
    random = np.random.default_rng(7)
    cases = [
        [[*random.uniform(0, 300, 2), random.uniform(60, 160), 18.0] for _ in range(count)]
        for count in (1, 2, 4, 8, 14, 14)
    ]
    for labels, found in zip(cases, evaluated(browser, "apart(one, 10_000)", cases), strict=True):
        places = np.array(found)
        assert places[0].tolist() == labels[0]
        assert (places[:, [0, 2, 3]] == np.array(labels)[:, [0, 2, 3]]).all()
        for (x0, y0, w0, h0), (x1, y1, w1, h1) in itertools.combinations(places, 2):
            assert x0 >= x1 + w1 or x1 >= x0 + w0 or y0 >= y1 + h1 or y1 >= y0 + h0
    crowded = [[[0.0, 0.0, 50.0, 18.0]] * 3]
    assert np.array(evaluated(browser, "apart(one, 40)", crowded)[0])[:, 1].tolist() == [0, 18, 0]  # no room for more
