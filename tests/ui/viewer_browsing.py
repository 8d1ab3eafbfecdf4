"""The viewer as a reader uses it, on its own page in a browser."""

import base64
import io

import numpy as np
from PIL import Image


def opened(browser, url, *, size=(1366, 768), touch=False):
    """Open the page and wait until the image is on it."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, has_touch=touch)
    tab = context.new_page()
    tab.set_default_timeout(30_000)
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("console", lambda message: message.type == "error" and tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.goto(url)
    tab.locator(".zoom", has_text="%").first.wait_for()
    return tab


class Viewer:
    """One viewer of the page, as a reader uses it."""

    def __init__(self, page, number=0):
        self.page = page
        self.root = page.locator(".viewer").nth(number)
        self.canvas = self.root.locator("canvas")

    def press(self, *keys):
        self.canvas.focus()
        for key in keys:
            self.page.keyboard.press(key)

    def caption(self, part):
        return self.root.locator(f".caption .{part}").inner_text()

    def zoom(self):
        return int(self.caption("zoom").removesuffix(" %"))

    def wait(self, part, words):
        self.root.locator(f".caption .{part}", has_text=words).wait_for()

    def deep(self):
        """Wait for full depth, and for the frame that shows it."""
        self.wait("depth", "15 bits")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def middle(self, dx=0, dy=0):
        box = self.canvas.bounding_box()
        return box["x"] + box["width"] / 2 + dx, box["y"] + box["height"] / 2 + dy

    def drag(self, dx, dy, *, button="left"):
        self.page.mouse.move(*self.middle())
        self.page.mouse.down(button=button)
        self.page.mouse.move(*self.middle(dx / 2, dy / 2))
        self.page.mouse.move(*self.middle(dx, dy))
        self.page.mouse.up(button=button)

    def value_at(self, dx=0, dy=0):
        """Return what the caption says lies under a point, counted from the middle: (x, y, value or None)."""
        self.page.mouse.move(*self.middle(dx, dy))
        words = self.caption("cursor").replace("·", " ").split()
        return int(words[1]), int(words[3]), float(words[5]) if len(words) > 5 else None

    def greys(self):
        """Return what is on the canvas, uint8, and how many of its pixels are coloured."""
        picture = self.canvas.evaluate("canvas => canvas.toDataURL('image/png')")
        shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.partition(",")[2]))).convert("RGB"))
        return shown[..., 0], int((np.ptp(shown, axis=2) > 0).sum())
