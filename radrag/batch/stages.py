"""The stages between a job and its draft, each a function of what the one before left in the worker's hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from radrag.batch.remote import StorageError, fetch
from radrag.batch.submission import addresses_of, paths_of, prior_of
from radrag.dicom.read import LoadedStudy, find_studies, load_study
from radrag.errors import GenerationCode, GenerationError, RadragError, RestrictedData, StudyRefused
from radrag.store.job_values import Claim

if TYPE_CHECKING:
    from radrag.domain import Draft
    from radrag.drafting import Drafter, Seen
    from radrag.grounding.priors import Prior


@dataclass(frozen=True, slots=True)
class Fetched:
    """Copies of files that lie in a store; gone with their folder."""

    folder: TemporaryDirectory[str]
    addresses: Mapping[Path, str]


@dataclass(slots=True, eq=False)
class Hand:
    """A job on its way through the stages."""

    claim: Claim
    fetched: Fetched | None = None
    study: LoadedStudy | None = None
    earlier: LoadedStudy | None = None
    seen: Seen | None = None
    prior: Prior | None = None
    draft: Draft | None = None
    ending: bool = False  # it is being ended in the store, where it may be gone from our hands already
    seconds: dict[str, float] = field(default_factory=dict)


class FileChanged(RadragError):
    """A job's files are no longer those that were submitted."""

    code = "file_changed"


class Stages:
    """What is done to one study, in this order: fetch, decode, look, write. Each may be done again after it failed.

    Args:
        salt: secret for patient keys.
        scratch: folder for copies of files that lie in a store; None for the system's.
    """

    def __init__(self, drafter: Drafter, salt: str, scratch: Path | None = None) -> None:
        self._drafter = drafter
        self._salt = salt
        self._scratch = scratch

    def fetch(self, hand: Hand) -> None:
        """Copy the study's files here, where they lie in a store.

        Raises:
            StorageError: they cannot be had.
        """
        addresses = addresses_of(hand.claim.source)
        if not addresses:
            return
        if self._scratch is not None:
            self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = TemporaryDirectory(dir=self._scratch, prefix="radrag-", ignore_cleanup_errors=True)
        copies = {}
        for number, address in enumerate(addresses):  # each in a folder of its own: names may be the same
            place = Path(folder.name, str(number))
            place.mkdir()
            copies[fetch(address, place)] = address
        hand.fetched = Fetched(folder, copies)

    def decode(self, hand: Hand) -> None:
        """Read the study's files.

        Raises:
            StudyRefused: none of them can be drafted.
            FileChanged: they are not those that were submitted.
        """
        source = hand.claim.source
        if prior := prior_of(source):
            hand.earlier = self._decoded({"files": source["prior"], "indication": ""}, prior)
        if hand.fetched is None:
            hand.study = self._decoded(source, paths_of(source))
            return
        copies, hand.fetched = hand.fetched, None
        with copies.folder:
            hand.study = _named(self._decoded(source, list(copies.addresses)), copies.addresses)

    def _decoded(self, source: Mapping[str, Any], paths: Sequence[Path]) -> LoadedStudy:
        said = source["indication"]
        studies, refusals = find_studies(paths, salt=self._salt, indication=said, keep_headers=True)
        if not studies:
            raise refusals[0]
        study = load_study(studies[0])
        if not study.images:
            raise study.refusals[0]
        expected = {digest for *_, digest in source["files"]}
        if len(studies) > 1 or any(image.image.file_sha256 not in expected for image in study.images):
            raise FileChanged("A file was changed after it was submitted.", hint="Submit it again.")
        return study

    def look(self, hand: Hand) -> None:
        """Let the encoder look at the images, and at those of the earlier study."""
        assert hand.study is not None
        hand.seen = self._drafter.look(hand.study)
        if hand.earlier is not None:
            hand.prior = self._drafter.prior(study=hand.earlier)
            hand.earlier = None

    def write(self, hand: Hand) -> None:
        """Retrieve, write and check; the pixels are let go.

        Raises:
            RadragError: as :meth:`radrag.drafting.Drafter.draft`.
        """
        assert hand.study is not None
        hand.draft = self._drafter.draft(hand.study, prior=hand.prior, seen=hand.seen)
        hand.study = hand.seen = hand.prior = None


def _named(study: LoadedStudy, addresses: Mapping[Path, str]) -> LoadedStudy:
    """Return a study whose images say where they lie, instead of where they were copied to."""
    images = tuple(replace(one, image=replace(one.image, path=addresses[Path(one.image.path)])) for one in study.images)
    return replace(study, study=replace(study.study, images=tuple(one.image for one in images)), images=images)


def for_good(error: RadragError) -> bool:
    """Whether another try would end the same."""
    return isinstance(error, StudyRefused | RestrictedData | FileChanged) or (
        isinstance(error, GenerationError) and error.code == GenerationCode.PROMPT_TOO_LONG
    )


def reason(error: RadragError) -> str:
    """Return an error's words without the path, which a log or report may not hold."""
    if isinstance(error, StudyRefused | StorageError):
        return f"{error.reason} {error.hint}".strip()
    return str(error)
