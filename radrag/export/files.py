"""Reports to files: each form under the draft's id, whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from radrag.disk import replacing
from radrag.errors import ExportCode, ExportError
from radrag.export.outgoing import Outgoing


@dataclass(frozen=True, slots=True)
class Written:
    """One file of an export.

    Attributes:
        form: such as ``sr``.
        sha256: of the file's bytes, hex.
    """

    form: str
    path: Path
    size: int
    sha256: str


def _text(outgoing: Outgoing) -> bytes:
    from radrag.export.report_text import report_to_text

    return report_to_text(outgoing).encode()


def _sr(outgoing: Outgoing) -> bytes:
    from radrag.export.dicom_sr import report_to_sr

    return report_to_sr(outgoing)


def _sr3d(outgoing: Outgoing) -> bytes:
    from radrag.export.dicom_sr3d import report_to_sr3d

    return report_to_sr3d(outgoing)


def _dicom_pdf(outgoing: Outgoing) -> bytes:
    from radrag.export.dicom_pdf import report_to_dicom_pdf

    return report_to_dicom_pdf(outgoing)


def _fhir(outgoing: Outgoing) -> bytes:
    from radrag.export.fhir import report_to_fhir

    return report_to_fhir(outgoing)


def _hl7(outgoing: Outgoing) -> bytes:
    from radrag.export.hl7 import report_to_hl7

    return report_to_hl7(outgoing)


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a report can be given.

    Attributes:
        suffix: of its files.
        write: makes the file's bytes.
    """

    suffix: str
    write: Callable[[Outgoing], bytes]


FORMS: Mapping[str, Form] = {
    "text": Form(".txt", _text),
    "pdf": Form(".pdf", lambda outgoing: outgoing.pdf),
    "sr": Form(".sr.dcm", _sr),
    "sr3d": Form(".sr3d.dcm", _sr3d),
    "dicompdf": Form(".pdf.dcm", _dicom_pdf),
    "fhir": Form(".fhir.json", _fhir),
    "hl7": Form(".hl7", _hl7),
}
"""Name → form. Heavy packages are imported when a form is first written."""


def file_name(draft_id: str, form: str) -> str:
    """Return the name of a form's file, which tells nothing of the patient.

    Raises:
        ExportError: ``not_writable``: the draft's id cannot be a file name.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", draft_id):
        raise ExportError(ExportCode.NOT_WRITABLE, "The draft's id cannot be a file's name.")
    return f"{draft_id}{FORMS[form].suffix}"


def write_form(outgoing: Outgoing, form: str, folder: Path) -> Written:
    """Write a report in one form to a folder, which is made where it is missing.

    Args:
        form: a name of :data:`FORMS`.

    Raises:
        ExportError: the report cannot be given this form, or the file cannot be written.
        MissingDependency: a package that the form needs is not installed.
    """
    path = folder / file_name(outgoing.draft.draft_id, form)
    content = FORMS[form].write(outgoing)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise ExportError(
            ExportCode.NOT_WRITABLE, f"{path} cannot be written: {error.strerror or type(error).__name__}."
        ) from error
    return Written(form, path, len(content), hashlib.sha256(content).hexdigest())
