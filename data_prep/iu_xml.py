"""One XML report of the Indiana University collection (Open-i's ``eCitation``)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from data_prep.iu_common import image_name
from radrag.corpus.collection import ItemRejected, RejectionCode

_ACCESSION = re.compile(r"[A-Za-z0-9][\w.-]{0,63}")


@dataclass(frozen=True, slots=True)
class XmlReport:
    """What a report says.

    Attributes:
        accession: ``CXR25``.
        sections: lower-case name → verbatim text, those with text only.
        labels: the manual MeSH codes (``major``), once each, in the report's order.
        images: names of its images as in the header table, in the report's order.
    """

    accession: str
    sections: dict[str, str]
    labels: tuple[str, ...]
    images: tuple[str, ...]


def parse_report(text: str, item: str) -> XmlReport:
    """Return a report from its XML; elements that are not known here are passed over.

    Args:
        text: the file's text; what its declaration says of the encoding does not count.
        item: what to call the file in the report on the addition.

    Raises:
        ItemRejected: ``broken_xml``: not well formed, or it declares entities or reads other files, which no report
            does; ``missing_id``: no report id (``uId``).
    """
    try:
        root = fromstring(text)
    except ParseError as error:
        raise ItemRejected(RejectionCode.BROKEN_XML, item, f"the file is not well-formed XML ({error}).") from None
    except DefusedXmlException as error:
        message = f"the XML declares entities or other files ({type(error).__name__}) and was not read."
        raise ItemRejected(RejectionCode.BROKEN_XML, item, message) from None
    except ValueError:
        raise ItemRejected(RejectionCode.BROKEN_XML, item, "the file has characters that XML cannot have.") from None
    identity = root.find("uId")
    accession = "" if identity is None else identity.get("id", "").strip()
    if not _ACCESSION.fullmatch(accession):
        raise ItemRejected(RejectionCode.MISSING_ID, item, "the XML has no report id (uId).")
    names = (image_name(part.get("id", "").strip()) for part in root.iter("parentImage"))
    return XmlReport(accession, _sections(root), _codes(root), _once(name for name in names if name))


def _sections(root: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in root.iter("AbstractText"):
        text = "".join(part.itertext())
        name = (part.get("Label") or "findings").lower()
        if text.strip():
            found[name] = f"{found[name]}\n{text}" if name in found else text
    return found


def _codes(root: Any) -> tuple[str, ...]:
    return _once(code.text.strip() for code in root.iter("major") if code.text and code.text.strip())


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))
