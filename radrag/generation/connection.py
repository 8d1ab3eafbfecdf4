"""Requests to one model server: a deadline over all tries, waiting between them, cancellation at any moment.

No proxy, certificate file or password is taken from the environment, no redirect is followed, and nothing is sent to an
address that was not checked. No message quotes what the server answered, since that may repeat the request.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from radrag import __version__
from radrag.errors import GenerationCode, GenerationError
from radrag.fetching.http import Dropped, retry_after
from radrag.generation.own_network import ServerAddress, resolve
from radrag.generation.replies import LARGEST_ERROR, bounded_body, prompt_too_long, told_error

if TYPE_CHECKING:
    import httpx2

Read = TypeVar("Read")
Reader = Callable[["httpx2.Response", Callable[[], None]], Awaitable[Read]]
"""(open reply of status 200, called at each sign of life) → what it says."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
LOOK = 0.05
"""Seconds between two looks at whether the caller has cancelled."""

CONNECT = 10.0
_PASSING = {408, 425, 429}  # RFC 9110, 8470, 6585: the same request may succeed later; so may every 5xx
_EXPLAINED = {400, 422, 500}  # llama.cpp says 500 where others say 400: images, and before 2025-09 long prompts


class Rejected(Exception):
    """The server does not take the request as it is (status 400, 415 or 422)."""


