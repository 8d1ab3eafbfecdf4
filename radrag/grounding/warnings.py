"""What a reader must know of a draft besides its sentences: what was left out, is weak, or the image says otherwise."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from radrag.domain import DraftSentence, DraftWarning, ImageFinding, Polarity, Status, View
from radrag.grounding.second_look import SecondLook
from radrag.reports.vocabulary import descendants, report_order
from radrag.reports.wordings import report_names

if TYPE_CHECKING:
    from radrag.dicom.read import LoadedStudy

FRONTAL = (View.PA, View.AP, View.UNKNOWN)


def draft_warnings(
    study: LoadedStudy,
    image_findings: Sequence[ImageFinding],
    second: SecondLook,
    dropped: int,
) -> list[DraftWarning]:
    """Return what the reader must know besides the sentences themselves.

    Args:
        second: the checked sentences.
        dropped: how many sentences were removed because they compared.
    """
    sentences = second.sentences
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
    if dropped:
        found.append(DraftWarning("comparison_removed", f"{dropped} sentence(s) compared with a study not given."))
    weak = [sentence for sentence in sentences if sentence.status in (Status.UNSUPPORTED, Status.CONTRADICTED)]
    if weak:
        found.append(DraftWarning("weak_evidence", f"{len(weak)} sentence(s) are unsupported or contradicted."))
    if second.changed:
        message = f"{second.changed} sentence(s) were judged by cases found for what they say, not for the image."
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
    return found


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
