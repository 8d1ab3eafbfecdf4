"""The one place where what pydicom, its decoders and Pillow raise on garbage becomes a coded refusal."""

from __future__ import annotations

import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from pydicom.errors import BytesLengthException, InvalidDicomError

from radrag.errors import RefusalCode, StudyRefused

# Fuzzing pydicom 3, pylibjpeg and Pillow gives all of these. Named one by one, so that a KeyboardInterrupt, a
# timeout or a RadragError passes through; RuntimeError takes in NotImplementedError and RecursionError, ValueError
# the UnicodeError, OSError Pillow's UnidentifiedImageError.
DECODER_ERRORS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    BytesLengthException,
    EOFError,
    Image.DecompressionBombError,
    InvalidDicomError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,  # Pillow raises it for a broken PNG
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
_LOGGERS = ("pydicom", "pylibjpeg", "libjpeg", "openjpeg", "rle", "PIL")


class _Silence:
    """Holds back warnings and logs of the decoders: they quote header values, and those can name the patient.

    Depth-counted under a lock: `warnings.catch_warnings` alone leaves the filters in disorder when two threads
    (a Streamlit session each) leave it in another order than they entered.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._filters: Any = None
        self._loggers = [logging.getLogger(name) for name in _LOGGERS]
        self._kept: list[tuple[list[logging.Handler], bool]] = []

    def __enter__(self) -> None:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
                # Not by level: setting one walks through all loggers of the process, 5 ms an image beside torch.
                self._kept = [(logger.handlers, logger.propagate) for logger in self._loggers]
                for logger in self._loggers:
                    logger.handlers, logger.propagate = [logging.NullHandler()], False

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._filters.__exit__(None, None, None)
                for logger, (handlers, propagate) in zip(self._loggers, self._kept, strict=True):
                    logger.handlers, logger.propagate = handlers, propagate


silence = _Silence()


@contextmanager
def refusing(path: Path, code: RefusalCode, what: str) -> Iterator[None]:
    """Turn any error of the decoders into a refusal of ``path``, and keep them quiet meanwhile.

    The refusal names the error's type only: its text may quote the header, and so the patient.

    Args:
        path: the file at hand.
        code: what the refusal is called.
        what: the sentence's subject and verb, such as "the pixel data cannot be decoded".

    Raises:
        StudyRefused: anything of :data:`DECODER_ERRORS` was raised inside.
    """
    try:
        with silence:
            yield
    except InvalidDicomError:
        raise StudyRefused(RefusalCode.NOT_DICOM, str(path), "this is not a DICOM file.") from None
    except DECODER_ERRORS as error:
        raise StudyRefused(code, str(path), f"{what} ({type(error).__name__}).") from None
