"""Reports to files: each form under the draft's id, whole or not at all."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Form:
    """A form that a report can be given.

    Attributes:
        suffix: of its files.
        module, function: what writes it; imported on first use, since some need heavy packages.
    """

    suffix: str
    module: str
    function: str

    def write(self, outgoing: Outgoing) -> bytes:
        """Return the report in this form.

        Raises:
            ExportError: the report cannot be given this form.
            MissingDependency: a package that the form needs is not installed.
        """
        written: str | bytes = getattr(importlib.import_module(f"radrag.export.{self.module}"), self.function)(outgoing)
        return written.encode() if isinstance(written, str) else written


FORMS: Mapping[str, Form] = {
    "text": Form(".txt", "report_text", "report_to_text"),
    "pdf": Form(".pdf", "pdf", "report_to_pdf"),
    "sr": Form(".sr.dcm", "dicom_sr", "report_to_sr"),
    "sr3d": Form(".sr3d.dcm", "dicom_sr3d", "report_to_sr3d"),
    "dicompdf": Form(".pdf.dcm", "dicom_pdf", "report_to_dicom_pdf"),
    "fhir": Form(".fhir.json", "fhir", "report_to_fhir"),
    "hl7": Form(".hl7", "hl7", "report_to_hl7"),
}


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
