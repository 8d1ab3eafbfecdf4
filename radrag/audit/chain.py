"""Whether the record is as it was written: the audit log's hash chain, and every act of a reader against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from radrag.audit.sections import Section, Table
from radrag.errors import StoreError, UsageError

if TYPE_CHECKING:
    from radrag.store.repository import Store

LISTED = 100
"""Broken entries and altered acts listed in a section."""


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """What the check of the record found.

    Attributes:
        position, digest: of the last entry.
        broken: positions of entries that are missing, or not as they were written.
        altered: (draft id, version) of acts of readers that are missing, or not as they were recorded.
        comparable: whether acts could be compared; False where the broken log cannot be read any more.
        head_found: whether the log holds the entry that was noted earlier; None where none was given.
    """

    position: int
    digest: str
    broken: tuple[int, ...]
    altered: tuple[tuple[str, int], ...]
    comparable: bool = True
    head_found: bool | None = None

    @property
    def head(self) -> str:
        """What is to be noted elsewhere: a log cut off at its end is a whole log too."""
        return f"{self.position}:{self.digest}"

    @property
    def whole(self) -> bool:
        """Whether nothing was found."""
        return not self.broken and not self.altered and self.head_found is not False

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": "radrag.audit_chain/1",
            "entries": self.position,
            "head": self.head,
            "broken": list(self.broken),
            "altered_reviews": [{"draft_id": draft_id, "version": version} for draft_id, version in self.altered],
            "reviews_compared": self.comparable,
            "head_found": self.head_found,
        }

    def messages(self) -> list[str]:
        """Return each finding as a sentence; none where the record is whole."""
        lines = [f"Entry {entry} is missing, or not as it was written." for entry in self.broken]
        lines += [
            f"Act {version} on draft {draft_id} is missing, or not as it was recorded."
            for draft_id, version in self.altered
        ]
        if not self.comparable:
            lines.append("The acts of readers cannot be compared: the log cannot be read any more.")
        if self.head_found is False:
            lines.append("The entry that you noted is not in the log any more.")
        return lines


def check_chain(store: Store, head: str | None = None) -> ChainCheck:
    """Check the record of a store.

    Args:
        head: ``POSITION:HASH`` of the last entry as it was noted earlier.

    Raises:
        UsageError: ``head`` is none.
        StoreError: the database cannot be read, and not for what the chain shows.
    """
    found = None if head is None else _holds(store, head)
    broken = tuple(store.verify_audit_log())
    altered: tuple[tuple[str, int], ...] = ()
    comparable = True
    try:
        altered = tuple(store.altered_review_events())
    except StoreError:
        if not broken:
            raise
        comparable = False
    return ChainCheck(*store.audit_head(), broken, altered, comparable, found)


def section(check: ChainCheck) -> Section:
    """Return the check as a section."""
    messages = check.messages()
    summary = "The record is as it was written." if check.whole else "The record was changed outside radrag."
    facts = (
        ("entries", check.position),
        ("last entry", check.head),
        ("entries missing or changed", len(check.broken)),
        ("acts of readers missing or changed", len(check.altered)),
    )
    return Section(
        "chain",
        "The record",
        "Is the audit log as it was written, and every act of a reader as it was recorded?",
        f"{check.position:,} entries of the audit log. {summary}",
        (
            Table(
                "chain",
                "Hash chain",
                ("what", "value"),
                facts,
                "Note the last entry elsewhere: radrag audit chain --head shows whether entries were cut off since.",
            ),
        ),
        flags=(*messages[:LISTED], *([f"And {len(messages) - LISTED:,} more."] if len(messages) > LISTED else [])),
    )


def _holds(store: Store, head: str) -> bool:
    """Whether the log holds an entry of a position with a hash."""
    position, _, digest = head.partition(":")
    if not position.isdigit() or not digest:
        raise UsageError("--head is not POSITION:HASH.", hint="Give the line that radrag audit chain printed.")
    if int(position) == 0:
        return True
    found = store.audit_entries(after=int(position) - 1, limit=1)
    return bool(found) and (found[0].position, found[0].hash) == (int(position), digest)
