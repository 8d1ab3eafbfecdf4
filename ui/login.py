"""The log-in page: plain HTML made here, without a script; and the way out."""

from __future__ import annotations

import re
import secrets
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from anyio import to_thread
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from radrag.people import accounts
from ui import gate
from ui.gate import COOKIE, account_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from radrag.people.accounts import Pass
    from radrag.store.repository import Store

FOLDER = Path(__file__).parent
FORM_COOKIE = "radrag_form"
LONGEST_FORM = 16_384  # bytes
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STALE = "The page was open too long, or cookies are switched off. Try again."
ELSEWHERE = "The form was sent from another page. Log in here."
OUT = "You are logged out."
OVER = "You were logged out: nothing was done for half an hour, twelve hours were over, or the account was changed."
NOTES = {"out": OUT, "over": OVER}
"""What the page says first, by the key in its address."""
NO_ACCOUNT = (
    "There is no account yet. Whoever runs this server makes one in a terminal: <code>radrag users add NAME</code>"
)


class LoginPages:
    """The routes that a stranger gets.

    Args:
        theme: "dark" or "light".
        organisation: whether people may also log in with their organisation's provider.
    """

    def __init__(self, store: Store, theme: str, organisation: Callable[[], bool] = lambda: False) -> None:
        self.store = store
        self.theme = theme
        self.organisation = organisation

    def routes(self) -> list[Route]:
        """Return the routes; they come before Streamlit's."""
        return [
            Route("/login", self.form, methods=["GET"]),
            Route("/login", self.log_in, methods=["POST"]),
            Route("/logout", self.log_out, methods=["GET", "POST"]),
            Route("/login/style.css", style, methods=["GET"]),
            Route("/login/icon.svg", icon, methods=["GET"]),
        ]

    async def form(self, request: Request) -> Response:
        """Show the form, or go on where somebody is logged in."""
        wanted = local(request.query_params.get("next", ""))
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A link on another site (a worklist, an e-mail) brings no Strict cookie along; asked again by this page,
            # the browser sends it, and whoever is logged in goes straight on.
            return go_on(f"/login?next={quote(wanted, safe='')}", self.theme)
        if await to_thread.run_sync(account_of, self.store, request.cookies.get(COOKIE, ""), True):
            return RedirectResponse(wanted, status_code=303)
        notes = [note for key, note in NOTES.items() if key in request.query_params]
        return await self.show(request, wanted, note=notes[0] if notes else "")

    async def log_in(self, request: Request) -> Response:
        """Take name and password."""
        fields = await _fields(request)
        wanted = local(fields.get("next", ""))
        if not same_origin(request):
            return await self.show(request, wanted, error=ELSEWHERE, status=403)
        token = request.cookies.get(FORM_COOKIE, "")
        if not token or not secrets.compare_digest(token.encode(), fields.get("form", "").encode()):
            return await self.show(request, wanted, error=STALE, status=403)
        name, origin = fields.get("name", ""), request.client.host if request.client else ""
        passed = await to_thread.run_sync(self._try, name, fields.get("password", ""), origin)
        if passed is None:
            return await self.show(request, wanted, name=name, error=accounts.REFUSED, status=401)
        return await self.let_in(request, passed, RedirectResponse(wanted, status_code=303))

    async def let_in(self, request: Request, passed: Pass, response: Response) -> Response:
        """Give the browser its log-in with ``response``, and end the one that it had."""
        if before := request.cookies.get(COOKIE, ""):
            await to_thread.run_sync(accounts.log_out, self.store, before)
        # Until the browser closes: on a shared workstation nothing stays behind.
        response.set_cookie(COOKIE, passed.token, httponly=True, samesite="strict", secure=_secure(request))
        response.delete_cookie(FORM_COOKIE, path="/login", httponly=True, samesite="strict")
        return response

    async def log_out(self, request: Request) -> Response:
        """End the log-in; a link of another site does nothing, as it brings no cookie along."""
        if token := request.cookies.get(COOKIE, ""):
            origin = request.client.host if request.client else ""
            await to_thread.run_sync(lambda: accounts.log_out(self.store, token, origin=origin))
        response = RedirectResponse("/login?out", status_code=303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    def _try(self, name: str, password: str, origin: str) -> Pass | None:
        return accounts.log_in(self.store, name, password, now=gate.now(), origin=origin)

    async def show(
        self, request: Request, wanted: str, *, name: str = "", note: str = "", error: str = "", status: int = 200
    ) -> Response:
        """Show the form; ``note`` and ``error`` are HTML."""
        nobody = not await to_thread.run_sync(self.store.accounts)
        token = request.cookies.get(FORM_COOKIE, "")
        fresh = token if re.fullmatch(r"[\w-]{43}", token) else secrets.token_urlsafe(32)
        message = _message(error, note, nobody=nobody)
        body = FORM.format(
            message=message,
            name=escape(name[:64]),
            name_focus="" if name else " autofocus",
            password_focus=" autofocus" if name else "",
            next=escape(wanted),
            token=fresh,
            organisation=ORGANISATION.format(next=quote(wanted, safe="")) if self.organisation() else "",
        )
        response = _page("", body, self.theme, status)
        response.set_cookie(
            FORM_COOKIE, fresh, path="/login", httponly=True, samesite="strict", secure=_secure(request)
        )
        return response


FORM = """{message}<form method="post" action="/login">
<input type="hidden" name="next" value="{next}"><input type="hidden" name="form" value="{token}">
<label for="name">Name</label>
<input id="name" name="name" value="{name}" autocomplete="username" autocapitalize="none" spellcheck="false"
 maxlength="64" required{name_focus}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required{password_focus}>
<button type="submit">Log in</button>
</form>{organisation}"""

ORGANISATION = """
<a class="rr-button" href="/login/organisation?next={next}">Log in with your organisation</a>"""

PAGE = """<!DOCTYPE html>
<html lang="en" class="rr-{theme}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Log in · radrag</title><link rel="stylesheet" href="/login/style.css">
<link rel="icon" href="/login/icon.svg" type="image/svg+xml">{head}</head>
<body><main><header><img src="/login/icon.svg" alt=""><h1>radrag review</h1></header>
{body}
<footer>Research use. Drafts are preliminary until a named reader signs.</footer></main></body></html>
"""


def local(wanted: str) -> str:
    """Return a path of this server as it stands; "/" for anything that could lead elsewhere, or back here."""
    plain = re.fullmatch(
        r"/(?![/\\])[!-\[\]-~]*", wanted
    )  # no backslash, blank or control character: browsers mend those
    return wanted if plain and not re.match(r"/log(in|out)(?![\w.-])", wanted) else "/"


def go_on(wanted: str, theme: str) -> Response:
    """Return a page that leads on by itself: the browser then sends Strict cookies, as it came from here."""
    return _page(f'<meta http-equiv="refresh" content="0;url={escape(wanted)}">', "", theme)


def same_origin(request: Request) -> bool:
    """Return whether the browser says that a form comes from this server's own page."""
    origin = urlsplit(request.headers.get("origin", ""))
    return origin.scheme in ("http", "https") and origin.netloc == request.headers.get("host", "")


async def style(_request: Request) -> Response:
    """Return the log-in page's style: the colours of the review page, and its own rules."""
    colours = re.search(r":root \{.*?\n\}", (FOLDER / "style.css").read_text(encoding="utf-8"), flags=re.DOTALL)
    rules = (FOLDER / "login.css").read_text(encoding="utf-8")
    return Response(f"{colours.group() if colours else ''}\n{rules}", media_type="text/css")


async def icon(_request: Request) -> Response:
    """Return the icon."""
    return Response((FOLDER / "icon.svg").read_bytes(), media_type="image/svg+xml")


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LONGEST_FORM:
            return {}
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _message(error: str, note: str, *, nobody: bool) -> str:
    text = error or (NO_ACCOUNT if nobody else note)
    kind = " rr-error" if error else ""
    return f'<p class="rr-message{kind}" role="alert">{text}</p>\n' if text else ""


def _page(head: str, body: str, theme: str, status: int = 200) -> HTMLResponse:
    html = PAGE.format(theme=theme, head=head, body=body)
    return HTMLResponse(html, status, headers={"Content-Security-Policy": POLICY})


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
