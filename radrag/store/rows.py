"""Between dataclasses and rows: what cases and drafts write and read alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from radrag.domain import Finding, StudyImage

CHUNK = 500  # values of one IN list
Rows = list[dict[str, Any]]


def chunks(values: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Yield the values in lists of at most ``size``."""
    rest = iter(values)
    while part := list(islice(rest, size)):
        yield part


def write(session: Session, tables: Mapping[Any, Rows]) -> None:
    """Insert the rows of each table, in the order given, one statement a table."""
    for table, rows in tables.items():
        if rows:
            session.execute(insert(table.__table__), rows)


def image_row(image: StudyImage, position: int) -> dict[str, Any]:
    """Return the columns that case_images and draft_images share."""
    return {
        "position": position,
        "sop_instance_uid": image.sop_instance_uid,
        "view": image.view,
        "rows": int(image.rows),
        "columns": int(image.columns),
        "path": image.path,
        "pixel_sha256": image.pixel_sha256,
        "acquired_at": image.acquired_at,
        "file_sha256": image.file_sha256,
        "perceptual_hash": image.perceptual_hash,
    }


def finding_row(finding: Finding, sentence: int, position: int) -> dict[str, Any]:
    """Return the columns that findings and draft_findings share."""
    return {
        "sentence": sentence,
        "position": position,
        "label": finding.label,
        "polarity": finding.polarity,
        "side": finding.side,
        "location": finding.location,
        "severity": finding.severity,
        "change": finding.change,
        "start": finding.start,
        "end": finding.end,
    }


def image_of(row: Any) -> StudyImage:
    """Return the image of a row with the columns of :func:`image_row`."""
    return StudyImage(
        row.sop_instance_uid, row.view, row.rows, row.columns, row.path, row.pixel_sha256, row.acquired_at,
        row.file_sha256, row.perceptual_hash,
    )  # fmt: skip


def finding_of(row: Any) -> Finding:
    """Return the finding of a row with the columns of :func:`finding_row`."""
    return Finding(row.label, row.polarity, row.side, row.location, row.severity, row.change, row.start, row.end)
