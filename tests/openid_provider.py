"""A small OpenID provider on the loopback address: discovery, codes with PKCE, signed tokens; it asks nobody."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from serving import serving

CLIENT = "radrag-test"
CLIENT_SECRET = "a secret of the test only"


@dataclass
class Provider:
    """What it says of whoever comes, and what it was asked.

    Attributes:
        claims: of the next ID tokens, such as ``sub``, ``email`` and ``email_verified``.
        changed: replaces claims that the provider itself sets, as a dishonest one would.
        key: signs the tokens; the one that is published stays as it was at the start.
    """

    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "sub-7"})
    changed: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one"}))
    url: str = ""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.published = self.key.as_dict(private=False)

    def secrets_toml(self, address: str) -> str:
        """Return what Streamlit is configured with, for a page at ``address``."""
        return (
            f'[auth]\nredirect_uri = "{address}/oauth2callback"\ncookie_secret = "{secrets.token_hex(32)}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{CLIENT_SECRET}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )


@contextmanager
def running_provider() -> Iterator[Provider]:
    """Run a provider for as long as the with block lasts."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": provider}))
    provider.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        yield provider


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        asked, url = urlsplit(self.path), self.provider.url
        if asked.path == "/.well-known/openid-configuration":
            self._json(
                {
                    "issuer": url,
                    "authorization_endpoint": f"{url}/authorize",
                    "token_endpoint": f"{url}/token",
                    "jwks_uri": f"{url}/jwks",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                    "code_challenge_methods_supported": ["S256"],
                }
            )
        elif asked.path == "/jwks":
            self._json({"keys": [self.provider.published]})
        elif asked.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(asked.query).items()}
            code = secrets.token_urlsafe()
            self.provider.codes[code] = query
            back = urlencode({"code": code, "state": query["state"]})
            self.send_response(302)
            self.send_header("Location", f"{query['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = base64.b64encode(f"{CLIENT}:{CLIENT_SECRET}".encode()).decode()
        asked = self.provider.codes.pop(form["code"][0], None)
        digest = hashlib.sha256(form.get("code_verifier", [""])[0].encode()).digest()
        proof = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        known = self.headers.get("Authorization") == f"Basic {given}"
        if asked is None or not known or asked.get("code_challenge") != proof:
            self.send_error(400)
            return
        now = int(time.time())
        claims = {"iss": self.provider.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims |= self.provider.claims | self.provider.changed
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.provider.key)
        self._json({"access_token": "at", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def _json(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
