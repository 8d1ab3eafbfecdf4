"""A DICOMweb server: what it has of a study (QIDO-RS), and its objects, piece by piece (WADO-RS; PS3.18 10.4, 10.6)."""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from radrag import __version__
from radrag.errors import UsageError
from radrag.exchange.dicom_json import image_of, not_heeded, study_of, without_encoding
from radrag.exchange.multipart import BrokenBody, boundary_of, parts
from radrag.exchange.pull_values import Access, DicomWebError, FoundImage, FoundStudy, PullCode, Wanted
from radrag.fetching.http import retry_after

if TYPE_CHECKING:
    import httpx2

Result = TypeVar("Result")

PAGE = 100  # matches that are asked for at a time
MOST_PAGES = 100
MOST_JSON_BYTES = 64 * 2**20
MOST_BYTES = 2**29  # of one object; as the listener has it
TIMEOUT_SECONDS = 60.0  # without a byte
LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 300.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}  # RFC 9110, 6585, 8470: the same request may succeed later
_JSON = ("application/dicom+json", "application/json")
_DICOM = 'multipart/related; type="application/dicom"; transfer-syntax=*'  # as stored, nothing is recoded


class _Passing(Exception):
    """The same request may succeed later."""

    def __init__(self, why: str, pause: float = 0.0) -> None:
        super().__init__(why)
        self.pause = pause


