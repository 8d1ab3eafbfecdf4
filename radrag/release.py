"""The one place that decides whether a case's text or pixels may go somewhere.

MIMIC-CXR, CheXpert and a hospital's own reports come under terms that forbid passing them to third parties, services
behind an API included. Whatever sends anything out of this process, or makes a document to be sent on, asks here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from radrag.domain import StudyImage
from radrag.errors import RestrictedData


class Destination(StrEnum):
    """Where text or pixels would go."""

    LOCAL = "local"
    """This process, its store and screen, and files that the user names on this machine."""
    NETWORK = "network"
    """Anything behind a socket. The loopback counts: the port may be a tunnel, and nobody can tell from here."""
    EXPORT = "export"
    """A document that is made to be sent on."""


class Terms(Protocol):
    """Knows under what terms cases and images came; :class:`radrag.store.repository.Store` does."""

    def restricted_cases(self, case_ids: Iterable[str]) -> frozenset[str]:
        """Return those of the cases that may not be passed on."""
        ...

    def restricted_images(self, images: Iterable[StudyImage]) -> frozenset[str]:
        """Return the restricted cases that hold one of the images."""
        ...


def require_release(
    terms: Terms, destination: Destination, *, case_ids: Iterable[str] = (), images: Iterable[StudyImage] = ()
) -> None:
    """Let cases and images go to a destination, or refuse.

    Args:
        case_ids: cases whose text, or anything made from it, would go.
        images: images whose pixels would go.

    Raises:
        RestrictedData: the terms of one of them forbid it. The message names cases, no text.
    """
    if destination is Destination.LOCAL:
        return
    found = sorted(terms.restricted_cases(case_ids) | terms.restricted_images(images))
    if found:
        named = ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
        raise RestrictedData(
            f"The terms of {named} forbid passing text or pixels on; the destination is {destination}.",
            hint="Use a generator that runs in this process, or a workspace without the restricted corpus.",
        )