class _Passing(Exception):
    """Worth another try, after ``pause`` seconds if the server named some."""

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Connection:
    """How one server is spoken to.

    Attributes:
        server: where it is.
        key: sent as a bearer token; None for none.
        anywhere: whether it may be behind a public address (https only).
        certificates: PEM file of the authorities to trust; None for those of the system.
        patience: seconds without a sign of life.
        retries: how often a request is sent again.
        cancelled: asked again and again; True ends the request.
    """

    server: ServerAddress
    key: str | None = field(default=None, repr=False)
    anywhere: bool = False
    certificates: Path | None = None
    patience: float = 120.0
    retries: int = 4
    cancelled: Callable[[], bool] = lambda: False

    def request(
        self, method: str, path: str, read: Reader[Read], until: float, body: Mapping[str, Any] | None = None
    ) -> Read:
        """Send a request until it succeeds or is not worth another try.

        Args:
            path: behind the server's own, e.g. ``/models``.
            read: turns the reply into a value.
            until: the deadline, on the clock of ``time.monotonic``.

        Raises:
            Rejected: the server does not take the request.
            UsageError: the server is not where it may be.
            GenerationError: ``unreachable``, ``timed_out``, ``cancelled``, ``prompt_too_long`` or ``bad_reply``, and
                what ``read`` raises.
        """
        self._require_wanted()
        addresses = resolve(self.server, anywhere=self.anywhere)

        async def once() -> Read:
            return await self._once(method, path, read, addresses, body)

        return _run(self._watched(self._persisting(once, until)))

    def _require_wanted(self) -> None:
        if self.cancelled():
            raise GenerationError(GenerationCode.CANCELLED, "The generation was cancelled.")

    async def _watched(self, work: Coroutine[Any, Any, Read]) -> Read:
        """Await the work, or end it when the caller cancels."""
        task = asyncio.ensure_future(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=LOOK)
                if not task.done():
                    self._require_wanted()
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)  # closes its connection: the server stops too

    async def _persisting(self, once: Callable[[], Awaitable[Read]], until: float) -> Read:
        try:
            async with asyncio.timeout(until - time.monotonic()):
                for failed in itertools.count(1):
                    try:
                        return await once()
                    except _Passing as passing:
                        pause = max(passing.pause, _pause(failed))
                        if failed > self.retries or time.monotonic() + pause >= until:
                            raise self._unreachable(f"{passing}, in {failed} attempts") from None
                    await asyncio.sleep(pause)
        except TimeoutError:
            raise GenerationError(
                GenerationCode.TIMED_OUT,
                f"{self.server.origin} did not finish within the time for a whole answer.",
                hint="Raise the time limit, or use a smaller model or a faster server.",
            ) from None
        raise AssertionError  # unreachable: the loop ends by return or raise

    async def _once(
        self, method: str, path: str, read: Reader[Read], addresses: tuple[str, ...], body: Mapping[str, Any] | None
    ) -> Read:
        import httpx2

        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self.patience) as idle:
                async with self._opened(method, path, addresses, body) as response:
                    await self._require_success(response)
                    return await read(response, lambda: idle.reschedule(now() + self.patience))
        except TimeoutError:
            raise GenerationError(
                GenerationCode.TIMED_OUT,
                f"{self.server.origin} wrote nothing for {self.patience:g} seconds.",
                hint="Raise the limit, or look whether the server is overloaded.",
            ) from None
        except (httpx2.TransportError, Dropped):
            raise _Passing("the connection broke off") from None
        except httpx2.DecodingError:
            raise self._unreachable("it compresses its answers in a way that cannot be read") from None

    @asynccontextmanager
    async def _opened(
        self, method: str, path: str, addresses: tuple[str, ...], body: Mapping[str, Any] | None
    ) -> AsyncIterator[httpx2.Response]:
        """Send a request to the first address that answers, and yield the open reply."""
        import httpx2

        headers = {"Host": self.server.authority, "User-Agent": f"radrag/{__version__}", "Accept-Encoding": "identity"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        timeout = httpx2.Timeout(None, connect=CONNECT)
        async with httpx2.AsyncClient(
            verify=self._trusted(), trust_env=False, timeout=timeout, follow_redirects=False
        ) as client:
            response = None
            for address in addresses:
                request = client.build_request(
                    method,
                    self.server.at(address) + path,
                    json=body,
                    headers=headers,
                    extensions={"sni_hostname": self.server.host},  # the certificate is the name's, not the address's
                )
                try:
                    response = await client.send(request, stream=True)
                    break
                except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                    self._require_trusted(error)
            if response is None:
                raise _Passing("there is no server")
            try:
                yield response
            finally:
                await response.aclose()

    def _trusted(self) -> ssl.SSLContext | bool:
        if self.server.scheme == "http":
            return False  # nothing to verify, and loading the system's authorities takes a while
        return True if self.certificates is None else ssl.create_default_context(cafile=self.certificates)

    def _require_trusted(self, error: BaseException) -> None:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise self._unreachable(
                    "its certificate is not trusted", hint="Name the file of the authority that issued it."
                ) from None
            cause = cause.__cause__ or cause.__context__

    async def _require_success(self, response: httpx2.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status == 413:
            raise prompt_too_long()
        if status in _EXPLAINED:
            told = told_error((await bounded_body(response, LARGEST_ERROR)).decode(errors="replace"))
            if told:
                raise told
        if status in _PASSING or status >= 500:
            raise _Passing(f"it answers HTTP {status}", retry_after(response.headers.get("retry-after", "")))
        if status in {400, 415, 422}:
            raise Rejected
        if 300 <= status < 400:
            raise self._unreachable("it redirects, which is never followed", hint="Name the final address itself.")
        if status in {401, 403}:
            raise self._unreachable(f"it does not accept the key (HTTP {status})", hint="Set the server's key.")
        raise self._unreachable(
            f"it answers HTTP {status}",
            hint="Check the address (it usually ends in /v1) and the name of the model.",
        )

    def _unreachable(
        self, what: str, *, hint: str = "Check that the server runs and is not overloaded."
    ) -> GenerationError:
        return GenerationError(GenerationCode.UNREACHABLE, f"{self.server.origin}: {what}.", hint=hint)


def _pause(failed: int) -> float:
    """Return a wait that doubles with each failure, shortened by chance so that clients do not come back at once."""
    return random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failed - 1))


def _run(work: Coroutine[Any, Any, Read]) -> Read:
    """Run to the end, also where an event loop runs already (notebooks)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