class DicomWeb:
    """One server. Requests that fail in passing are tried again.

    Credentials go to this server only: redirects are not followed.

    Args:
        tries: of one request.
        sleep: waits some seconds.

    Raises:
        UsageError: the address is none, or not safe to send to.
    """

    def __init__(self, access: Access, *, tries: int = 5, sleep: Callable[[float], None] = time.sleep) -> None:
        import httpx2

        self._base = access.checked_url()
        self.host = httpx2.URL(self._base).host
        self._credentials = bool(access.authorization)
        self._tries = tries
        self._sleep = sleep
        headers = {"User-Agent": f"radrag/{__version__}", "Accept-Encoding": "identity"}
        if access.authorization:
            headers["Authorization"] = access.authorization
        self._client = httpx2.Client(
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,  # a proxy of the environment would see credentials and patients
            verify=_trusting(access),
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def studies(self, wanted: Wanted) -> list[FoundStudy]:
        """Return the studies that match.

        Raises:
            DicomWebError: no usable answer, or one that does not heed what was asked.
        """
        found = [study_of(one) for query in wanted.queries() for one in self._found(query)]
        return list({study.uid: study for study in found}.values())

    def _found(self, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        none = True
        for one in self._matches("/studies", query):
            if other := not_heeded(query, one):
                message = f"The server does not search by {other}: it names other studies."
                raise DicomWebError(PullCode.NOT_HEEDED, message)
            none = False
            yield one
        # Orthanc's plug-in 1.7, Debian 12's, does not decode %20 and the like: wildcards there, exactly matched here.
        if none and (wider := without_encoding(query)) != query:
            yield from (one for one in self._matches("/studies", wider) if not not_heeded(query, one))

    def images(self, study: FoundStudy) -> list[FoundImage]:
        """Return what a study holds: all of its instances, whatever they are.

        Raises:
            DicomWebError: no usable answer.
        """
        return [image_of(study, one) for one in self._matches(f"/studies/{study.uid}/instances", {})]

    def fetch(self, image: FoundImage, take: Callable[[Iterator[bytes]], Result]) -> Result:
        """Retrieve one object as the server has it.

        Args:
            take: given the file's bytes in pieces, and called anew when the connection broke off in their midst; what
                it got then is to be thrown away.

        Raises:
            DicomWebError: no usable answer.
        """
        path = f"/studies/{image.study}/series/{image.series}/instances/{image.instance}"

        def one() -> Result:
            with self._reply(path, {}, _DICOM) as response:
                boundary = boundary_of(response.headers.get("content-type", ""))
                if not boundary:
                    raise self._not_dicomweb(response, "multipart/related of DICOM objects")
                result: list[Result] = []
                try:
                    for headers, pieces in parts(response.iter_bytes(), boundary):
                        if result:
                            message = "The server answers with several objects where one was asked for."
                            raise DicomWebError(PullCode.NOT_DICOMWEB, message)
                        kind = headers.get("content-type", "application/dicom").partition(";")[0].strip().lower()
                        if kind != "application/dicom":
                            raise self._not_dicomweb(response, "DICOM objects")
                        result.append(take(_limited(pieces)))
                except BrokenBody:
                    raise _Passing("the answer broke off") from None
                if not result:
                    raise DicomWebError(PullCode.NOT_DICOMWEB, "The server's answer holds no object.")
                return result[0]

        return self._again(one)

    def _matches(self, path: str, query: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        offset = 0
        for _ in range(MOST_PAGES):
            paged = {**query, "limit": str(PAGE), "offset": str(offset)}
            found, more = self._again(lambda asked=paged: self._json(path, asked))  # type: ignore[misc]
            yield from found
            offset += len(found)
            if not found or (len(found) < PAGE and not more):
                return
        message = f"There are more than {offset:,} matches."
        raise DicomWebError(PullCode.TOO_MANY, message, hint="Ask for less, such as one day at a time.")

    def _json(self, path: str, query: Mapping[str, str]) -> tuple[list[Mapping[str, Any]], bool]:
        """Return matches, and whether the server says that it gives fewer than there are (PS3.18 10.6.3.1)."""
        with self._reply(path, query, _JSON[0]) as response:
            if response.status_code == 204:
                return [], False
            more = response.headers.get("warning", "").startswith("299")
            if response.headers.get("content-type", "").partition(";")[0].strip().lower() not in _JSON:
                raise self._not_dicomweb(response, "DICOM JSON")
            body = b"".join(_limited(response.iter_bytes(), MOST_JSON_BYTES))
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise DicomWebError(PullCode.NOT_DICOMWEB, "The server's answer is not the JSON of DICOMweb.")
        return found, more

    @contextmanager
    def _reply(self, path: str, query: Mapping[str, str], accept: str) -> Iterator[httpx2.Response]:
        import httpx2

        try:
            asked = urlencode(query, quote_via=quote, safe="*")
            url = f"{self._base}{path}?{asked}" if asked else self._base + path
            with self._client.stream("GET", url, headers={"Accept": accept}) as response:
                self._require_success(response)
                yield response
        except httpx2.TransportError as error:
            if isinstance(error, httpx2.ConnectError) and isinstance(_root(error), ssl.SSLError):
                message = f"{self.host} does not show a certificate that is trusted here."
                raise DicomWebError(PullCode.CERTIFICATE, message, hint="Name its authority: --authorities.") from None
            raise _Passing(f"no connection ({type(error).__name__})") from None
        except httpx2.DecodingError:
            raise _Passing("the answer is damaged") from None

    def _again(self, request: Callable[[], Result]) -> Result:
        for attempt in range(1, self._tries + 1):
            try:
                return request()
            except _Passing as why:
                if attempt == self._tries or why.pause > LONGEST_RETRY_AFTER:
                    message = f"{self.host}: {why}, {attempt} time(s) in a row."
                    hint = "What came so far is kept. Run the same command again later."
                    raise DicomWebError(PullCode.UNREACHABLE, message, hint=hint) from None
                self._sleep(why.pause or random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 2.0**attempt))
        raise AssertionError

    def _require_success(self, response: httpx2.Response) -> None:
        status = response.status_code
        if status in _PASSING:
            raise _Passing(f"HTTP {status}", retry_after(response.headers.get("retry-after", "")))
        if status in (200, 204, 206):
            return
        raise DicomWebError(*self._refusal(status))

    def _refusal(self, status: int) -> tuple[PullCode, str]:
        if status == 401 and not self._credentials:
            words = "wants credentials: set RADRAG_DICOMWEB_TOKEN, or RADRAG_DICOMWEB_USER and RADRAG_DICOMWEB_PASSWORD"
            return PullCode.REFUSED, f"{self.host} {words}."
        if status in (401, 403):
            return PullCode.REFUSED, f"{self.host} does not let these credentials see this (HTTP {status})."
        if status in (404, 410):
            words = "has no such study or object, or the address is not that of its DICOMweb service"
            return PullCode.NOT_FOUND, f"{self.host} {words} (HTTP {status})."
        if 300 <= status < 400:
            return PullCode.REDIRECTED, f"{self.host} sends requests on to another address; give that one."
        return PullCode.NOT_DICOMWEB, f"{self.host} does not take the request (HTTP {status})."

    def _not_dicomweb(self, response: httpx2.Response, wanted: str) -> DicomWebError:
        found = response.headers.get("content-type", "").partition(";")[0].strip()
        named = found if re.fullmatch(r"[\w.+-]{1,64}/[\w.+-]{1,64}", found) else "something unnamed"
        hint = "Give the address of its DICOMweb service, such as https://pacs.example.org/dicom-web."
        return DicomWebError(PullCode.NOT_DICOMWEB, f"{self.host} answers with {named} instead of {wanted}.", hint=hint)


def _trusting(access: Access) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=access.authorities)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"The authorities cannot be read: {error.strerror or type(error).__name__}.") from None


def _limited(pieces: Iterator[bytes], most: int = MOST_BYTES) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise DicomWebError(PullCode.TOO_LARGE, f"The server sends an object of more than {most >> 20} MiB.")
        yield piece


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
