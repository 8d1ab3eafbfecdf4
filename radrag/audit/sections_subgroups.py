"""Subgroups as a section: every group with its interval, gaps flagged, small groups listed."""

from __future__ import annotations

from radrag.audit.drift import ALPHA
from radrag.audit.sections import Plot, PlotKind, Section, Series, Table
from radrag.audit.subgroups import GroupScore, SubgroupAudit

SHOWN = 3
"""Measures that are drawn; all are in the table."""


def section(result: SubgroupAudit, *, name: str = "subgroups", title: str = "Subgroups") -> Section:
    """Return the result for people."""
    scored = [one for one in result.rows if one.score is not None]
    small = [one for one in result.rows if one.score is None]
    flagged = [one for one in scored if one.flagged]
    compared = sum(one.p is not None for one in result.rows)
    measures = len({one.measure for one in result.rows if one.p is not None})
    return Section(
        name,
        title,
        "Are results worse for some patients, or some machines, than for others?",
        f"{len(flagged)} of {compared} compared groups differ from the rest, over {result.queries:,} queries of "
        f"{result.patients:,} patients; {len(small)} groups are too small, or a measure is undefined there.",
        (
            Table(
                "groups",
                "Groups against all other queries",
                ("measure", "by", "group", "n", "patients", "score", "from", "to", "gap", "gap from", "gap to", "p"),
                tuple(
                    (
                        one.measure,
                        one.attribute,
                        one.group,
                        one.n,
                        one.patients,
                        one.score,
                        one.low,
                        one.high,
                        one.gap,
                        one.gap_low,
                        one.gap_high,
                        one.p,
                    )
                    for one in scored
                ),
                "Intervals: 95 %, bootstrap by patient. p of the gap, corrected by Holm for all groups of the measure, "
                f"but not for the {measures} measures: with no difference anywhere, up to {ALPHA * measures:.2g} of "
                "them would have a flag on average.",
            ),
            Table(
                "unscored",
                "Groups that are not scored",
                ("measure", "by", "group", "n", "why"),
                tuple((one.measure, one.attribute, one.group, one.n, one.why) for one in small),
            ),
        ),
        tuple(_plot(measure, scored) for measure in list(dict.fromkeys(one.measure for one in scored))[:SHOWN]),
        (
            *(_words(one) for one in flagged),
            *([f"No query says its {', '.join(result.undescribed)}: not looked at."] if result.undescribed else []),
        ),
    )


def _words(one: GroupScore) -> str:
    return (
        f"{one.measure}, {one.attribute} {one.group}: {one.score:.3f}, {one.gap:+.3f} [{one.gap_low:+.3f}, "
        f"{one.gap_high:+.3f}] against the rest (n = {one.n}, p = {one.p:.3g})."
    )


def _plot(measure: str, scored: list[GroupScore]) -> Plot:
    rows = [one for one in scored if one.measure == measure]
    names: tuple[str | float, ...] = tuple(
        one.group if one.attribute == "all" else f"{one.attribute}: {one.group}" for one in rows
    )
    values = (tuple(one.score for one in rows), tuple(one.low for one in rows), tuple(one.high for one in rows))
    name = "".join(letter if letter.isalnum() else "-" for letter in measure.lower())
    return Plot(name, measure, PlotKind.BAR, "group", measure, (Series(measure, names, *values),))
