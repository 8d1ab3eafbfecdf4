"""Sentences that nothing supports, or that more speaks against than for, are written anew or dropped; each is logged.

What the image itself says stays, however few reports say it: the reader must see it, with both sides. All else that
stays weak is dropped in the end, since a sentence that neither image nor evidence carries is an invention.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from radrag.domain import PRIOR, DraftSentence, Polarity, Relation, Sentence, Status
from radrag.errors import GenerationCode, GenerationError
from radrag.generation.base import GeneratedReport, RewriteTask

ROUNDS = 2
MOST = 6
"""Sentences that are rewritten in one draft, over all rounds: each may cost a call of a model."""

WEAK = frozenset({Status.UNSUPPORTED, Status.CONTRADICTED})
_NOBODY_THERE = frozenset({GenerationCode.UNREACHABLE, GenerationCode.TIMED_OUT, GenerationCode.OUT_OF_MEMORY})
"""After these the generator is not asked again in the same draft: each try may take its whole time limit."""

PROBLEMS = {
    Status.UNSUPPORTED: "No evidence supports this sentence.",
    Status.CONTRADICTED: "More of the evidence speaks against this sentence than for it.",
}


@dataclass(frozen=True, slots=True)
class Revision:
    """One sentence that was changed.

    Attributes:
        round: from 1.
        section: where it stood.
        before: its text.
        status: what the evidence said of it.
        after: its text afterwards; empty when it was dropped.
        failure: code of the generator's failure, where that is why it was dropped; else empty.
    """

    round: int
    section: str
    before: str
    status: Status
    after: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Revised:
    """A draft's sentences after revision.

    Attributes:
        sentences: those that stay.
        revisions: what was done, in order.
        reports: what the generator was asked and answered for it.
    """

    sentences: tuple[DraftSentence, ...]
    revisions: tuple[Revision, ...] = ()
    reports: tuple[GeneratedReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Tools:
    """What a revision works with.

    Attributes:
        rewrite: asks the generator for one sentence.
        check: (section, text) pairs → checked sentences, looked up where needed.
        evidence_for: the evidence that speaks of a sentence's claims.
    """

    rewrite: Callable[[RewriteTask], GeneratedReport]
    check: Callable[[Sequence[tuple[str, str]]], Sequence[DraftSentence]]
    evidence_for: Callable[[DraftSentence], tuple[Sentence, ...]]


def is_kept(sentence: DraftSentence) -> bool:
    """Whether a sentence may stand: evidence carries it, or the image says all that it says.

    A denial that more cases speak against than for needs the patient's own prior beside the image: what other reports
    rarely deny, such as a hernia, the image encoder alone must not.
    """
    if sentence.status not in WEAK:
        return True
    said_by_image = {claim.label for claim in sentence.findings} <= set(sentence.image_findings)
    states = any(claim.polarity is not Polarity.NEGATIVE for claim in sentence.findings)
    of_prior = any(link.case_id == PRIOR and link.relation is Relation.SUPPORTS for link in sentence.links)
    return said_by_image and (states or of_prior)


def revise(sentences: Sequence[DraftSentence], tools: Tools, *, rounds: int = ROUNDS) -> Revised:
    """Rewrite what may not stand, at most ``rounds`` times, then drop what is left of it.

    Raises:
        GenerationError: ``cancelled``. Any other failure drops the sentence that was to be rewritten.
    """
    current = list(sentences)
    revisions: list[Revision] = []
    reports: list[GeneratedReport] = []
    asking = True
    for number in range(1, rounds + 2):  # the last time only drops
        following: list[DraftSentence] = []
        for sentence in current:
            if is_kept(sentence):
                following.append(sentence)
                continue
            written, failure = GeneratedReport(()), ""
            if asking and len(reports) < MOST and number <= rounds:
                try:
                    written = _rewritten(sentence, tools)
                except GenerationError as error:
                    if error.code == GenerationCode.CANCELLED:
                        raise
                    failure = error.code
                    asking = failure not in _NOBODY_THERE
                reports.append(written)
            said = {one.text.casefold() for one in (*following, *current)}
            new = [(one.section, one.text) for one in written.sentences if one.text.casefold() not in said]
            checked = tools.check(new[:1]) if new else ()
            following += checked
            after = checked[0].text if checked else ""
            revisions.append(Revision(number, sentence.section, sentence.text, sentence.status, after, failure))
        current = following
    return Revised(tuple(current), tuple(revisions), tuple(one for one in reports if one.prompt))


def _rewritten(sentence: DraftSentence, tools: Tools) -> GeneratedReport:
    evidence = tools.evidence_for(sentence)
    if not evidence:
        return GeneratedReport(())
    return tools.rewrite(RewriteTask(sentence.section, sentence.text, PROBLEMS[sentence.status], evidence))


def revision_to_dict(revision: Revision) -> dict[str, Any]:
    """Return a revision as plain values, for a draft's provenance."""
    return asdict(revision) | {"status": revision.status.value}
