"""One POST to a hospital's server: no proxies, no redirects, an answer of bounded size and time."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from radrag import __version__
from radrag.exchange.delivery import NotDelivered
from radrag.exchange.destinations import FhirDestination, StowDestination
from radrag.store.outbox_values import Trouble

CONNECT_SECONDS = 10.0
MOST_BYTES = 2**22  # of an answer
LATEST = 3  # times the timeout, for a whole answer that trickles
NOT_FOR_THE_MESSAGE = {401, 403, 404, 405, 407, 408, 421, 425, 429, 502, 503, 504, 507}
"""Statuses that say something of the server, our access to it, or its address: mended there, the message goes."""
ANOTHER_TIME = {409, 423, 500}


@dataclass(frozen=True, slots=True)
class Posted:
    """What a server answered.

    Attributes:
        location: the path of the header ``Location``, without host; empty for none.
        body: the answer's JSON; None when it is none.
    """

    status: int
    location: str
    body: Any


def post(
    destination: StowDestination | FhirDestination, url: str, content: bytes, *, media_type: str, accept: str
) -> Posted:
    """Post bytes; return the answer, whatever its status.

    Raises:
        NotDelivered: there was none.
        UsageError: the destination's PEM files cannot be read.
    """
    import httpx2

    given = destination.authorization
    headers = {"Content-Type": media_type, "Accept": accept, "User-Agent": f"radrag/{__version__}"}
    if isinstance(given, str):
        headers["Authorization"] = f"Bearer {given}"
    timeout = httpx2.Timeout(destination.timeout, connect=min(CONNECT_SECONDS, destination.timeout))
    until = time.monotonic() + LATEST * destination.timeout
    body = bytearray()
    try:
        with (
            httpx2.Client(
                verify=destination.context() or False,  # plain HTTP: nothing to verify
                trust_env=False,  # a proxy of the environment would see the patient
                follow_redirects=False,
                timeout=timeout,
                auth=given if isinstance(given, tuple) else None,
            ) as client,
            client.stream("POST", url, content=content, headers=headers) as answer,
        ):
            for part in answer.iter_bytes():
                body += part
                if len(body) > MOST_BYTES or time.monotonic() > until:
                    raise NotDelivered(Trouble.FAILED, "bad_reply", "The server's answer does not end.")
            return Posted(answer.status_code, _path(answer.headers.get("location", "")), _json(bytes(body)))
    except (httpx2.ConnectError, httpx2.ConnectTimeout):
        raise NotDelivered(
            Trouble.AWAY, "unreachable", "No connection to the server, or none that can be trusted."
        ) from None
    except httpx2.TimeoutException:
        raise NotDelivered(Trouble.AWAY, "timed_out", "The server did not answer in time.") from None
    except (httpx2.TransportError, httpx2.DecodingError):
        raise NotDelivered(Trouble.AWAY, "broken_off", "The connection broke off.") from None


def not_posted(posted: Posted, *codes: str) -> NotDelivered:
    """Return what an answer that is no success means for the message.

    Args:
        codes: what the server said of it, of which only well-formed codes are kept: its texts may name the patient.
    """
    status = posted.status
    said = [code for code in dict.fromkeys(codes) if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}", code)][:5]
    named = f"The server answered {status}{': ' + ', '.join(said) if said else ''}."
    if status in NOT_FOR_THE_MESSAGE or status < 400:
        return NotDelivered(Trouble.AWAY, f"http_{status}", named)
    if status in ANOTHER_TIME or status > 500:
        return NotDelivered(Trouble.FAILED, f"http_{status}", named)
    return NotDelivered(Trouble.REFUSED, f"http_{status}", named)


def _path(location: str) -> str:
    """Return what of an address names a resource: ids that we chose, or that the server did, never a query."""
    match = re.search(r"[A-Z][A-Za-z]{1,40}/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?$", location)
    return match[0] if match else ""


def objects(value: object) -> list[dict[str, Any]]:
    """Return the JSON objects of a list; none for anything else that a server may have put in its place."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def location_path(location: object) -> str:
    """Return the resource that a bundle's response names; empty for anything else."""
    return _path(location) if isinstance(location, str) else ""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
