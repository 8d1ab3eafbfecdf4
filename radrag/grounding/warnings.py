"""What a reader must know of a draft besides its sentences: what was left out, is weak, or the image says otherwise."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from radrag.domain import DraftSentence, DraftWarning, Finding, ImageFinding, Polarity, Relation, Status, View
from radrag.grounding.claims import judge
from radrag.grounding.revision import Revised
from radrag.reports.vocabulary import descendants, report_order
from radrag.reports.wordings import report_names

if TYPE_CHECKING:
    from radrag.dicom.read import LoadedStudy

FRONTAL = (View.PA, View.AP, View.UNKNOWN)


def study_warnings(study: LoadedStudy) -> list[DraftWarning]:
    """Return what the reader must know of the images."""
    found: list[DraftWarning] = [
        DraftWarning("image_refused", f"One image of the study was left out: {refusal.reason} [{refusal.code}]")
        for refusal in study.refusals
    ]
    if not any(image.image.view in FRONTAL for image in study.images):
        found.append(
            DraftWarning(
                "no_frontal", "The study has no frontal image; findings were not assessed, nothing is drafted."
            )
        )
    return found


def index_warnings(indexed: Mapping[str, str]) -> list[DraftWarning]:
    """Return that the index's images cannot be searched by a draft whose encoder is not theirs.

    Args:
        indexed: identity of the encoder that they were encoded by; empty where the index has no images.
    """
    if not indexed:
        return []
    message = (
        f"The index's images were encoded by {indexed.get('name')} {indexed.get('version')}, which this draft does not "
        "use: cases were found by findings and words alone."
    )
    return [DraftWarning("images_not_searched", message)]


def sentence_warnings(
    sentences: Sequence[DraftSentence],
    image_findings: Sequence[ImageFinding],
    *,
    looked_up: Collection[str] = (),
) -> list[DraftWarning]:
    """Return what the reader must know of the sentences as they stand.

    Args:
        looked_up: ids of the cases that were found for what sentences say.
    """
    found: list[DraftWarning] = []
    weak = [sentence for sentence in sentences if sentence.status in (Status.UNSUPPORTED, Status.CONTRADICTED)]
    if weak:
        found.append(DraftWarning("weak_evidence", f"{len(weak)} sentence(s) are unsupported or contradicted."))
    by_claims = [one for one in sentences if one.links and {link.case_id for link in one.links} <= set(looked_up)]
    if by_claims:
        message = f"{len(by_claims)} sentence(s) were judged by cases found for what they say, not for the image."
        found.append(DraftWarning("looked_up", message))
    seen = {finding.label: finding for finding in image_findings if finding.trained}
    unseen = _denied_unseen(sentences, seen)
    if unseen:
        found.append(
            DraftWarning(
                "not_assessed",
                f"Denied as in like cases, but the image encoder does not look for it: {', '.join(unseen)}.",
            )
        )
    for sentence in sentences:
        for claim in sentence.findings:
            finding = seen.get(claim.label)
            if finding and claim.polarity is not Polarity.UNCERTAIN:
                stated = claim.polarity is Polarity.POSITIVE
                if finding.positive is not stated:
                    verb = "states" if stated else "denies"
                    found.append(
                        DraftWarning("image_disagrees", f"The draft {verb} {claim.label}; the image says otherwise.")
                    )
    return [*found, *_inconsistent(sentences)]


def revision_warnings(revised: Revised, *, compared: int = 0, advised: int = 0) -> list[DraftWarning]:
    """Return what the reader must know of the sentences that are not there any more.

    Args:
        compared: how many were removed because they compared and there is no prior study.
        advised: how many were removed because they advised or told of a call instead of what the image shows.
    """
    found: list[DraftWarning] = []
    if compared:
        found.append(DraftWarning("comparison_removed", f"{compared} sentence(s) compared with a study not given."))
    if advised:
        found.append(DraftWarning("advice_removed", f"{advised} sentence(s) gave advice or told of a call."))
    dropped = sum(not one.after for one in revised.revisions)
    if dropped:
        found.append(DraftWarning("claim_dropped", f"{dropped} sentence(s) were dropped: nothing carries them."))
    again = {(one.round, one.before) for one in revised.revisions}
    rewritten = sum(bool(one.after) and (one.round + 1, one.after) not in again for one in revised.revisions)
    if rewritten:
        found.append(DraftWarning("rewritten", f"{rewritten} sentence(s) were written anew by the evidence."))
    return found


def abstention(cases: int, image_findings: Sequence[ImageFinding], dropped: int) -> DraftWarning | None:
    """Return why an empty draft is empty; None where no image was assessed, which has a warning of its own.

    Args:
        cases: how many were retrieved.
        dropped: how many sentences were written and did not stand.
    """
    if not any(finding.trained for finding in image_findings):
        return None
    if not cases:
        why = "no case was retrieved"
    elif dropped:
        why = f"none of the {dropped} sentence(s) that were written is carried by image or evidence"
    else:
        why = f"none of the {cases} retrieved reports says what the image shows"
    return DraftWarning("abstained", f"Nothing is drafted: {why}.")


def _inconsistent(sentences: Sequence[DraftSentence]) -> list[DraftWarning]:
    """Return one warning for each pair of sentences of which one states what the other denies."""
    return [
        DraftWarning("inconsistent", f"Sentences {one + 1} and {two + 1} say opposite things of {claim.label}.")
        for (one, first), (two, second) in itertools.combinations(enumerate(sentences), 2)
        if (claim := next((claim for claim in first.findings if _denied_by(claim, second)), None))
    ]


def _denied_by(claim: Finding, sentence: DraftSentence) -> bool:
    judged = (judge(claim, other) for other in sentence.findings)
    return any(one is not None and one.direct and one.relation is Relation.CONTRADICTS for one in judged)


def _denied_unseen(sentences: Sequence[DraftSentence], seen: Collection[str]) -> list[str]:
    """Return the labels that the draft denies although the encoder looks for neither them nor any kind of them."""
    looked_for = {name for label in seen for name in report_names(label)}
    denied = {
        claim.label
        for sentence in sentences
        for claim in sentence.findings
        if claim.polarity is Polarity.NEGATIVE and not ({claim.label} | descendants(claim.label)) & looked_for
    }
    return sorted(denied, key=report_order)
