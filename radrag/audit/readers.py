"""What readers do with drafts: what they keep, change and reject, how fast, and signs of trusting too much.

Nobody is named, unless an auditor asked for it (:mod:`radrag.audit.asking`). Sentences of one draft, and drafts of one
reader, are no independent witnesses: the intervals are narrower than they should be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from radrag.audit.reviewed import IDLE, WORDS_A_MINUTE, Decided, Reviewed
from radrag.audit.sections import Cell, Plot, PlotKind, Section, Series, Table
from radrag.audit.shares import COLUMNS, Share
from radrag.domain import Polarity, Status
from radrag.review.values import Decision

DECISIONS = (Decision.ACCEPTED, Decision.EDITED, Decision.REJECTED)
HOW = {Polarity.POSITIVE: "", Polarity.UNCERTAIN: " (possible)", Polarity.NEGATIVE: " (denied)"}
MINUTES = (0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0)
"""Upper ends of the bins of the histogram of times; what is longer has a bin of its own."""
FEW = 3
"""Readers below which numbers without names are somebody's all the same."""

Row = tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sign:
    """A share that tells of trust in drafts; ``flagged`` where any at all must be looked at."""

    name: str
    share: Share
    meaning: str
    flagged: bool = False


def section(reviews: Sequence[Reviewed], *, by_reader: bool = False) -> Section:
    """Return what readers did as a section.

    Args:
        reviews: drafts that a reader acted on.
        by_reader: add a row an account, with its name.
    """
    decided = [one for review in reviews for one in review.decided]
    people = len({who for review in reviews for who in review.readers})
    signed = sum(bool(review.signer) for review in reviews)
    waiting = sum(review.pending for review in reviews)
    statuses = tuple(_decisions(status.value, [one for one in decided if one.status is status]) for status in Status)
    signs = _signs(reviews, decided)
    tables = [
        Table("status", "Decisions by the status of the drafted sentence", _headings("status"), statuses),
        Table(
            "findings",
            "Decisions by finding of the drafted sentence",
            (*_headings("finding"), "added by readers"),
            _by_finding(reviews, decided),
            "A sentence with several findings counts under each. Added: sentences that readers wrote anew.",
        ),
        Table("reasons", "Reasons of rejections", ("reason", *COLUMNS), _reasons(decided)),
        Table(
            "signs",
            "Signs of trust",
            ("sign", *COLUMNS, "what is counted"),
            tuple((sign.name, *sign.share.cells, sign.meaning) for sign in signs),
        ),
        Table(
            "written",
            "What the evidence says of readers' own words",
            ("words", *(status.value for status in Status)),
            _written(reviews),
        ),
        Table(
            "time",
            "Minutes from first opening to signature",
            ("minutes", "reports", "median", "lower quartile", "upper quartile"),
            (_minutes("at work", [r.active for r in reviews]), _minutes("by the clock", [r.clock for r in reviews])),
            f"At work: pauses between two acts count {IDLE / 60:.0f} minutes at most "
            f"({sum(review.pauses for review in reviews):,} were longer). Openings by others count as openings.",
        ),
    ]
    if by_reader:
        tables.append(_named(reviews))
    return Section(
        "readers",
        "Readers",
        "What do readers keep, change and reject, how long does it take, and do they trust too much?",
        f"{len(reviews):,} drafts on which {people:,} {'reader' if people == 1 else 'readers'} acted, {signed:,} of "
        f"them signed; {len(decided):,} drafted sentences decided, {waiting:,} still wait."
        + (f" Fewer than {FEW} readers: these numbers are theirs, also without a name." if people < FEW else ""),
        tuple(tables),
        (_plot(statuses), _histogram([review.active for review in reviews])),
        tuple(f"{sign.name}: {sign.share.count:,} of {sign.share.of:,}." for sign in signs if _raised(sign)),
    )


def _headings(first: str) -> tuple[str, ...]:
    return (first, "decided", *(f"{one.value}{end}" for one in DECISIONS for end in ("", " from", " to")))


def _decisions(name: str, group: Sequence[Decided]) -> Row:
    """Return a group's n, and the share of each decision with its interval."""
    shares = [Share(sum(one.decision is decision for one in group), len(group)) for decision in DECISIONS]
    return (name, len(group), *(cell for share in shares for cell in (share.value, *share.interval)))


def _by_finding(reviews: Sequence[Reviewed], decided: Sequence[Decided]) -> tuple[Row, ...]:
    groups: dict[str, list[Decided]] = defaultdict(list)
    for one in decided:
        for name in [label + HOW[polarity] for label, polarity in one.findings] or ["no finding"]:
            groups[name].append(one)
    added = Counter(
        label + HOW[polarity]
        for review in reviews
        for words in review.written
        if words.before is None
        for label, polarity in words.findings
    )
    names = sorted(groups.keys() | added.keys(), key=lambda name: (-len(groups.get(name, ())), name))
    return tuple((*_decisions(name, groups.get(name, [])), added[name]) for name in names)


