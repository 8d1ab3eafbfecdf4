"""Logging in with the organisation's OpenID provider: Streamlit's own login vouches for a person, an account says who.

Streamlit keeps what the provider said in a signed cookie for a month. Here it is exchanged at once for a log-in like
any other, which can be ended from this side, and removed.
"""

from __future__ import annotations

import json
import time
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from anyio import to_thread
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from streamlit import auth_util
from streamlit.errors import StreamlitAuthError
from streamlit.web.server.server_util import get_cookie_secret
from streamlit.web.server.starlette.starlette_app_utils import decode_signed_value
from streamlit.web.server.starlette.starlette_server_config import TOKENS_COOKIE_NAME, USER_COOKIE_NAME

from radrag.errors import UsageError
from radrag.optional import require
from radrag.people import accounts
from ui import gate
from ui.login import go_on, local

if TYPE_CHECKING:
    from starlette.requests import Request

    from radrag.store.people_values import Account
    from ui.login import LoginPages

PATH = "/login/organisation"
NEXT_COOKIE = "radrag_next"
FRESH_DAYS = 5 / (24 * 60)  # what the provider said is exchanged within five minutes
NO_ACCOUNT = (
    "Your organisation vouches for you, but there is no open account for you here. Whoever runs this server makes one: "
    "<code>radrag users add NAME --oidc {subject}</code>"
)
NOT_SAID = "Your organisation's answer cannot be used. Try again."


def provider() -> str:
    """Return the provider's name in ``secrets.toml``: "default" for ``[auth]`` itself; empty where there is none."""
    section = auth_util.get_secrets_auth_section()
    if section.get("client_id"):
        return "default"
    return next((name for name, value in section.items() if hasattr(value, "get") and value.get("client_id")), "")


def configured() -> bool:
    """Return whether people may log in with their organisation."""
    return bool(provider())


def check() -> None:
    """Refuse to start half configured.

    Raises:
        UsageError: ``secrets.toml`` lacks something.
        MissingDependency: what speaks to the provider is not installed.
    """
    if not auth_util.get_secrets_auth_section():
        return
    require("authlib", extra="ui")
    try:
        auth_util.validate_auth_credentials(provider() or "default")
    except StreamlitAuthError as error:
        said = " ".join(str(error).replace("`.streamlit/secrets.toml`", "secrets.toml of the workspace").split())
        raise UsageError(said, hint="See docs/people.md.") from None


class Organisation:
    """The routes around the provider; Streamlit's own two lie between them."""

    def __init__(self, pages: LoginPages) -> None:
        self.pages = pages

    def routes(self) -> list[Route]:
        """Return the routes; they come before Streamlit's."""
        return [Route(PATH, self.pass_on, methods=["GET"])]

    async def pass_on(self, request: Request) -> Response:
        """Send the browser to the provider, or let in whom the provider sent back."""
        if not configured():
            return RedirectResponse("/login", status_code=303)
        if USER_COOKIE_NAME in request.cookies:
            return await self._back(request)
        token = auth_util.encode_provider_token(provider())
        response = RedirectResponse(f"/auth/login?provider={quote(token)}", status_code=303)
        wanted = quote(local(request.query_params.get("next", "")), safe="")
        # Lax: it is read on the way back from the provider's site.
        response.set_cookie(NEXT_COOKIE, wanted, path=PATH, max_age=600, httponly=True, samesite="lax")
        return response

    async def _back(self, request: Request) -> Response:
        said = vouched(request)
        account = await to_thread.run_sync(self._account, said)
        origin = request.client.host if request.client else ""
        passed = await to_thread.run_sync(
            lambda: accounts.log_in_as(self.pages.store, account, now=gate.now(), origin=origin)
        )
        wanted = local(unquote(request.cookies.get(NEXT_COOKIE, "")))
        if passed is None:
            subject = escape(str(said.get("sub", ""))[:200])
            message = NO_ACCOUNT.format(subject=subject) if subject else NOT_SAID
            response = await self.pages.show(request, wanted, error=message, status=403)
        else:
            # A page of ours that leads on: a redirect from the provider's site would not bring the Strict cookie along.
            response = await self.pages.let_in(request, passed, go_on(wanted, self.pages.theme))
        _forget(request, response)
        return response

    def _account(self, said: dict[str, Any]) -> Account | None:
        store = self.pages.store
        return next((found for one in subjects(said) if (found := store.account_of_subject(one))), None)


def vouched(request: Request) -> dict[str, Any]:
    """Return the claims of the provider's ID token, as Streamlit checked and signed them; empty for none that count."""
    secret = get_cookie_secret()

    def one(name: str) -> bytes | None:
        return decode_signed_value(secret, name, request.cookies.get(name, ""), max_age_days=FRESH_DAYS)

    try:
        said = json.loads(auth_util.get_cookie_with_chunks(one, USER_COOKIE_NAME) or b"{}")
    except ValueError:
        return {}
    current = isinstance(said, dict) and said.get("is_logged_in") is True and time.time() < said.get("exp", 0)
    return said if current else {}


def subjects(said: dict[str, Any]) -> list[str]:
    """Return by what an account may name somebody: the provider's ``sub``, and an e-mail address it has verified."""
    address = said.get("email", "") if said.get("email_verified") is True else ""
    return [str(one) for one in (said.get("sub", ""), address) if one]


def _forget(request: Request, response: Response) -> None:
    for name in request.cookies:
        if name.startswith((USER_COOKIE_NAME, TOKENS_COOKIE_NAME)):
            response.delete_cookie(name, httponly=True, samesite="lax")
    response.delete_cookie(NEXT_COOKIE, path=PATH, httponly=True, samesite="lax")
