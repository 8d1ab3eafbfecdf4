"""Every error radrag raises on purpose, in one tree.

::

    RadragError
    ├── UsageError            the caller asked for something that cannot be meant
    ├── MissingDependency     an optional package is not installed; the message has the install line
    ├── MissingModel          model weights are not on this machine; the message has the command
    ├── WeightsError          weights are damaged, unsafe or not what their card says
    ├── StudyRefused          an input file is not a chest radiograph radrag can read (``code``)
    ├── ReportError           a report or an offset into it is malformed
    ├── FetchError            a download was refused, broke off for good or is not what was expected (``code``)
    ├── CorpusError           a corpus is missing, damaged or of another shape than expected
    ├── RestrictedData        text or pixels would go where their terms forbid
    ├── BadIndex           an index is missing, damaged or made by another encoder
    ├── StoreError            the database is unreachable, of another version or refuses the write
    ├── GenerationError       a generator failed (``code``); its text is never used as a report
    ├── TrainingError         a training run cannot go on (``code``); what it learned so far is kept
    ├── ReviewError           a review step that the draft's state does not allow (``code``)
    └── ExportError           a report cannot be given the form that was asked for (``code``)

A message says what was wrong, where, and what to do. Messages never carry patient names, ids or dates.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class RadragError(Exception):
    """Base of all deliberate errors.

    Attributes:
        code: stable machine-readable name, safe to match on.
        hint: what the user can do about it; may be empty.
    """

    code = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message} {self.hint}".strip() if self.hint else message

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes whole, whatever the subclass's constructor takes."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[RadragError], arguments: tuple[Any, ...], state: dict[str, Any]) -> RadragError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(state)
    return error


class UsageError(RadragError):
    """The caller asked for something that cannot be meant."""

    code = "usage"


class MissingDependency(RadragError):
    """An optional package is not installed."""

    code = "missing_dependency"


class MissingModel(RadragError):
    """Model weights are not on this machine."""

    code = "missing_model"


class WeightsError(RadragError):
    """Model weights are damaged, unsafe to load, or not what their card says."""

    code = "bad_weights"


class RefusalCode(StrEnum):
    """Why an input file is not drafted. Values are stable: scripts match on them."""

    NOT_FOUND = "not_found"
    NOT_DICOM = "not_dicom"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    NO_PIXEL_DATA = "no_pixel_data"
    UNSUPPORTED_SYNTAX = "unsupported_syntax"
    UNDECODABLE = "undecodable"
    WRONG_MODALITY = "wrong_modality"
    NOT_CHEST = "not_chest"
    CONSTANT_IMAGE = "constant_image"
    COLOUR_PHOTOGRAPH = "colour_photograph"
    MULTI_FRAME = "multi_frame"
    BAD_DIMENSIONS = "bad_dimensions"
    BAD_HEADER = "bad_header"
    EMPTY_FOLDER = "empty_folder"


class StudyRefused(RadragError):
    """An input file is not a chest radiograph that radrag can read.

    Attributes:
        code: the :class:`RefusalCode`, as a string.
        path: the file as the caller named it.
    """

    def __init__(self, code: RefusalCode, path: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{path}: {message} [{code.value}]", hint=hint)
        self.code = code.value
        self.reason = message
        self.path = path


class ReportError(RadragError):
    """A report, or an offset into one, is malformed."""

    code = "bad_report"


class FetchCode(StrEnum):
    """Why a download ended without its file. Values are stable: scripts match on them."""

    UNREACHABLE = "unreachable"  # no connection, or the server is busy or broken, for longer than we wait
    REFUSED = "refused"  # user name and password are not accepted, or give no access to this file
    FORBIDDEN = "forbidden"  # refused without being asked who we are
    NOT_FOUND = "not_found"
    MISMATCH = "mismatch"  # another size or checksum than expected
    BAD_ADDRESS = "bad_address"  # not http(s), or a redirect that is not safe to follow
    BAD_ARCHIVE = "bad_archive"  # damaged, or with members that lead out of the folder
    DISK_FULL = "disk_full"
    DISK = "disk"
    BUSY = "busy"  # another process is fetching the same file


class FetchError(RadragError):
    """A download ended without its file.

    Attributes:
        code: the :class:`FetchCode`, as a string.
    """

    def __init__(self, code: FetchCode, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} [{code.value}]", hint=hint)
        self.code = code.value


class CorpusError(RadragError):
    """A corpus is missing, damaged or of another shape than expected."""

    code = "bad_corpus"


class RestrictedData(RadragError):
    """Text or pixels of a restricted corpus would leave this machine."""

    code = "restricted"


class BadIndex(RadragError):
    """An index is missing, damaged or was made by another encoder."""

    code = "bad_index"


class StoreError(RadragError):
    """The database is unreachable, of another version, or refuses the write."""

    code = "store"


class GenerationCode(StrEnum):
    """Why a generator gave no report. Values are stable: scripts match on them."""

    EMPTY = "empty_output"
    UNREADABLE = "unreadable_output"  # not of the form that was asked for
    CUT_OFF = "cut_off"  # the limit of tokens was reached before the end
    TOO_LONG = "too_long"
    REPETITIVE = "repetitive"
    REFUSAL = "refusal"  # the model speaks of itself, not of the image
    GIBBERISH = "gibberish"
    PROMPT_TOO_LONG = "prompt_too_long"
    OUT_OF_MEMORY = "out_of_memory"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed_out"
    BAD_REPLY = "bad_reply"  # a server's answer is not what its interface promises
    CANCELLED = "cancelled"


class GenerationError(RadragError):
    """A generator failed. Its output is never used as report text, and no message quotes it.

    Attributes:
        code: the :class:`GenerationCode`, as a string.
    """

    def __init__(self, code: GenerationCode, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} [{code.value}]", hint=hint)
        self.code = code.value


class TrainingCode(StrEnum):
    """Why a training run ended before its end. Values are stable: scripts match on them."""

    DIVERGED = "diverged"  # a loss or a weight is no finite number
    DISK_FULL = "disk_full"
    BAD_CHECKPOINT = "bad_checkpoint"
    OTHER_RUN = "other_run"  # the folder is of a run with other settings, or another process uses it


class TrainingError(RadragError):
    """A training run cannot go on; the last good checkpoint is kept.

    Attributes:
        code: the :class:`TrainingCode`, as a string.
    """

    def __init__(self, code: TrainingCode, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} [{code.value}]", hint=hint)
        self.code = code.value


class ReviewCode(StrEnum):
    """Why a review step is not done. Values are stable: scripts and screens match on them."""

    CHANGED = "changed"  # another reader was faster
    SIGNED = "signed"  # the report is final: only an addendum or a correction may follow
    NOT_FINAL = "not_final"
    NOT_ALLOWED = "not_allowed"  # not with this role
    PENDING = "pending"  # sentences wait for a decision
    NOT_ATTESTED = "not_attested"
    NOT_ACKNOWLEDGED = "not_acknowledged"  # a critical finding was passed on to nobody
    NO_SUCH_SENTENCE = "no_such_sentence"
    NO_TEXT = "no_text"
    NO_REASON = "no_reason"
    NOT_IN_BULK = "not_in_bulk"


class ReviewError(RadragError):
    """A review step that the draft's state, or the reader's role, does not allow.

    Attributes:
        code: the :class:`ReviewCode`, as a string.
    """

    def __init__(self, code: ReviewCode, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code.value


class ExportCode(StrEnum):
    """Why a report is not exported. Values are stable: scripts match on them."""

    NO_IDENTITY = "no_identity"  # no image file is there to say whose report it is
    OTHER_PATIENT = "other_patient"  # the image files are not those of the study that was drafted
    NO_IMAGES = "no_images"  # the form needs DICOM images to refer to
    NO_REGIONS = "no_regions"  # the form holds findings with places, and there are none
    NOT_WRITABLE = "not_writable"


class ExportError(RadragError):
    """A report cannot be given the form that was asked for.

    Attributes:
        code: the :class:`ExportCode`, as a string.
    """

    def __init__(self, code: ExportCode, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code.value
