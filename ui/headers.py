"""Headers on every answer of the server: what a browser may do with a page of patients' data."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]


def with_headers(send: Send, path: str) -> Send:
    """Return ``send`` with headers on each answer: not framed, not kept, no foreign script."""
    # Streamlit's own scripts and styles have a hash in their names and hold nobody's data: they may be kept.
    keep = path.startswith("/static/")

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "same-origin"  # with "no-referrer" forms would be sent without an Origin
            headers["Cross-Origin-Opener-Policy"] = "same-origin"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
            headers.setdefault("Content-Security-Policy", page_policy())
            if not (keep and message["status"] == 200):
                headers["Cache-Control"] = "no-store"
        await send(message)

    return send_with_headers


@cache
def page_policy() -> str:
    """Return the Content-Security-Policy of Streamlit's page: nothing from elsewhere, no script that it does not ship.

    Its styles are made by its scripts, hence 'unsafe-inline' for them; the one script within the page goes by its hash.
    """
    import streamlit

    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    inline = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in inline]
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' blob: {' '.join(hashes)}",  # blob: Streamlit loads components so
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "media-src 'self' data: blob:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )
