"""Hosts and ports as people write them: which can be looked up at all, and which are this machine."""

from __future__ import annotations

import ipaddress
import re

_PLACE = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w-]{1,63}(?:\.[\w-]{1,63})*\.?)(?::(\d{1,5}))?", re.ASCII)


def is_place(text: str) -> bool:
    """Return whether this is a host, IPv6 in brackets, with or without port.

    Looking up anything else raises errors that are no OSError, and that nobody who connects expects.
    """
    match = _PLACE.fullmatch(text)
    if match is None or (match[2] and not 0 < int(match[2]) <= 65535):
        return False
    try:
        return not text.startswith("[") or bool(ipaddress.IPv6Address(match[1][1:-1]))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine; IPv6 without brackets."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
