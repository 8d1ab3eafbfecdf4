"""Serve viewer_page.py and the pixels, with no log-in before them: ``python viewer_server.py PORT``."""

import sys
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit.starlette import App

from ui import pixels

CONFIG = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": False,
    "global.developmentMode": False,
    "theme.base": "dark",
}
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:"
)


class WithPolicy:
    """Forbid eval and every other host, so that the browser says when the page wants them."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def told(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self.app(scope, receive, told)


if __name__ == "__main__":
    routes = [Route(pixels.ROUTE, pixels.pixels)]
    app = App(Path(__file__).with_name("viewer_page.py"), routes=routes, middleware=[Middleware(WithPolicy)])
    app.run(config={**CONFIG, "server.address": "127.0.0.1", "server.port": int(sys.argv[1])})