def _reasons(decided: Sequence[Decided]) -> tuple[Row, ...]:
    reasons = Counter(one.reason for one in decided if one.decision is Decision.REJECTED)
    return tuple((reason, *Share(count, reasons.total()).cells) for reason, count in reasons.most_common())


def _signs(reviews: Sequence[Reviewed], decided: Sequence[Decided]) -> list[Sign]:
    accepted = [one for one in decided if one.decision is Decision.ACCEPTED]
    signed = [review for review in reviews if review.signer]
    words = [one for review in reviews for one in review.written]

    def kept(status: Status) -> Share:
        return Share(sum(one.status is status for one in accepted), sum(one.status is status for one in decided))

    return [
        Sign("Signed exactly as drafted", _of(one.as_drafted for one in signed), "of signed reports"),
        Sign("Accepted together with others", _of(one.bulk for one in accepted), "of accepted sentences"),
        Sign(
            "Decided sooner than the words can be read",
            _of(one.early for one in decided if one.early is not None),
            f"of decisions where the opening is on record; words decided so far, at {WORDS_A_MINUTE} a minute",
            flagged=True,
        ),
        Sign(
            "Contradicted by evidence, and accepted as drafted",
            kept(Status.CONTRADICTED),
            "of contradicted sentences decided",
            flagged=True,
        ),
        Sign(
            "Unsupported, and accepted as drafted",
            kept(Status.UNSUPPORTED),
            "of unsupported sentences decided",
            flagged=True,
        ),
        Sign(
            "Accepted, signed, and changed by a correction later",
            _of(one.corrected for one in accepted if one.corrected is not None),
            "of accepted sentences of signed reports; word for word",
            flagged=True,
        ),
        Sign("Reports corrected after signing", _of(one.corrected for one in signed), "of signed reports"),
        Sign("Reports with an addendum", _of(one.addended for one in signed), "of signed reports"),
        Sign(
            "Readers' own words that the evidence contradicts",
            _of(one.after is Status.CONTRADICTED for one in words),
            "of edits and additions; the evidence may be wrong",
        ),
    ]


def _of(values: Iterable[bool | None]) -> Share:
    found = [bool(value) for value in values]
    return Share(sum(found), len(found))


def _raised(sign: Sign) -> bool:
    return sign.flagged and sign.share.count > 0


def _written(reviews: Sequence[Reviewed]) -> tuple[Row, ...]:
    words = [one for review in reviews for one in review.written]
    rows: list[Row] = []
    for before, name in [*((status, f"edits of {status.value} sentences") for status in Status), (None, "additions")]:
        after = Counter(one.after for one in words if one.before is before)
        rows.append((name, *(after[status] for status in Status)))
    return tuple(rows)


def _minutes(name: str, seconds: Iterable[float | None]) -> Row:
    found = [one / 60 for one in seconds if one is not None]
    if not found:
        return name, 0, None, None, None
    low, _, high = quantiles(found, n=4, method="inclusive") if len(found) > 1 else (found[0],) * 3
    return name, len(found), median(found), low, high


def _named(reviews: Sequence[Reviewed]) -> Table:
    rows: list[Row] = []
    for who in sorted({who for review in reviews for who in review.readers}):
        own = [one for review in reviews for one in review.decided if one.who == who]
        accepted = [one for one in own if one.decision is Decision.ACCEPTED]
        signed = [review for review in reviews if review.signer == who]
        early = _of(one.early for one in own if one.early is not None)
        against = sum(one.status is Status.CONTRADICTED for one in accepted)
        bulk = _of(one.bulk for one in accepted).value
        time = _minutes(who, [review.active for review in signed])
        rows.append((*_decisions(who, own), bulk, early.value, against, len(signed), time[2]))
    more = ("accepted in bulk", "sooner than read", "contradicted accepted", "signed", "median minutes")
    return Table(
        "by_reader", "By reader", (*_headings("reader"), *more), tuple(rows), "Differences may be of the cases."
    )


def _plot(statuses: Sequence[Row]) -> Plot:
    names = tuple(str(row[0]) for row in statuses)
    series = []
    for place, decision in enumerate(DECISIONS):
        share, low, high = (tuple(_number(row[2 + 3 * place + part]) for row in statuses) for part in range(3))
        series.append(Series(decision.value, names, share, low, high))
    title = "What becomes of drafted sentences, by their status"
    return Plot("status", title, PlotKind.BAR, "status", "share of sentences decided", tuple(series))


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, int | float) else None


def _histogram(seconds: Iterable[float | None]) -> Plot:
    counts = Counter(sum(one / 60 > end for end in MINUTES) for one in seconds if one is not None)
    lows = ("0", *(f"{end:g}" for end in MINUTES))
    names = (*(f"{low}–{end:g}" for low, end in zip(lows, MINUTES, strict=False)), f"over {MINUTES[-1]:g}")
    series = Series("reports", names, tuple(float(counts[place]) for place in range(len(names))))
    title = "Minutes at work, from first opening to signature"
    return Plot("time", title, PlotKind.HISTOGRAM, "minutes", "signed reports", (series,))
