"""Passwords: what is asked of them, and how they are kept (Argon2id, RFC 9106; the parameters are argon2-cffi's)."""

from __future__ import annotations

import functools
import threading
import unicodedata
from typing import TYPE_CHECKING

from radrag.errors import UsageError
from radrag.optional import require

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 12  # characters; NIST SP 800-63B asks for 8 at least, and for length rather than for kinds of characters
LONGEST = 1024
AT_ONCE = threading.Semaphore(2)  # each hash takes 64 MiB: strangers who try many at once must not fill the memory


def checked(password: str) -> str:
    """Return a password that may be used.

    Raises:
        UsageError: it is too short or too long, or one character again and again.
    """
    if len(password) < SHORTEST:
        raise UsageError(
            f"The password has {len(password)} characters; it must have {SHORTEST} or more.",
            hint="A few words that do not belong together are easy to remember.",
        )
    if len(password) > LONGEST:
        raise UsageError(f"The password has more than {LONGEST:,} characters.")
    if len(set(password)) < 4:
        raise UsageError("The password repeats fewer than 4 different characters.", hint="Choose another.")
    return password


def hashed(password: str) -> str:
    """Return the hash of a password, with salt and parameters in it."""
    with AT_ONCE:
        return _hasher().hash(_normal(password))


def fits(stored: str, password: str) -> bool:
    """Return whether a password is the one that was hashed; an empty hash takes the same time and fits nothing."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with AT_ONCE:
        try:
            _hasher().verify(stored or _nobody(), _normal(password))
        except (VerificationError, InvalidHashError):
            return False
    return bool(stored)


def outdated(stored: str) -> bool:
    """Return whether a hash was made with other parameters than today's."""
    return _hasher().check_needs_rehash(stored)


def ready() -> None:
    """Make the hash that nobody's password is compared with, so that the first log-in takes no longer than others."""
    _nobody()


@functools.cache
def _hasher() -> PasswordHasher:
    require("argon2", extra="ui")
    from argon2 import PasswordHasher

    return PasswordHasher()


@functools.cache
def _nobody() -> str:
    return _hasher().hash("")


def _normal(password: str) -> str:
    """Return the same characters whichever way a keyboard composes them (NIST SP 800-63B, 5.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
