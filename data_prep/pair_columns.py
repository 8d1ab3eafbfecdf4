"""Which column of a table is the image, the text, the patient …, by the user's word or by its usual names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from radrag.corpus.collection import ItemRejected, RejectionCode
from radrag.errors import UsageError

# Field → names in order of preference, compared without case and without anything but letters and digits.
SYNONYMS = {
    "image": "image imagepath imagefile imagefilename imagename imagepaths images imageindex img imgpath imgfile path "
    "filepath file filename dicom dicompath dicomfile",
    "text": "text report reporttext fullreport fulltext reports caption captions notes note clinicalnotes narrative "
    "description body",
    "findings": "findings sectionfindings findingstext",
    "impression": "impression impressions sectionimpression impressiontext conclusion conclusions",
    "indication": "indication indications sectionindication clinicalindication reasonforexam",
    "history": "history clinicalhistory sectionhistory clinicalinformation",
    "comparison": "comparison sectioncomparison",
    "technique": "technique sectiontechnique procedure",
    "study": "study studyid studyuid studyinstanceuid accession accessionnumber reportid",
    "id": "id uid caseid pairid recordid",
    "patient": "patient patientid subject subjectid",
    "view": "view viewposition projection viewname",
    "date": "date studydate examdate",
    "split": "split subset fold partition",
    "licence": "licence license rights",
    "sex": "sex gender patientsex",
    "age": "age patientage ageyears",
    "labels": "labels label finding diagnosis tags",
}
SECTIONS = ("indication", "history", "comparison", "technique", "findings", "impression")
"""Fields that are sections of a report, in the order in which a report has them."""
_BODY = ("text", "findings", "impression")


def find_columns(columns: Sequence[str], chosen: Mapping[str, str], item: str) -> dict[str, str]:
    """Return field → column of a table.

    Args:
        columns: the table's columns.
        chosen: field → column as the user said; these go first.
        item: the table's name.

    Raises:
        UsageError: a field of ``chosen`` is none.
        ItemRejected: ``wrong_header``: no image or no text column, or a chosen column is not there.
    """
    by_case = {column.casefold(): column for column in reversed(columns)}
    by_letters = {_letters(column): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for field, column in chosen.items():
        if field not in SYNONYMS:
            raise UsageError(f"There is no field {field!r} of a pair.", hint=f"Fields: {', '.join(SYNONYMS)}.")
        if column.casefold() not in by_case:
            raise _wrong_header(item, columns, f"no column {column!r}", field)
        found[field] = column if column in columns else by_case[column.casefold()]
    for field, names in SYNONYMS.items():
        taken = set(found.values())
        known = [by_letters[name] for name in names.split() if name in by_letters and by_letters[name] not in taken]
        if field not in found and known:
            found[field] = known[0]
    if "image" not in found:
        raise _wrong_header(item, columns, "no column of images", "image")
    if not any(field in found for field in _BODY):
        raise _wrong_header(item, columns, "no column of texts", "text")
    return found


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _wrong_header(item: str, columns: Sequence[str], lack: str, field: str) -> ItemRejected:
    # Cut short: in a table without a header these are the first row's values.
    there = ", ".join(column if len(column) <= 30 else f"{column[:30]}…" for column in columns[:30])
    message = f"the table has {lack}; it has {there or 'none'}. Name it: --column {field}=NAME."
    return ItemRejected(RejectionCode.WRONG_HEADER, item, message)
