"""Which server addresses lie on the user's own network: loopback, private and link-local ones, after resolution."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from radrag.errors import GenerationCode, GenerationError, UsageError

OWN_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "::1/128"),  # loopback: RFC 1122, RFC 4291
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),  # RFC 1918
        "fc00::/7",  # RFC 4193
        *("169.254.0.0/16", "fe80::/10"),  # link-local: RFC 3927, RFC 4291
    )
)


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or IP address, without brackets.
        path: what stands before every path of the interface, without a slash at its end, e.g. ``/v1``.
    """

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port; never the path, which may be a secret."""
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of ``Host``."""
        return f"{_bracketed(self.host)}:{self.port}"

    def at(self, address: str) -> str:
        """Return the base URL with an IP address in the place of the host name."""
        return f"{self.scheme}://{_bracketed(address)}:{self.port}{self.path}"


def server_address(url: str) -> ServerAddress:
    """Read the base URL of a server.

    Raises:
        UsageError: it is not an http(s) address, or holds a password, query or fragment.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    if not port or not parts.hostname:
        raise UsageError("The server's address is not an http or https address.", hint="E.g. http://127.0.0.1:8000/v1.")
    if parts.username is not None or parts.password is not None:
        raise UsageError("The server's address holds a user name or password.", hint="Give the key apart from it.")
    if parts.query or parts.fragment:
        raise UsageError("The server's address has a query or fragment.", hint="Name the part before ? and #.")
    return ServerAddress(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


def resolve(server: ServerAddress, *, anywhere: bool = False) -> tuple[str, ...]:
    """Return the IP addresses of a server that may be connected to.

    Connecting to these, and not to the name again, keeps a name from leading elsewhere after it was checked.

    Args:
        anywhere: whether a server behind a public address may be used, by https.

    Raises:
        UsageError: one of the addresses is public and that is not allowed.
        GenerationError: ``unreachable``: the name is not known.
    """
    try:
        found = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise GenerationError(
            GenerationCode.UNREACHABLE,
            f"The name {server.host} is not known here.",
            hint="Check the server's address and this machine's name service.",
        ) from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    if all(is_own(address) for address in addresses) or (anywhere and server.scheme == "https"):
        return addresses
    if anywhere:
        raise UsageError(f"{server.host} is on the public network, and http sends in clear.", hint="Use https.")
    raise UsageError(
        f"{server.host} is not on your own network, so nothing was sent to it.",
        hint="Name a server with a loopback, private or link-local address, or allow public ones (https only).",
    )


def is_own(address: str) -> bool:
    """Whether an IP address is a loopback, private or link-local one."""
    ip = ipaddress.ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return any((mapped or ip) in network for network in OWN_NETWORKS)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
