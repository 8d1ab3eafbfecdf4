"""The pixels of one image over HTTP: looked up in the store by draft and number, never by a path from the request.

A route and not the component's data channel: that channel is the page's socket, which would send the picture again
with each rerun that changes anything else, and holds up what the reader does meanwhile. The login cookie travels with
the request by itself.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from radrag.errors import RadragError, StoreError, StudyRefused
from ui import state

if TYPE_CHECKING:
    from starlette.requests import Request

    from radrag.domain import StudyImage
    from radrag.store.repository import Store

ROUTE = "/pixels/{draft_id}/{number:int}"
HEAD = "Radrag-Image"
KINDS = ("preview", "full")
CACHE_BYTES = 64 * 2**20
"""What is kept encoded: a dozen films at full depth, or 200 previews."""

_HEADERS = {
    # Not on the browser's disk: a reading room's machine is shared. The page itself holds what it shows.
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """One answer.

    Attributes:
        body: the bytes.
        media_type: of the body.
        head: JSON of :func:`ui.viewer_encoding.head`.
    """

    body: bytes
    media_type: str
    head: str


class Problem(Exception):
    """Why an image is not sent: a status, a code for programs and words for the reader."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Cache:
    """Answers by key, as many as fit; the one not asked for longest goes first. Safe to share between threads."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self._most = most
        self._held: OrderedDict[tuple[str, ...], Encoded] = OrderedDict()
        self._lock = threading.Lock()
        self._making = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes held."""
        with self._lock:
            return sum(len(one.body) for one in self._held.values())

    def get(self, key: tuple[str, ...], make: Callable[[], Encoded]) -> Encoded:
        """Return the answer of a key, made if it is not held.

        One is made at a time: that takes up to 12 bytes a pixel, and two readers often ask for the same image.
        """
        found = self._look(key)
        if found is not None:
            return found
        with self._making:
            found = self._look(key)
            if found is None:
                found = make()
                self._keep(key, found)
        return found

    def _look(self, key: tuple[str, ...]) -> Encoded | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def _keep(self, key: tuple[str, ...], made: Encoded) -> None:
        with self._lock:
            self._held[key] = made
            while sum(len(one.body) for one in self._held.values()) > self._most and len(self._held) > 1:
                self._held.popitem(last=False)


_cache = Cache()


def pixels(request: Request) -> Response:
    """Answer ``/pixels/{draft_id}/{number}?kind=preview|full``, and ``&case=…`` for an image of a cited case.

    ``preview`` is a PNG or JPEG of at most 400 KB; ``full`` is what :func:`ui.viewer_encoding.full` makes. Both carry
    the image's description in the header ``Radrag-Image``. What cannot be shown is JSON with ``error`` and
    ``message``: 400 for a kind that is none, 404 unknown, 409 another image than was drafted, 410 gone, 422 unreadable.

    Not async: Starlette then runs it in a thread, and decoding holds up no one else.
    """
    kind = request.query_params.get("kind", "preview")
    try:
        image = found_image(
            state.store(),
            request.path_params["draft_id"],
            request.path_params["number"],
            case=request.query_params.get("case", ""),
        )
        answer = _cache.get((kind, *_stamp(image)), lambda: _made(image, kind))
    except Problem as problem:
        return JSONResponse(
            {"error": problem.code, "message": str(problem)}, status_code=problem.status, headers=_HEADERS
        )
    headers = {**_HEADERS, "ETag": f'"{image.pixel_sha256 or image.sop_instance_uid}-{kind}"', HEAD: answer.head}
    if request.headers.get("If-None-Match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if kind == "full":
        headers["Content-Encoding"] = "gzip"  # the browser unpacks it on the way, off the page's own thread
    return Response(answer.body, media_type=answer.media_type, headers=headers)


def found_image(store: Store, draft_id: str, number: int, *, case: str = "") -> StudyImage:
    """Return an image of a draft's study, or of a case that the draft cites, with a path.

    Raises:
        Problem: there is none.
    """
    try:
        images = _cited_images(store, draft_id, case) if case else store.study_images(draft_id)
    except StoreError as error:
        raise Problem(404, "unknown", str(error)) from None
    if number >= len(images):
        raise Problem(404, "unknown", "The draft holds no such image. Reload the page.")
    if not images[number].path:
        raise Problem(404, "not_held", "The image file is not held.")
    return images[number]


def _cited_images(store: Store, draft_id: str, case: str) -> tuple[StudyImage, ...]:
    from radrag.store.drafts import cited

    draft = store.draft(draft_id)
    if case not in cited(draft):
        raise Problem(404, "unknown", "The draft does not cite this case.")
    return store.case(case).images


def _stamp(image: StudyImage) -> tuple[str, str, str]:
    """Return what an answer depends on: the file as it lies there now, and the image that it should hold."""
    try:
        found = Path(image.path).stat()
    except OSError:
        message = "The image file is not where it was when the draft was made. Put it back, then reload the page."
        raise Problem(410, "gone", message) from None
    return image.path, f"{found.st_mtime_ns}-{found.st_size}", image.pixel_sha256


def _made(image: StudyImage, kind: str) -> Encoded:
    from radrag.dicom.depth import load_depth
    from ui import viewer_encoding

    if kind not in KINDS:
        raise Problem(400, "bad_kind", f"There is no kind of pixels '{kind[:20]}': ask for preview or full.")
    path = Path(image.path)
    try:
        _check_same(image, path)
        depth = load_depth(path)
    except StudyRefused as error:
        raise Problem(422, error.code, f"The image file cannot be read: {error.reason}") from None
    except RadragError as error:
        raise Problem(422, error.code, str(error)) from None
    except OSError as error:
        raise Problem(410, "gone", f"The image file cannot be opened: {error.strerror}.") from None
    described = json.dumps(viewer_encoding.head(depth))
    if kind == "full":
        return Encoded(viewer_encoding.full(depth), "application/octet-stream", described)
    return Encoded(*viewer_encoding.preview(depth), described)


def _check_same(image: StudyImage, path: Path) -> None:
    """Refuse a file whose pixels are not those that were drafted; its header may have changed."""
    from radrag.dicom.read import load_image
    from radrag.disk import sha256_of

    if not image.pixel_sha256 or (image.file_sha256 and image.file_sha256 == sha256_of(path)):
        return
    if load_image(path).image.pixel_sha256 != image.pixel_sha256:
        message = (
            "The file no longer holds the image that was drafted: it is not shown. Restore the file, or draft it anew."
        )
        raise Problem(409, "changed", message)
