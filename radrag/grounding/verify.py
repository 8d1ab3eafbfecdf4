"""Sentences against evidence: each gets a status and links, by code that never asks the generator.

Cases vote: a claim is contradicted when more cases speak against it than for it, supported when one case supports
it fully, supported in part when the evidence says less than the claim, unsupported when nothing speaks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from radrag.domain import (
    DraftSentence,
    DraftWarning,
    EvidenceLink,
    Finding,
    ImageFinding,
    Polarity,
    Relation,
    Sentence,
    Status,
)
from radrag.grounding.claims import FULL_SUPPORT, WEAK_SUPPORT, Judgement
from radrag.grounding.details import Details, details, gap
from radrag.grounding.entailment import Judge, second_opinion
from radrag.grounding.pool import Pool, words_of

MAX_LINKS = 30
"""Links of one relation under one sentence: more than the default number of hits, so that counts are true."""

Label = Callable[[str], tuple[Finding, ...]]
"""Text to findings with offsets into it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """Checked sentences; ``notes`` say where a second judge doubts them."""

    sentences: tuple[DraftSentence, ...]
    notes: tuple[DraftWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class _Vote:
    """What one evidence sentence says of one claim (None: of the sentence's words)."""

    claim: int
    order: int
    sentence: Sentence
    judgement: Judgement
    same_words: bool


class Verifier:
    """Checks report sentences against evidence sentences.

    Args:
        label: finds the findings a text states; the same for every generator.
        judge: a second judge, who may lower what the rules found and warn; None for none.
    """

    def __init__(self, label: Label, *, judge: Judge | None = None) -> None:
        self._label = label
        self._judge = judge

    def verify(
        self,
        sentences: Sequence[tuple[str, str]],
        evidence: Sequence[Sentence],
        image_findings: Sequence[ImageFinding] = (),
    ) -> tuple[DraftSentence, ...]:
        """Return each (section, text) with its findings, status and links, in the given order.

        Args:
            sentences: section name and text of each sentence.
            evidence: sentences with their findings, most relevant case first.
            image_findings: what the image encoder says; sentences name those that agree.
        """
        return self.check(sentences, evidence, image_findings).sentences

    def check(
        self,
        sentences: Sequence[tuple[str, str]],
        evidence: Sequence[Sentence],
        image_findings: Sequence[ImageFinding] = (),
    ) -> Checked:
        """Return what :meth:`verify` does, and the second judge's doubts."""
        pool = Pool.of(evidence)
        checked = tuple(self._verify_one(section, text, pool, image_findings) for section, text in sentences)
        return Checked(*second_opinion(checked, self._judge)) if self._judge else Checked(checked)

    def _verify_one(self, section: str, text: str, pool: Pool, image_findings: Sequence[ImageFinding]) -> DraftSentence:
        claims = self._label(text)
        votes = _settle(_collect(text, claims, pool), len(claims))
        return DraftSentence(
            section=section,
            text=text,
            status=_status(votes, len(claims)),
            findings=claims,
            links=_links(votes),
            image_findings=_agreeing(claims, image_findings),
        )


def _collect(text: str, claims: Sequence[Finding], pool: Pool) -> list[_Vote]:
    """Return every vote of every evidence sentence. A sentence without claims can only be matched word by word."""
    words = words_of(text)
    verbatim = frozenset(pool.by_words.get(words, ())) if words else frozenset()
    if not claims:
        same = Judgement(Relation.SUPPORTS, 1.0)
        return [_Vote(0, order, pool.sentences[order], same, same_words=True) for order in sorted(verbatim)]
    own = details(text, tuple(claims))
    votes: list[_Vote] = []
    for number, claim in enumerate(claims):
        checked = bool(own.loose) and claim.polarity is not Polarity.NEGATIVE
        for order, judgements in sorted(pool.judged(claim).items()):
            sentence, found = pool.sentences[order], _strongest(judgements)
            if checked and order not in verbatim:
                found = _without_details(found, own, sentence)
            votes.append(_Vote(number, order, sentence, found, order in verbatim))
    return votes


def _without_details(judgement: Judgement, claim: Details, sentence: Sentence) -> Judgement:
    """Weaken support by evidence that lacks numbers or loose words of the claim; turn it where they are opposite."""
    if judgement.relation is Relation.CONTRADICTS:
        return judgement
    lacking = gap(claim, details(sentence.text, sentence.findings))
    if lacking is None:
        return judgement
    if lacking.opposed:
        return Judgement(Relation.CONTRADICTS, 0.6, direct=False)
    return Judgement(Relation.SUPPORTS, judgement.strength * 0.7)


def _strongest(judgements: Sequence[Judgement]) -> Judgement:
    """Return the judgement that decides for one sentence or case.

    Support that is full beats a differing attribute, and a differing attribute beats support in part.
    """

    def key(judgement: Judgement) -> tuple[bool, float, bool, float]:
        supports = judgement.relation is Relation.SUPPORTS
        outranked = not judgement.direct and any(
            other.relation is Relation.SUPPORTS and other.strength >= FULL_SUPPORT for other in judgements
        )
        return not outranked, judgement.strength if judgement.direct else FULL_SUPPORT, supports, judgement.strength

    return max(judgements, key=key)


def _settle(votes: Sequence[_Vote], claims: int) -> list[_Vote]:
    """Keep, of each case and claim, only the votes on the side that the case takes as a whole.

    Weak support ("an opacity" for "edema") has a say on a claim only where nothing says more of it.
    """
    kept: list[_Vote] = []
    for claim in range(max(claims, 1)):
        cases: dict[str, list[_Vote]] = {}
        for vote in votes:
            if vote.claim == claim:
                cases.setdefault(vote.sentence.case_id, []).append(vote)
        settled: list[_Vote] = []
        for of_case in cases.values():
            stand = _strongest([vote.judgement for vote in of_case]).relation
            settled.extend(vote for vote in of_case if vote.judgement.relation is stand)
        supports = [vote.judgement.strength for vote in settled if vote.judgement.relation is Relation.SUPPORTS]
        least = WEAK_SUPPORT if max(supports, default=0.0) >= WEAK_SUPPORT else 0.0
        kept.extend(
            vote
            for vote in settled
            if vote.judgement.relation is Relation.CONTRADICTS or vote.judgement.strength >= least
        )
    return kept


def _status(votes: Sequence[_Vote], claims: int) -> Status:
    """Combine the claims' own verdicts."""
    verdicts = {_claim_status([vote for vote in votes if vote.claim == number]) for number in range(max(claims, 1))}
    if Status.CONTRADICTED in verdicts:
        return Status.CONTRADICTED
    if len(verdicts) == 1:
        return verdicts.pop()
    return Status.PARTIAL


def _claim_status(votes: Sequence[_Vote]) -> Status:
    """Return one claim's verdict by the votes of the cases."""
    best: dict[str, float] = {}
    against: set[str] = set()
    for vote in votes:
        case = vote.sentence.case_id
        if vote.judgement.relation is Relation.CONTRADICTS:
            against.add(case)
        else:
            best[case] = max(best.get(case, 0.0), vote.judgement.strength)
    if len(against) > len(best):
        return Status.CONTRADICTED
    if not best:
        return Status.UNSUPPORTED
    return Status.SUPPORTED if max(best.values()) >= FULL_SUPPORT else Status.PARTIAL


def _links(votes: Sequence[_Vote]) -> tuple[EvidenceLink, ...]:
    """Return links, supports first, same words and strong ones leading; one a case, more where claims need it.

    The strength of a link is the mean over the claims that the sentence speaks of. Every claim keeps its best
    evidence before any claim gets a second one.
    """
    groups: dict[tuple[int, Relation], list[_Vote]] = {}
    for vote in votes:
        groups.setdefault((vote.order, vote.judgement.relation), []).append(vote)
    ranked = sorted(
        groups.values(),
        key=lambda group: (
            not group[0].same_words,
            -sum(vote.judgement.strength for vote in group),
            group[0].order,
        ),
    )
    links: list[EvidenceLink] = []
    for relation in Relation:
        of_relation = [group for group in ranked if group[0].judgement.relation is relation]
        links.extend(_link(group) for group in _spread(of_relation))
    return tuple(links)


def _spread(ranked: Sequence[list[_Vote]]) -> list[list[_Vote]]:
    """Pick groups in their order, first those that speak of a claim not spoken of yet, then one of each other case."""
    picked: list[list[_Vote]] = []
    spoken: set[int] = set()
    cases: set[str] = set()
    for wanted in ("new claim", "new case"):
        for group in ranked:
            claims, case = {vote.claim for vote in group}, group[0].sentence.case_id
            fits = case not in cases if wanted == "new case" else not claims <= spoken
            if fits and len(picked) < MAX_LINKS:
                picked.append(group)
                spoken |= claims
                cases.add(case)
    return picked


def _link(group: Sequence[_Vote]) -> EvidenceLink:
    strength = sum(vote.judgement.strength for vote in group) / len(group)
    return link_to(group[0].sentence, group[0].judgement.relation, strength)


def link_to(sentence: Sentence, relation: Relation, strength: float) -> EvidenceLink:
    """Return a link that quotes a whole evidence sentence; ``strength`` in [0, 1]."""
    return EvidenceLink(
        case_id=sentence.case_id,
        section=sentence.section,
        sentence=sentence.number,
        start=sentence.start,
        end=sentence.end,
        quote=sentence.text,
        relation=relation,
        strength=round(strength, 4),
    )


def _agreeing(claims: Sequence[Finding], image_findings: Sequence[ImageFinding]) -> tuple[str, ...]:
    """Return the labels on which the image says what the sentence says."""
    said = {finding.label: finding.positive for finding in image_findings if finding.trained}
    return tuple(
        dict.fromkeys(
            claim.label
            for claim in claims
            if claim.label in said and said[claim.label] is (claim.polarity is not Polarity.NEGATIVE)
        )
    )
