"""Content items of a structured report (PS3.3 C.17.3), as plain datasets: hundreds of them take milliseconds."""

from __future__ import annotations

from functools import lru_cache

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radrag.export.codes import Coded

CONTAINS, HAS_CONTEXT, HAS_MODIFIER = "CONTAINS", "HAS OBS CONTEXT", "HAS CONCEPT MOD"
HAS_PROPERTY, INFERRED_FROM = "HAS PROPERTIES", "INFERRED FROM"


@lru_cache(maxsize=512)
def coded(code: Coded) -> Dataset:
    """Return a code sequence's item; the same object for the same code, which nobody changes."""
    item = Dataset()
    item.CodeValue = code.value
    item.CodingSchemeDesignator = code.scheme
    item.CodeMeaning = code.meaning
    return item


def text(relation: str, name: Coded, value: str) -> Dataset:
    """Return a TEXT item."""
    item = _item(relation, "TEXT", name)
    item.TextValue = value
    return item


def code(relation: str, name: Coded, value: Coded) -> Dataset:
    """Return a CODE item."""
    item = _item(relation, "CODE", name)
    item.ConceptCodeSequence = Sequence([coded(value)])
    return item


def person(relation: str, name: Coded, value: str) -> Dataset:
    """Return a PNAME item."""
    item = _item(relation, "PNAME", name)
    item.PersonName = value
    return item


def uid_reference(relation: str, name: Coded, value: str) -> Dataset:
    """Return a UIDREF item."""
    item = _item(relation, "UIDREF", name)
    item.UID = value
    return item


def share(relation: str, name: Coded, value: float) -> Dataset:
    """Return a NUM item of a number in [0, 1], two decimals."""
    measured = Dataset()
    measured.NumericValue = f"{value:.2f}"
    measured.MeasurementUnitsCodeSequence = Sequence([coded(Coded("1", "UCUM", "no units"))])
    item = _item(relation, "NUM", name)
    item.MeasuredValueSequence = Sequence([measured])
    return item


def image(relation: str, name: Coded, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """Return an IMAGE item."""
    referenced = Dataset()
    referenced.ReferencedSOPClassUID = sop_class_uid
    referenced.ReferencedSOPInstanceUID = sop_instance_uid
    item = _item(relation, "IMAGE", name)
    item.ReferencedSOPSequence = Sequence([referenced])
    return item


def container(relation: str, name: Coded, items: list[Dataset]) -> Dataset:
    """Return a CONTAINER item; ``relation`` is empty for the root."""
    item = _item(relation, "CONTAINER", name)
    item.ContinuityOfContent = "SEPARATE"
    return with_items(item, items)


def with_items(item: Dataset, items: list[Dataset]) -> Dataset:
    """Return an item with others below it."""
    if items:
        item.ContentSequence = Sequence(items)
    return item


def _item(relation: str, value_type: str, name: Coded) -> Dataset:
    item = Dataset()
    if relation:
        item.RelationshipType = relation
    item.ValueType = value_type
    item.ConceptNameCodeSequence = Sequence([coded(name)])
    return item
