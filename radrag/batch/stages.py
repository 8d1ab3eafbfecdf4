"""The stages between a job and its draft, each a function of what the one before left in the worker's hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from radrag.batch.submission import paths_of
from radrag.dicom.read import LoadedStudy, find_studies, load_study
from radrag.errors import GenerationCode, GenerationError, RadragError, RestrictedData, StudyRefused
from radrag.store.job_values import Claim

if TYPE_CHECKING:
    from radrag.domain import Draft
    from radrag.drafting import Drafter, Seen


@dataclass(slots=True, eq=False)
class Hand:
    """A job on its way through the stages."""

    claim: Claim
    study: LoadedStudy | None = None
    seen: Seen | None = None
    draft: Draft | None = None
    ending: bool = False  # it is being ended in the store, where it may be gone from our hands already
    seconds: dict[str, float] = field(default_factory=dict)


class FileChanged(RadragError):
    """A job's files are no longer those that were submitted."""

    code = "file_changed"


class Stages:
    """What is done to one study, in this order: decode, look, write. Each may be done again after it failed.

    Args:
        salt: secret for patient keys.
    """

    def __init__(self, drafter: Drafter, salt: str) -> None:
        self._drafter = drafter
        self._salt = salt

    def decode(self, hand: Hand) -> None:
        """Read the study's files.

        Raises:
            StudyRefused: none of them can be drafted.
            FileChanged: they are not those that were submitted.
        """
        source = hand.claim.source
        studies, refusals = find_studies(paths_of(source), salt=self._salt, indication=source["indication"])
        if not studies:
            raise refusals[0]
        study = load_study(studies[0])
        if not study.images:
            raise study.refusals[0]
        expected = {digest for *_, digest in source["files"]}
        if len(studies) > 1 or any(image.image.file_sha256 not in expected for image in study.images):
            raise FileChanged("A file was changed after it was submitted.", hint="Submit it again.")
        hand.study = study

    def look(self, hand: Hand) -> None:
        """Let the encoder look at the images."""
        assert hand.study is not None
        hand.seen = self._drafter.look(hand.study)

    def write(self, hand: Hand) -> None:
        """Retrieve, write and check; the pixels are let go.

        Raises:
            RadragError: as :meth:`radrag.drafting.Drafter.draft`.
        """
        assert hand.study is not None
        hand.draft = self._drafter.draft(hand.study, seen=hand.seen)
        hand.study = hand.seen = None


def for_good(error: RadragError) -> bool:
    """Whether another try would end the same."""
    return isinstance(error, StudyRefused | RestrictedData | FileChanged) or (
        isinstance(error, GenerationError) and error.code == GenerationCode.PROMPT_TOO_LONG
    )


def reason(error: RadragError) -> str:
    """Return an error's words without the path, which a log or report may not hold."""
    return f"{error.reason} {error.hint}".strip() if isinstance(error, StudyRefused) else str(error)
