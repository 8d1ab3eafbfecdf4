"""The report that a review comes to: what is shown as text, printed and sent."""

from __future__ import annotations

from radrag.domain import Draft, Report
from radrag.review.values import Decision, Review


def report_of(draft: Draft, review: Review) -> Report:
    """Return the report of a draft as its review left it.

    Until it is signed, sentences that wait for a decision belong to it: the reader of a preliminary report sees what
    the screen shows. Rejected ones never do.
    """
    stands = tuple(item.checked for item in review.items if item.decision is not Decision.REJECTED)
    sentences = review.corrected or stands
    return Report(draft, review.state, review.version, sentences, review.signatures, review.acknowledged)
