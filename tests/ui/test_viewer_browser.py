"""The viewer in a real browser: mouse, keys and fingers, grey by grey what numpy computes, and no other host asked."""

from urllib.parse import urlsplit

import numpy as np
import pytest
from viewer_browsing import Viewer, opened

from radrag.dicom.depth import load_depth
from radrag.dicom.window import Window, window_table

pytest_plugins = ["viewer_fixtures"]
pytestmark = pytest.mark.browser


def wanted(shown, size):
    """Return the part of a picture that a canvas shows at 100 %, the picture's middle in the canvas's middle."""
    (height, width), (rows, columns) = size, shown.shape
    top, left = (int(np.floor(one / 2 - other / 2 + 0.5)) for one, other in ((height, rows), (width, columns)))
    canvas = np.zeros(size, np.uint8)
    view = shown[max(-top, 0) : height - top, max(-left, 0) : width - left]
    canvas[max(top, 0) : max(top, 0) + view.shape[0], max(left, 0) : max(left, 0) + view.shape[1]] = view
    return canvas


def inner(array):
    """Leave out the margin, where the letters of the edges stand, and the middle columns and rows of those letters."""
    return array[40:-40, 40:-40]


@pytest.mark.parametrize("browser", [1, 1.5], indirect=True)
def test_at_100_percent_every_pixel_is_numpy_s(url, browser, sample_radiograph):
    depth = load_depth(sample_radiograph)
    viewer = Viewer(opened(browser, url))
    viewer.press("o", "9")  # no boxes; 100 %
    viewer.deep()
    assert viewer.zoom() == 100

    def check(table, what):
        greys, coloured = viewer.greys()
        assert coloured == 0
        apart = np.abs(inner(greys).astype(int) - inner(wanted(table[depth.values], greys.shape)))
        assert apart.max() <= 1, what
        assert np.ptp(inner(greys)) > 100, what  # not an empty canvas

    default = np.floor(depth.greys * 255 + 0.5).astype(np.uint8)
    check(default, "default")
    viewer.press("i")
    viewer.deep()
    check(255 - default, "inverted")
    viewer.press("i")
    for field, value in (("centre", "7000"), ("width", "3001")):
        viewer.root.locator(f"[name={field}]").fill(value)
    viewer.deep()
    check(window_table(depth.levels, Window(7000, 3001), inverse=True), "a window of the reader's own")


def test_mouse_and_keys_zoom_move_window_invert_and_turn(url, browser, sample_radiograph):
    depth = load_depth(sample_radiograph)
    page = opened(browser, url)
    viewer = Viewer(page)
    assert viewer.caption("depth") == "preview, 8 bits"
    assert not any("kind=full" in url for url in page.asked)

    # The wheel zooms where the cursor is: what lies there stays there.
    whole = viewer.zoom()
    before = viewer.value_at(60, -40)
    page.mouse.wheel(0, -900)
    viewer.deep()
    assert viewer.zoom() > 2 * whole
    after = viewer.value_at(60, -40)
    assert np.abs(np.subtract(before[:2], after[:2])).max() <= 4
    assert after[2] == depth.levels[depth.values[after[1], after[0]]]

    # A drag moves the image with the hand.
    page.mouse.move(0, 0)
    start = viewer.value_at()
    viewer.drag(80, 30)
    assert viewer.value_at(80, 30)[:2] == pytest.approx(start[:2], abs=2)

    # The right button's drag, and Shift's, change the window.
    viewer.drag(100, 0, button="right")
    width = float(viewer.root.locator("[name=width]").input_value())
    assert width > 30_000
    page.keyboard.down("Shift")
    viewer.drag(0, 60)
    page.keyboard.up("Shift")
    assert float(viewer.root.locator("[name=centre]").input_value()) != 15_000
    assert "Own" in viewer.caption("window")

    # Keys.
    zoomed = viewer.zoom()
    viewer.press("+")
    assert viewer.zoom() > zoomed
    viewer.press("-", "-")
    assert viewer.zoom() < zoomed
    viewer.press("2")
    viewer.wait("window", "Lung")
    viewer.press("1")
    viewer.wait("window", "Default")
    here = viewer.value_at()
    viewer.press("ArrowRight")
    assert viewer.value_at()[0] > here[0]
    viewer.press("9")
    upright = viewer.value_at(-100, 0)
    viewer.press("t")
    turned = viewer.value_at(0, -100)  # a quarter clockwise takes left to top
    assert np.abs(np.subtract(upright[:2], turned[:2])).max() <= 2
    viewer.press("i")
    assert viewer.root.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"
    viewer.press("z")
    assert viewer.zoom() == whole
    assert viewer.root.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "false"
    viewer.press("+", "+", "+")
    page.mouse.dblclick(*viewer.middle())
    assert viewer.zoom() == whole

    # A line says its length; this file does not say how large a pixel is.
    viewer.press("o", "m")
    viewer.drag(100, 0)
    viewer.press("m")

    assert page.complaints == []
    hosts = {urlsplit(url).hostname for url in page.asked if not url.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}


