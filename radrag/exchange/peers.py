"""Who may send: an AE title together with the addresses it may come from."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from radrag.errors import UsageError

_NAMED = re.compile(
    r"(?P<title>[^@]+)@(?:\[(?P<v6>[0-9a-fA-F:.]+(?:/\d+)?)\]|(?P<v4>[0-9.]+(?:/\d+)?))(?::(?P<port>\d+))?"
)
_HINT = "Write AETITLE@ADDRESS, such as CT1@10.0.0.7, PACS@10.0.0.0/24, PACS@10.0.0.7:11112 or PACS@[fd00::7]:11112."


@dataclass(frozen=True, slots=True)
class Peer:
    """One that may send.

    Attributes:
        title: its AE title.
        network: the addresses it may come from.
        port: where it listens itself, for reports of storage commitment; 0 when it does not.
    """

    title: str
    network: ipaddress.IPv4Network | ipaddress.IPv6Network
    port: int = 0


def parse_title(title: str) -> str:
    """Return an AE title without the blanks around it.

    Raises:
        UsageError: it is none: 1 to 16 printable ASCII characters without backslash (PS3.5 table 6.2-1).
    """
    found = title.strip()
    if not re.fullmatch(r"[ -\[\]-~]{1,16}", found):
        raise UsageError("An AE title has 1 to 16 printable ASCII characters, and no backslash.")
    return found


def parse_peer(named: str) -> Peer:
    """Read ``AETITLE@ADDRESS[/BITS][:PORT]``; addresses of IPv6 stand in brackets.

    Raises:
        UsageError: it is not of that form, or a port is given for more than one address.
    """
    match = _NAMED.fullmatch(named.strip())
    if match is None:
        raise UsageError(f"{named!r} does not name an AE title and its address.", hint=_HINT)
    port = int(match["port"] or 0)
    try:
        network = ipaddress.ip_network(match["v6"] or match["v4"])
    except ValueError as error:
        raise UsageError(f"{named!r}: {error}.", hint=_HINT) from None
    if port > 65535:
        raise UsageError(f"{named!r}: there is no port {port}.", hint=_HINT)
    if port and network.num_addresses > 1:
        raise UsageError(f"{named!r}: a port goes with one address, not with several.", hint=_HINT)
    return Peer(parse_title(match["title"]), network, port)


def address_allowed(peers: Sequence[Peer], address: str) -> bool:
    """Whether anybody may send from an address."""
    return any(_from(peer, address) for peer in peers)


def find_peer(peers: Sequence[Peer], title: str, address: str) -> Peer | None:
    """Return the peer of this title that may come from this address; one with a port before one without."""
    found = [peer for peer in peers if peer.title == title.strip() and _from(peer, address)]
    return max(found, key=lambda peer: bool(peer.port), default=None)


def _from(peer: Peer, address: str) -> bool:
    known = ipaddress.ip_address(address.partition("%")[0])  # without the zone of a link-local address
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return known in peer.network or (mapped is not None and mapped in peer.network)
