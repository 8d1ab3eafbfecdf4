"""Serve viewer_page.py and the pixels, with nothing before them: ``python viewer_server.py PORT``."""

import sys
from pathlib import Path

import uvicorn
from starlette.routing import Route
from streamlit.starlette import App

from ui import pixels

app = App(Path(__file__).with_name("viewer_page.py"), routes=[Route(pixels.ROUTE, pixels.pixels)])

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
