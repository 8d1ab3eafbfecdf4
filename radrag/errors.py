"""Every error radrag raises on purpose, in one tree.

::

    RadragError
    ├── UsageError            the caller asked for something that cannot be meant
    ├── MissingDependency     an optional package is not installed; the message has the install line
    ├── MissingModel          model weights are not on this machine; the message has the command
    ├── WeightsError          weights are damaged, unsafe or not what their card says
    ├── StudyRefused          an input file is not a chest radiograph radrag can read (``code``)
    ├── ReportError           a report or an offset into it is malformed
    ├── CorpusError           a corpus is missing, damaged or of another shape than expected
    ├── BadIndex           an index is missing, damaged or made by another encoder
    ├── StoreError            the database is unreachable, of another version or refuses the write
    ├── GenerationError       a generator failed; its text is never used as a report
    └── ReviewError           a review step that the draft's state does not allow

A message says what was wrong, where, and what to do. Messages never carry patient names, ids or dates.
"""

from enum import StrEnum


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


class CorpusError(RadragError):
    """A corpus is missing, damaged or of another shape than expected."""

    code = "bad_corpus"


class BadIndex(RadragError):
    """An index is missing, damaged or was made by another encoder."""

    code = "bad_index"


class StoreError(RadragError):
    """The database is unreachable, of another version, or refuses the write."""

    code = "store"


class GenerationError(RadragError):
    """A generator failed. Its output is never used as report text."""

    code = "generation"


class ReviewError(RadragError):
    """A review step that the draft's state does not allow."""

    code = "review"
