"""One JSON form for each value, so that equal values have equal SHA-256 sums."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from numbers import Integral, Real
from typing import Any

from radrag.domain import Case, Draft, Sentence
from radrag.errors import StoreError


def utc_now() -> str:
    """Return the time as ISO 8601 UTC with microseconds: such strings sort by time."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def utc(moment: object) -> str:
    """Return an ISO 8601 string in UTC with microseconds; the present time for anything that is not one."""
    try:
        parsed = datetime.fromisoformat(moment) if isinstance(moment, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        return utc_now()
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")


def json_value(value: Any, where: str, *, finite: bool = True) -> Any:
    """Return ``value`` as JSON values (tuples become lists, numpy numbers Python's own).

    Args:
        value: what is to be kept.
        where: its name in messages, such as "provenance".
        finite: whether NaN and infinity are refused.

    Raises:
        StoreError: something in it is not JSON; the message names the place, never the value.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if finite and not math.isfinite(number):
            raise StoreError(f"{where} is not a finite number.", hint="Leave the key out, or give None.")
        return number
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise StoreError(f"{where} has a key that is not a string.", hint="JSON objects need string keys.")
        return {str(key): json_value(item, f"{where}.{key}", finite=finite) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [json_value(item, f"{where}[{place}]", finite=finite) for place, item in enumerate(value)]
    raise StoreError(f"{where} is a {kind.__name__}, not a JSON value.", hint="Give strings, numbers, lists, objects.")


_PLAIN = frozenset({str, bool, int, type(None)})
"""Types that are JSON as they are. A draft holds some 2,000 values, and asking each for its abstract class took half
of the time that its checksum takes."""


def sha256(value: Any) -> str:
    """Return the hex SHA-256 of the compact ASCII JSON of ``value``."""
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode("ascii")).hexdigest()


def case_sha256(case: Case, sentences: Sequence[Sentence]) -> str:
    """Return the checksum of everything that is kept of a case and its sentences."""
    return sha256(
        [
            case.case_id,
            case.corpus,
            case.patient_key,
            [
                [
                    i.sop_instance_uid,
                    i.view,
                    int(i.rows),
                    int(i.columns),
                    i.path,
                    i.pixel_sha256,
                    i.acquired_at,
                    *_later(i.file_sha256, i.perceptual_hash),
                ]
                for i in case.images
            ],
            list(case.sections.items()),
            list(case.labels),
            case.licence,
            case.restricted,
            [
                [
                    s.section,
                    s.number,
                    s.start,
                    s.end,
                    [
                        [f.label, f.polarity, f.side, f.location, f.severity, f.change, f.start, f.end]
                        for f in s.findings
                    ],
                ]
                for s in sentences
            ],
            *_later(case.split, case.sex, case.age, case.studied_at),
        ]
    )


def _later(*values: Any) -> list[Any]:
    """Return fields that an earlier version did not have: none when all are empty, so that its checksums still hold."""
    return [json_value(value, "case") for value in values] if any(value not in ("", None) for value in values) else []


def draft_sha256(draft: Draft) -> str:
    """Return the checksum of a draft; NaN counts as equal to NaN, and 1 to 1.0."""
    return sha256(_plain(draft))


def _plain(value: Any) -> Any:
    kind: Any = type(value)  # mypy takes no type for hashable
    if kind in _PLAIN:
        return value
    if kind is float:
        return int(value) if value.is_integer() else value
    names = _compared(kind)
    if names is not None:
        fields = [(name, getattr(value, name)) for name in names]
        # Fields that an earlier version did not have count only when filled, so that its checksums still hold.
        return [_plain(item) for name, item in fields if item != "" or name not in ("file_sha256", "perceptual_hash")]
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(value[key]) for key in sorted(value)}
    plain = json_value(value, "draft", finite=False)
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain


@cache
def _compared(kind: type) -> tuple[str, ...] | None:
    """Return the names of the fields that a dataclass compares by; None for other types."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind) if field.compare)
