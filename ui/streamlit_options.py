"""What Streamlit is told: to keep its other ways in shut, to send nothing home, and the colours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

# These win over every config file and environment variable that Streamlit reads.
SAFE: dict[str, Any] = {
    "server.headless": True,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.xsrfCookieSameSite": "strict",
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "server.trustedUserHeaders": {},  # who it is, is said by the gate alone
    "server.baseUrlPath": "",  # the gate knows paths from the root
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 200,  # MB: a study of several views
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "viewer",
    "client.showErrorLinks": False,  # would pass the error on to search engines
    "client.showErrorDetails": "type",  # no values of the data in an error shown
    "logger.hideWelcomeMessage": True,
    "logger.level": "warning",
    "global.developmentMode": False,
}

# The dark colours stand in ui/.streamlit/config.toml; light is said here, because this wins over the file.
THEMES: dict[str, dict[str, str]] = {
    "dark": {},
    "light": {
        "theme.base": "light",
        "theme.primaryColor": "#1f6fb2",
        "theme.backgroundColor": "#f6f8fa",
        "theme.secondaryBackgroundColor": "#ffffff",
        "theme.textColor": "#17212b",
        "theme.borderColor": "#d3dbe3",
        "theme.linkColor": "#1f6fb2",
        "theme.dataframeBorderColor": "#d3dbe3",
        "theme.dataframeHeaderBackgroundColor": "#eef2f6",
    },
}


def options(*, port: int, theme: str, hosts: Iterable[str], secrets: Path) -> dict[str, Any]:
    """Return Streamlit's options by their names.

    Args:
        hosts: names by which browsers may call the server.
        secrets: file with the section ``[auth]`` of an OpenID provider, if there is one; no other is looked for.
    """
    place = {"server.port": port, "server.allowedHosts": list(hosts), "secrets.files": [str(secrets)]}
    return {**SAFE, **THEMES[theme], **place}
