"""CheXpert's fourteen label columns as codes of a case, and as words where a case has no report text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from radrag.corpus.collection import ItemRejected, RejectionCode
from radrag.reports.vocabulary import NO_FINDING, report_order

LABELS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema",
    "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture",
    "Support Devices",
)  # fmt: skip
"""In the order of CheXpert's train.csv; the label tables of MIMIC-CXR have the same names."""

_MARKS = {1.0: "", 0.0: "-", -1.0: "?"}

# The labeler knows every label by its own name but these; "not normal" is the one way to deny a normal chest.
_WORDS = {"Enlarged Cardiomediastinum": "widening of the mediastinum", "Pleural Other": "pleural disease"}
_NORMAL = {"": "Normal chest.", "-": "The chest is not normal.", "?": "Possibly normal chest."}
_SENTENCES = {"": "{}.", "-": "No {}.", "?": "Possible {}."}


def codes(row: Mapping[str, str], item: str = "") -> tuple[str, ...]:
    """Return the labels of one row of a table.

    Args:
        row: column → value: 1 stated, 0 denied, -1 uncertain (with or without decimals), blank or NaN not mentioned.
            Columns other than :data:`LABELS` are not looked at; one that is missing counts as blank.
        item: what to call the row in the report.

    Returns:
        ``Edema``, ``-Edema`` or ``?Edema`` for each value that is not blank, in the order of :data:`LABELS`.

    Raises:
        ItemRejected: ``bad_value``: a value is none of these. Nothing of such a row can be trusted: its columns may be
            shifted.
    """
    found = []
    for label in LABELS:
        value = row.get(label, "").strip()
        if value and value.lower() != "nan":
            found.append(_mark(value, label, item) + label)
    return tuple(found)


def label_section(codes: Iterable[str]) -> str:
    """Return labels as short sentences, e.g. ``Cardiomegaly. Possible edema. No pleural effusion.``.

    radrag's labeler reads each sentence back as exactly its label and polarity. What is stated comes first, then what
    is possible, then what is denied, each in the order in which a report names things.

    Args:
        codes: as :func:`codes` returns them.

    Returns:
        One sentence a code, blanks between; empty for no codes.
    """
    marked = {(code[:1] if code[:1] in {"-", "?"} else "", code.lstrip("-?")) for code in codes}
    ordered = sorted(marked, key=lambda pair: (("", "?", "-").index(pair[0]), report_order(pair[1])))
    return " ".join(_sentence(mark, label) for mark, label in ordered)


def _mark(value: str, label: str, item: str) -> str:
    try:
        return _MARKS[float(value)]
    except (KeyError, ValueError):
        message = f"column {label!r} has a value that is none of 1, 0, -1 and blank."
        raise ItemRejected(RejectionCode.BAD_VALUE, item, message) from None


def _sentence(mark: str, label: str) -> str:
    if label == NO_FINDING:
        return _NORMAL[mark]
    text = _SENTENCES[mark].format(_WORDS.get(label, label.lower()))
    return text[:1].upper() + text[1:]
