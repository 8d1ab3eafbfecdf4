"""From report to outbox: each form that a destination takes is made once, and kept as the bytes that will be sent."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radrag.errors import ExportError, RadragError, UsageError
from radrag.exchange.destinations import DICOM_FORMS, Destination
from radrag.store.outbox_values import Message, NewMessage

if TYPE_CHECKING:
    from radrag.export.outgoing import Outgoing
    from radrag.workspace import Workspace

NOT_FOR_THIS_STUDY = ("no_images", "no_regions")
"""Codes of forms that a study has nothing for: left out, unless the form was asked for by name."""


class NotSigned(RadragError):
    """The report is not signed, and nobody said that a preliminary one may leave."""

    code = "not_signed"


@dataclass(frozen=True, slots=True)
class Queued:
    """What became of the wish to send a report.

    Attributes:
        messages: in the outbox now; what was there before stands as it stood.
        failed: forms that the report cannot be given, with the reason.
    """

    messages: tuple[Message, ...]
    failed: tuple[tuple[str, ExportError], ...] = ()


def queue_report(
    workspace: Workspace,
    draft_id: str,
    destinations: Sequence[Destination],
    *,
    forms: Sequence[str] = (),
    preliminary: bool = False,
    who: str = "",
) -> Queued:
    """Queue a draft's report, in its present version, for destinations; the same again changes nothing.

    Args:
        forms: each destination gets those of them that it takes; its own when empty.
        preliminary: whether a report that nobody signed may leave; it says so in every form.
        who: account of whoever asks; the operating system's user when empty.

    Raises:
        NotSigned: the report is not signed, and ``preliminary`` is false.
        StoreError: there is no such draft.
        ExportError: whose study it is cannot be read from its image files.
        RestrictedData: the terms of images or evidence forbid it.
        UsageError: a destination takes none of the forms, or a form has nowhere to go.
        MissingDependency: a package that a form needs is not installed.
    """
    wanted = {destination.name: _forms_for(destination, forms) for destination in destinations}
    nowhere = [form for form in forms if not any(form in taken for taken in wanted.values())]
    if nowhere:
        raise UsageError(f"{', '.join(nowhere)}: none of the destinations takes it.")
    outgoing = workspace.outgoing(draft_id)
    if not outgoing.signed and not preliminary:
        raise NotSigned(
            f"Draft {draft_id} is not signed.", hint="Sign it first, or say that it may leave as it is: --preliminary"
        )
    made, failed = _written(outgoing, list(dict.fromkeys(form for taken in wanted.values() for form in taken)), forms)
    new = [
        NewMessage(
            draft_id=draft_id,
            version=outgoing.version,
            report_state=outgoing.state.value,
            identified=outgoing.identity.known,
            form=form,
            destination=destination.name,
            kind=destination.kind,
            identity=identity_of(outgoing, form, made[form], destination.kind),
            content=made[form],
        )
        for destination in destinations
        for form in wanted[destination.name]
        if form in made
    ]
    store = workspace.store
    return Queued(tuple(store.queue_messages(new, now=store.now(), who=who)), tuple(failed))


def _forms_for(destination: Destination, forms: Sequence[str]) -> tuple[str, ...]:
    if not forms:
        return destination.wanted
    taken = tuple(form for form in dict.fromkeys(forms) if form in destination.takes)
    if not taken:
        takes = ", ".join(destination.takes)
        raise UsageError(f"{destination.name} takes none of {', '.join(forms)}.", hint=f"It takes: {takes}.")
    return taken


def _written(
    outgoing: Outgoing, wanted: Sequence[str], named: Sequence[str]
) -> tuple[dict[str, bytes], list[tuple[str, ExportError]]]:
    from radrag.export.files import FORMS

    made: dict[str, bytes] = {}
    failed: list[tuple[str, ExportError]] = []
    for form in wanted:
        try:
            made[form] = FORMS[form].write(outgoing)
        except ExportError as error:
            if form in named or error.code not in NOT_FOR_THIS_STUDY:
                failed.append((form, error))
    return made, failed


def identity_of(outgoing: Outgoing, form: str, content: bytes, kind: str) -> str:
    """Return by what the receiver knows a second delivery of the same bytes; read from the bytes themselves."""
    from radrag.export.files import FORMS, file_name

    if kind == "folder":
        suffix = FORMS[form].suffix
        return f"{file_name(outgoing.draft.draft_id, form).removesuffix(suffix)}.v{outgoing.version}{suffix}"
    if form in DICOM_FORMS:
        from pydicom import dcmread

        header = dcmread(io.BytesIO(content), specific_tags=["SOPInstanceUID"], stop_before_pixels=True)
        return str(header.SOPInstanceUID)
    if form == "fhir":
        return str(json.loads(content)["id"])
    return content.split(b"\r", 1)[0].split(b"|")[9].decode()  # MSH-10; the separator itself is MSH-1
