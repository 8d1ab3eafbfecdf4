"""From draft to signed report: draft → preliminary → final → addendum or correction, and who may take which step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from radrag.domain import Acknowledgement, Polarity, ReportState, Role, Signature, text_of
from radrag.errors import ReviewCode, ReviewError
from radrag.reports.vocabulary import BY_NAME, Urgency
from radrag.review.values import Act, Quoted, Review, sentence_from_plain
from radrag.store.values import ReviewEvent

ATTESTATION = "I have read the images and this report, and answer for its content."
"""What a reader confirms by signing; kept with the signature's event."""

LONGEST_ADDENDUM = 5000

SIGNING = frozenset({Act.MARK_PRELIMINARY, Act.SIGN, Act.ADDENDUM, Act.CORRECT})
"""Acts after which the report bears a person's name."""

_NOT_FOR_TRAINEES = SIGNING - {Act.MARK_PRELIMINARY}


def require_role(role: Role, act: Act) -> None:
    """Raise ReviewError ``not_allowed`` where a role may not do something."""
    if role is Role.READER or (role is Role.TRAINEE and act not in _NOT_FOR_TRAINEES):
        return
    what = "sign, or change what is signed" if role is Role.TRAINEE else "change a report"
    raise ReviewError(ReviewCode.NOT_ALLOWED, f"The role {role} may not {what}.", hint="Ask a reader to do it.")


def require_unsigned(review: Review) -> None:
    """Raise ReviewError ``signed`` for a report that a reader has signed."""
    if review.state.signed:
        raise ReviewError(
            ReviewCode.SIGNED,
            "The report is signed; its sentences do not change any more.",
            hint="Write an addendum or a correction: each makes a new version.",
        )


def critical_findings(review: Review) -> tuple[str, ...]:
    """Return the labels that the report states and of which someone must be told at once, in reading order."""
    stated = (
        finding.label
        for item in review.items
        if item.stands
        for finding in item.checked.findings
        if finding.polarity is not Polarity.NEGATIVE
    )
    return tuple(dict.fromkeys(one for one in stated if one in BY_NAME and BY_NAME[one].urgency is Urgency.CRITICAL))


def missing_acknowledgements(review: Review) -> tuple[str, ...]:
    """Return the critical findings that nobody was told of yet."""
    told = {one.label for one in review.acknowledged}
    return tuple(label for label in critical_findings(review) if label not in told)


def apply(review: Review, event: ReviewEvent) -> Review:
    """Return the review after an event that concerns the report as a whole.

    Raises:
        ReviewError: the review's state does not allow it.
    """
    return _STEPS[Act(event.act)](review, event)


def _acknowledge(review: Review, event: ReviewEvent) -> Review:
    label, to, how = (str(event.payload.get(name, "")).strip() for name in ("label", "to", "how"))
    if label not in critical_findings(review) or not to or not how:
        raise ReviewError(
            ReviewCode.NOT_ACKNOWLEDGED,
            "An acknowledgement names a critical finding of the report, who was told, and how.",
        )
    told = Acknowledgement(label, to, how, event.who, event.at)
    return replace(review, acknowledged=(*review.acknowledged, told))


def _mark_preliminary(review: Review, event: ReviewEvent) -> Review:
    require_unsigned(review)
    _require_decided(review)
    return _signed(review, event, ReportState.PRELIMINARY)


def _sign(review: Review, event: ReviewEvent) -> Review:
    require_unsigned(review)
    _require_decided(review)
    _require_attested(event)
    missing = missing_acknowledgements(review)
    if missing:
        raise ReviewError(
            ReviewCode.NOT_ACKNOWLEDGED,
            f"Nobody was told of: {', '.join(missing)}.",
            hint="Record who was told, and how, before signing.",
        )
    return _signed(review, event, ReportState.FINAL)


def _addendum(review: Review, event: ReviewEvent) -> Review:
    return _after_signing(review, event, ReportState.ADDENDED)


def _correct(review: Review, event: ReviewEvent) -> Review:
    """Replace the report's text; the versions before stay readable."""
    sentences = tuple(sentence_from_plain(one) for one in event.payload.get("sentences", ()))
    if not sentences:
        raise ReviewError(ReviewCode.NO_TEXT, "A correction needs the whole corrected report.")
    return replace(_after_signing(review, event, ReportState.CORRECTED, text_of(sentences)), corrected=sentences)


def _distrust(review: Review, event: ReviewEvent) -> Review:
    """Call a sentence of the evidence misleading; the report is not changed by it, so it may be signed already."""
    return replace(review, distrusted=review.distrusted | {_quoted(event)})


def _trust(review: Review, event: ReviewEvent) -> Review:
    return replace(review, distrusted=review.distrusted - {_quoted(event)})


def _quoted(event: ReviewEvent) -> Quoted:
    case_id, section, number = (event.payload.get(name) for name in ("case_id", "section", "sentence"))
    if not case_id or not section or not isinstance(number, int):
        raise ReviewError(ReviewCode.NO_SUCH_SENTENCE, "Evidence is named by case, section and sentence.")
    return str(case_id), str(section), number


def _after_signing(
    review: Review, event: ReviewEvent, state: ReportState, text: Mapping[str, str] | None = None
) -> Review:
    if not review.state.signed:
        raise ReviewError(ReviewCode.NOT_FINAL, "The report is not signed yet.", hint="Until then, edit its sentences.")
    _require_attested(event)
    added = str(event.payload.get("text", "")).strip()
    if not added or len(added) > LONGEST_ADDENDUM:
        raise ReviewError(
            ReviewCode.NO_TEXT,
            f"Say what is added, or why it is corrected, in {LONGEST_ADDENDUM:,} characters at most.",
        )
    standing = review.signatures[-1].text if text is None else text
    signature = Signature(event.version, event.at, event.who, _name(event), state, dict(standing), added)
    return replace(review, state=state, signatures=(*review.signatures, signature))


def _signed(review: Review, event: ReviewEvent, state: ReportState) -> Review:
    signature = Signature(event.version, event.at, event.who, _name(event), state, review.text())
    return replace(review, state=state, signatures=(*review.signatures, signature))


def _name(event: ReviewEvent) -> str:
    return str(event.payload.get("name", "")) or event.who


def _require_decided(review: Review) -> None:
    if review.pending:
        raise ReviewError(
            ReviewCode.PENDING,
            f"{len(review.pending)} sentence(s) wait for a decision.",
            hint="Accept, edit or reject each.",
        )
    if not review.text():
        raise ReviewError(ReviewCode.NO_TEXT, "No sentence stands, so there is no report.", hint="Add a sentence.")


def _require_attested(event: ReviewEvent) -> None:
    if event.payload.get("attestation") != ATTESTATION:
        raise ReviewError(ReviewCode.NOT_ATTESTED, "The reader has not confirmed to have read images and report.")


_STEPS: Mapping[Act, Callable[[Review, ReviewEvent], Review]] = {
    Act.ACKNOWLEDGE: _acknowledge,
    Act.MARK_PRELIMINARY: _mark_preliminary,
    Act.SIGN: _sign,
    Act.ADDENDUM: _addendum,
    Act.CORRECT: _correct,
    Act.DISTRUST: _distrust,
    Act.TRUST: _trust,
}
