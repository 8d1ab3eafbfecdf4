"""An audit as a whole: what it was made of and when, its sections, and which could not be made, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radrag.audit.sections import Section
from radrag.errors import UsageError

SCHEMA = "radrag.audit_report/1"
SAVED = "audit/report.json"
"""Where a workspace keeps the last report, for the screen."""


@dataclass(frozen=True, slots=True)
class Made:
    """What a report was made of; empty strings and None where there was no such thing.

    Attributes:
        at: ISO 8601 UTC.
        radrag: version.
        command: that makes it again.
        counts: what → how many, such as drafts, cases, queries.
        index: id, sha256 and size.
        encoder, text_encoder, generator: name, version, sha256 and card hash, as far as there are.
        manifest: file name and SHA-256 of the queries.
    """

    at: str
    radrag: str
    command: str
    counts: Mapping[str, int] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)
    encoder: Mapping[str, Any] = field(default_factory=dict)
    text_encoder: Mapping[str, Any] = field(default_factory=dict)
    generator: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        parts = ("counts", "index", "encoder", "text_encoder", "generator", "manifest")
        return {
            "at": self.at,
            "radrag": self.radrag,
            "command": self.command,
            **{name: dict(getattr(self, name)) for name in parts},
        }


@dataclass(frozen=True, slots=True)
class Missing:
    """A section that could not be made, and why."""

    name: str
    title: str
    why: str


@dataclass(frozen=True, slots=True)
class Document:
    """An audit."""

    made: Made
    sections: tuple[Section, ...]
    missing: tuple[Missing, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as ``report.schema.json`` describes them."""
        return {
            "schema": SCHEMA,
            "made": self.made.as_dict(),
            "sections": [section.as_dict() for section in self.sections],
            "missing": [{"name": one.name, "title": one.title, "why": one.why} for one in self.missing],
        }

    def as_json(self) -> str:
        """Return :meth:`as_dict` as JSON, indented."""
        return json.dumps(self.as_dict(), ensure_ascii=False, allow_nan=False, indent=1)

    @classmethod
    def read(cls, path: Path) -> Document:
        """Return the report that a file holds.

        Raises:
            UsageError: it cannot be read, or is no report of this version.
        """
        again = "Make it again: radrag audit report --out DIR"
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values.get("schema") != SCHEMA:
                raise UsageError(f"{path.name} is no audit report of this version of radrag.", hint=again)
            return cls(
                Made(**values["made"]),
                tuple(Section.from_dict(section) for section in values["sections"]),
                tuple(Missing(**one) for one in values["missing"]),
            )
        except OSError as error:
            raise UsageError(f"{path.name} cannot be read: {error.strerror}.", hint=again) from None
        except (AttributeError, KeyError, TypeError, ValueError):
            raise UsageError(f"{path.name} is no audit report.", hint=again) from None
