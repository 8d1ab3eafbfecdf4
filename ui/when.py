"""Points in time as a reader says them."""

from __future__ import annotations

from datetime import UTC, datetime


def instant(text: str) -> datetime | None:
    """Return an ISO 8601 date-time with its zone (UTC where it has none), or None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ago(text: str, now: datetime) -> str:
    """Return how long ago an ISO 8601 date-time was: ``just now``, ``5 min ago``, ``3 h ago``, ``2 days ago``."""
    then = instant(text)
    if then is None:
        return ""
    minutes = int((now - then).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{minutes // (24 * 60)} days ago"


def clock(text: str) -> str:
    """Return the time of day of an ISO 8601 date-time, in UTC: ``14:05 UTC``."""
    then = instant(text)
    return "" if then is None else f"{then.astimezone(UTC):%H:%M} UTC"
