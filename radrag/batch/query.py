"""Studies by what the store knows of them: which of those that came before are meant, by time, batch and draft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from radrag.batch.remote import is_url
from radrag.batch.submission import prior_of
from radrag.errors import UsageError
from radrag.store.canonical import sha256
from radrag.store.job_values import JobState, KnownJob

_AGO = re.compile(r"(\d{1,5})([hd])")
_KEYS = "since=TIME, until=TIME, batch=NAME, draft=missing|none|old, unsigned"


class Drafted(StrEnum):
    """Which studies are meant, by the drafts they have."""

    MISSING = "missing"  # none by the present index, models and settings
    NONE = "none"  # none at all
    OLD = "old"  # one, but none by the present parts


@dataclass(frozen=True, slots=True)
class Query:
    """What a study must be like; all of it.

    Attributes:
        since, until: when it was first submitted or received, from and before; ISO 8601 UTC, empty for any time.
        batch: that asked for it; a name, or the beginning of one and ``*``; empty for any.
        drafted: which draft it lacks.
        unsigned: whether studies are left out of which a draft was signed.
    """

    since: str = ""
    until: str = ""
    batch: str = ""
    drafted: Drafted = Drafted.MISSING
    unsigned: bool = False


class Asked(NamedTuple):
    """What is said of studies beside their files: the requester's words, and an earlier study's images."""

    indication: str
    prior: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Study:
    first: str
    files: list[str]
    indication: str
    prior: tuple[Path, ...] = ()
    asked: bool = False
    done: bool = False
    up_to_date: bool = False
    signed: bool = False


def parse_query(text: str, now: datetime | None = None) -> Query:
    """Read ``since=2026-11-21T18:00,draft=none``: what is named, all of it, parted by commas.

    Args:
        text: times are dates, dates with a time (of this machine's zone unless they say another), or ``12h`` and
            ``3d`` for so many hours or days ago.
        now: what is ago counted from; None for this moment.

    Raises:
        UsageError: something in it cannot be meant.
    """
    given: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, value = (one.strip() for one in part.partition("="))
        if name in given or name not in ("since", "until", "batch", "draft", "unsigned"):
            raise UsageError(f"{name!r} cannot be asked for, or twice.", hint=f"A query is of: {_KEYS}.")
        if bool(value) is (name == "unsigned"):
            raise UsageError(f"{part!r} is not understood.", hint=f"A query is of: {_KEYS}.")
        given[name] = value
    if not given:
        raise UsageError("The query is empty.", hint=f"A query is of: {_KEYS}.")
    times = {name: _moment(given[name], now or datetime.now(UTC)) for name in ("since", "until") if name in given}
    try:
        drafted = Drafted(given.get("draft", Drafted.MISSING))
    except ValueError:
        raise UsageError(f"draft={given['draft']} is not one of: {', '.join(Drafted)}.") from None
    return Query(batch=given.get("batch", ""), drafted=drafted, unsigned="unsigned" in given, **times)


def chosen(jobs: Iterable[KnownJob], query: Query, versions: str) -> dict[Asked, list[Path | str]]:
    """Return what is said of studies → files of those that a query means, in order of their first arrival.

    A study is known by its files' content, so that copies and submissions for other parts are one; it is compared with
    the prior that was named for it last.

    Args:
        jobs: by id.
        versions: of the present parts, from :func:`radrag.batch.versions.versions_of`.
    """
    studies: dict[str, _Study] = {}
    for job in jobs:
        digests = sorted(file[3] for file in job.source["files"] if len(file) == 4)
        if not digests:
            continue
        study = studies.setdefault(sha256([digests, job.source["indication"]]), _new(job.created_at, job.source))
        study.files = [file[0] for file in job.source["files"]]  # where it was last: jobs come in their order
        study.prior = tuple(prior_of(job.source)) or study.prior
        study.first = min(study.first, job.created_at)
        study.asked |= job.asked
        study.done |= job.state is JobState.DONE
        study.up_to_date |= job.state is JobState.DONE and job.versions == versions
        study.signed |= job.signed
    found: dict[Asked, list[Path | str]] = {}
    for study in sorted((one for one in studies.values() if _means(query, one)), key=lambda one: one.first):
        named = (name if is_url(name) else Path(name) for name in study.files)
        found.setdefault(Asked(study.indication, study.prior), []).extend(named)
    return found


def _new(created_at: str, source: Mapping[str, Any]) -> _Study:
    return _Study(created_at, [file[0] for file in source["files"]], source["indication"])


def _means(query: Query, study: _Study) -> bool:
    if not study.asked or study.up_to_date or (query.unsigned and study.signed):
        return False
    if study.first < query.since or (query.until and study.first >= query.until):
        return False
    return query.drafted is Drafted.MISSING or study.done is (query.drafted is Drafted.OLD)


def _moment(text: str, now: datetime) -> str:
    """Return a time as the store writes them."""
    if ago := _AGO.fullmatch(text):
        count = int(ago[1])
        moment = now - (timedelta(hours=count) if ago[2] == "h" else timedelta(days=count))
    else:
        try:
            moment = datetime.fromisoformat(text).astimezone()
        except ValueError:
            raise UsageError(
                f"{text!r} is no time.", hint="For example: 2026-11-21, 2026-11-21T18:00, 12h, 3d."
            ) from None
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
