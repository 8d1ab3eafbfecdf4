"""Calibration as a section: errors, reliability diagrams, thresholds with their costs."""

from __future__ import annotations

from radrag.audit.calibration import Calibration, CalibrationAudit
from radrag.audit.drift import ALPHA, holm
from radrag.audit.sections import Plot, PlotKind, Section, Series, Table

DRAWN = 6
"""Reliability diagrams that are drawn: of the kinds with the most true items."""


def section(result: CalibrationAudit, *, name: str = "calibration", title: str = "Calibration") -> Section:
    """Return the result for people."""
    measured = [one for one in result.rows if one.ece is not None]
    left_out = [one for one in result.rows if one.why]
    corrected = holm([one.p for one in measured if one.p is not None])
    wrong = [one for one, p in zip(measured, corrected, strict=True) if p < ALPHA]
    costs = result.costs
    return Section(
        name,
        title,
        "Do probabilities mean what they say, and which thresholds fit the costs of being wrong?",
        f"{len(wrong)} of {len(measured)} kinds of probabilities are off by more than chance explains (p < {ALPHA}, "
        f"corrected by Holm). Costs: {costs.miss:g} for a miss, {costs.false:g} for a false alarm.",
        (
            Table(
                "errors",
                "Calibration errors",
                (
                    "of",
                    "n",
                    "true",
                    "mean probability",
                    "share true",
                    "ECE",
                    "ECE by chance",
                    "p",
                    "RMS, debiased",
                    "Brier",
                    "miscalibration",
                    "discrimination",
                    "uncertainty",
                ),
                tuple(
                    (
                        one.name,
                        one.n,
                        one.positives,
                        one.probability,
                        one.positives / one.n,
                        one.ece,
                        one.ece_by_chance,
                        one.p,
                        one.rms,
                        one.brier,
                        one.miscalibration,
                        one.discrimination,
                        one.uncertainty,
                    )
                    for one in measured
                ),
                "ECE over bins of equal mass. Brier = miscalibration − discrimination + uncertainty. p: not corrected. "
                "Chance and intervals take items for independent: with several of a patient, p is too small.",
            ),
            Table(
                "thresholds",
                "What thresholds would do",
                (
                    "of",
                    "threshold",
                    "value",
                    "sensitivity",
                    "false positive rate",
                    "precision",
                    "missed",
                    "false alarms",
                    "cost",
                    "cost held out",
                ),
                tuple(
                    (
                        one.name,
                        at.name,
                        at.value,
                        at.sensitivity,
                        at.false_rate,
                        at.precision,
                        at.missed,
                        at.alarms,
                        at.cost,
                        at.held_out,
                    )
                    for one in measured
                    for at in one.thresholds
                ),
                "Cost: mean per item. The fitted threshold is the cheapest on these items: expect its cost held out.",
            ),
            Table(
                "bins",
                "Bins of the reliability diagrams",
                ("of", "n", "probability", "share true", "from", "to"),
                tuple((one.name, b.n, b.probability, b.share, b.low, b.high) for one in measured for b in one.bins),
            ),
            Table(
                "left-out",
                "Undefined in part",
                ("of", "n", "true", "why"),
                tuple((one.name, one.n, one.positives, one.why) for one in left_out),
            ),
        ),
        tuple(_diagram(one) for one in sorted(measured, key=lambda one: (-one.positives, one.name))[:DRAWN]),
        tuple(_words(one) for one in wrong),
    )


def _diagram(one: Calibration) -> Plot:
    points = Series(
        one.name,
        tuple(b.probability for b in one.bins),
        tuple(b.share for b in one.bins),
        tuple(b.low for b in one.bins),
        tuple(b.high for b in one.bins),
    )
    name = "".join(letter if letter.isalnum() else "-" for letter in one.name.lower())
    return Plot(name, one.name, PlotKind.RELIABILITY, "probability", "share true", (points,))


def _words(one: Calibration) -> str:
    share = one.positives / one.n
    side = "too high" if (one.probability or 0.0) > share else "too low"
    return (
        f"{one.name}: probabilities are {side} on average ({one.probability:.3f}, true {share:.3f}); "
        f"ECE {one.ece:.3f}, by chance {one.ece_by_chance:.3f}."
    )