def test_a_rerun_a_focus_and_a_click_go_between_page_and_image_and_keep_the_view(url, browser):
    page = opened(browser, url)
    viewer = Viewer(page)

    # Place → sentence: a click into the box tells Python; a drag that begins there does not.
    box = viewer.canvas.bounding_box()
    scale = box["height"] / 1955  # the whole image fits the height

    def at(x, y):
        return viewer.middle((x - 1841 / 2) * scale, (y - 1955 / 2) * scale)

    page.mouse.click(*at(500, 1300))
    page.get_by_text("clicked Lung Lesion").wait_for()
    page.mouse.click(*at(1350, 450))
    page.get_by_text("clicked <img src=x onerror=alert(1)>").wait_for()
    assert page.locator(".viewer img").count() == 0  # a label is never markup
    page.get_by_text("runs 3").wait_for()
    page.mouse.click(*at(900, 1000))  # no box
    viewer.drag(40, 40)

    # A rerun changes nothing on the image, and asks for nothing anew.
    viewer.press("9", "4", "i")
    viewer.deep()
    asked = sum("/pixels/" in url for url in page.asked)
    held = viewer.caption("window"), viewer.zoom(), viewer.value_at()
    page.get_by_role("button", name="Rerun").click()
    page.get_by_text("runs 4").wait_for()
    assert (viewer.caption("window"), viewer.zoom(), viewer.value_at()) == held

    # Sentence → place: the region comes to the middle; zoom and window stay.
    page.get_by_role("button", name="Focus Lung Lesion").click()
    page.get_by_text("runs 5").wait_for()
    x, y, _ = viewer.value_at()
    assert (x, y) == pytest.approx((500, 1300), abs=2)
    assert (viewer.caption("window"), viewer.zoom()) == held[:2]
    viewer.drag(-200, 0)
    moved = viewer.value_at()
    viewer.press("n")  # the page's own shortcut, pressed within the image
    page.get_by_text("runs 6").wait_for()
    assert viewer.value_at() == moved  # the same focus does not pull the image back

    # A heat map is computed when it is asked for, and comes with the rerun.
    viewer.press("1", "i", "0", "h")
    viewer.root.locator("[name=opacity]").wait_for()
    page.wait_for_function(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
    )
    _, coloured = viewer.greys()
    assert coloured > 5_000
    assert sum("/pixels/" in url for url in page.asked) == asked
    assert page.complaints == []


def test_linked_images_zoom_and_window_together_only_while_the_reader_wants_it(url, browser):
    page = opened(browser, f"{url}/?viewers=2", size=(1920, 1080))
    one, other = Viewer(page, 0), Viewer(page, 1)
    other.wait("zoom", "%")
    whole = other.zoom()
    one.press("+", "+")
    assert other.zoom() == whole
    one.press("k", "+", "2", "t", "i")
    other.wait("window", "Lung")
    assert other.zoom() == one.zoom() > whole
    assert other.root.get_by_role("button", name="Invert").get_attribute("aria-pressed") == "true"
    other.press("1")
    one.wait("window", "Default")
    other.press("k", "0")
    assert one.zoom() > other.zoom()


def test_two_fingers_zoom(url, browser):
    page = opened(browser, url, touch=True)
    viewer = Viewer(page)
    whole = viewer.zoom()
    session = page.context.new_cdp_session(page)

    def fingers(kind, apart):
        places = [viewer.middle(-apart, 0), viewer.middle(apart, 0)] if apart else []
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(places)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", 40)
    for apart in (60, 80):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    page.wait_for_timeout(300)
    assert viewer.zoom() == pytest.approx(2 * whole, abs=2)


def test_what_went_wrong_stands_where_the_image_would(url, browser):
    context = browser.new_context()
    page = context.new_page()
    message = "The image file is not where it was when the draft was made."
    page.route("**/pixels/**", lambda route: route.fulfill(status=410, json={"error": "gone", "message": message}))
    page.goto(url)
    page.get_by_role("alert").filter(has_text=message).wait_for()
    page.unroute("**/pixels/**")
    page.route("**/pixels/**", lambda route: route.fulfill(status=200, body="<html>Log in</html>"))
    page.reload()
    page.get_by_role("alert").filter(has_text="log in again").wait_for()
    page.unroute("**/pixels/**")
    page.route("**/pixels/**", lambda route: route.abort())
    page.reload()
    page.get_by_role("alert").filter(has_text="The server does not answer").wait_for()


def test_every_tool_names_its_key_and_can_be_reached_without_a_mouse(url, browser):
    page = opened(browser, url)
    viewer = Viewer(page)
    buttons = viewer.root.get_by_role("button").all()
    keys = [button.get_attribute("aria-keyshortcuts") for button in buttons]
    assert all(keys)
    assert len(set(keys)) == len(keys)
    # Streamlit's own are C and R; the others are the review page's, which work beside the viewer's
    assert not set("CRAEXWUDQSFLPN") & set(keys)
    assert viewer.root.get_by_role("application", name="Radiograph, PA").count() == 1
    viewer.root.get_by_role("button", name="Fit").focus()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.shadowRoot?.activeElement?.tagName") == "CANVAS":
            break
    else:
        raise AssertionError("Tab never reaches the image")
    outline = viewer.canvas.evaluate("canvas => getComputedStyle(canvas).outlineStyle")
    assert outline == "solid"
    # What is typed into a field is no shortcut.
    viewer.root.locator("[name=centre]").press_sequentially("9")
    assert viewer.caption("zoom") != "100 %"
