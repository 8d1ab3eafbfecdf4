"""Sentences that compare, checked against the patient's own prior report; without one, none may stand.

What such a sentence says of today is checked like any other sentence. What it says of the past must be linked to a
sentence of the prior: "again" and "no longer" need one that states the finding, "new" one that denies it. Whether it is
more or less than before cannot be known from two reports, so "worsening" is supported in part at most.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from radrag.domain import (
    PRIOR,
    Change,
    DraftSentence,
    EvidenceLink,
    Finding,
    ImageFinding,
    Polarity,
    Relation,
    Sentence,
    Status,
)
from radrag.generation.comparing import says_of
from radrag.generation.phrases import statement
from radrag.grounding.verify import Label, Verifier, link_to
from radrag.reports.screening import without_comparison
from radrag.reports.sections import BODY
from radrag.reports.vocabulary import NO_FINDING

IMAGE_SECTION = "image findings"
"""Section of a prior that says in words what the encoder found on its images."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of a patient's earlier study.

    Attributes:
        sections: section name → text, to which the links' offsets belong.
        sentences: labelled sentences of findings, impression and images, of case :data:`radrag.domain.PRIOR`.
        pixel_sha256: of the earlier images, where some were given.
    """

    sections: Mapping[str, str]
    sentences: tuple[Sentence, ...]
    pixel_sha256: tuple[str, ...] = ()


def prior_of(
    sections: Mapping[str, str],
    label: Callable[[str, str, str], Sequence[Sentence]],
    image_findings: Sequence[ImageFinding] = (),
    pixel_sha256: Sequence[str] = (),
) -> Prior:
    """Return a prior made of a report, of what the encoder says of its images, or both.

    Args:
        sections: of the report; may be empty.
        label: (case id, section, text) → labelled sentences.
    """
    texts = dict(sections)
    if image_findings:
        texts[IMAGE_SECTION] = _in_words(image_findings)
    # An indication or history names what was asked or known, not what that study showed.
    said = [(name, texts[name]) for name in (*BODY, IMAGE_SECTION) if name in texts]
    sentences = tuple(one for name, text in said for one in label(PRIOR, name, text))
    return Prior(texts, sentences, tuple(pixel_sha256))


def _in_words(image_findings: Sequence[ImageFinding]) -> str:
    """Put image findings into sentences that can be quoted and read like a report's."""
    return " ".join(
        statement(Finding(one.label, Polarity.POSITIVE if one.positive else Polarity.NEGATIVE)).removesuffix(".")
        + f" (image encoder: {one.probability:.2f}, threshold {one.threshold:.2f})."
        for one in image_findings
        if one.trained and one.label != NO_FINDING
    )


class ComparisonVerifier:
    """Checks sentences that compare.

    Args:
        label: finds the findings a text states.
    """

    def __init__(self, label: Label) -> None:
        self._label = label

    def verify(
        self,
        section: str,
        text: str,
        evidence: Sequence[Sentence],
        prior: Sequence[Sentence],
        image_findings: Sequence[ImageFinding] = (),
    ) -> DraftSentence:
        """Return the checked sentence; links to the prior come first of each relation.

        Args:
            evidence: sentences of retrieved cases.
            prior: sentences of the prior; without any, the sentence is unsupported.
        """
        claims = self._label(text)
        present = tuple(replace(claim, change=Change.NONE) for claim in claims)
        today = Verifier(lambda _: present).verify([(section, without_comparison(text))], evidence, image_findings)[0]
        found = [_against_prior(claim, prior) for claim in claims]
        links = [link for one in found for link in one]
        supported = [any(link.relation is Relation.SUPPORTS for link in one) for one in found]
        if any(link.relation is Relation.CONTRADICTS for link in links):
            status = Status.CONTRADICTED
        elif not claims or not all(supported):
            status = Status.UNSUPPORTED
        else:
            status = today.status
            if status is Status.SUPPORTED and any(_of_degree(claim) for claim in claims):
                status = Status.PARTIAL
            if status is Status.UNSUPPORTED and set(today.image_findings) >= {claim.label for claim in claims}:
                status = Status.PARTIAL  # the prior says it of the past, the image of today
        merged = [link for relation in Relation for link in (*_once(links), *today.links) if link.relation is relation]
        return replace(today, text=text, findings=claims, status=status, links=tuple(merged))


def _against_prior(claim: Finding, prior: Sequence[Sentence]) -> list[EvidenceLink]:
    """Return the links of one claim to the prior: what it needs there, and what speaks against it."""
    stated = says_of(claim.label, Polarity.POSITIVE, prior)
    denied = says_of(claim.label, Polarity.NEGATIVE, prior)
    support, against = stated, denied  # again, worse, better, and "no longer": it was there
    if claim.polarity is Polarity.NEGATIVE and claim.change is Change.NEW:
        support, against = (*denied, *stated), ()  # "no new effusion" goes with an old one as with none
    elif claim.change is Change.NEW or (claim.polarity is Polarity.NEGATIVE and claim.change is Change.STABLE):
        support, against = denied, stated  # new, "still no": it was not there
    if support:
        return [link_to(sentence, Relation.SUPPORTS, 1.0) for sentence in support]
    return [link_to(sentence, Relation.CONTRADICTS, 1.0) for sentence in against]


def _of_degree(claim: Finding) -> bool:
    return claim.change in (Change.WORSE, Change.BETTER) and claim.polarity is not Polarity.NEGATIVE


def _once(links: Sequence[EvidenceLink]) -> tuple[EvidenceLink, ...]:
    return tuple(dict.fromkeys(links))
