"""Where a draft comes from, and whether it comes out the same when it is made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radrag.audit.redrafting import redraft
from radrag.audit.sections import Section, Table
from radrag.audit.stages import Outcome, Stage, different, not_compared, same
from radrag.audit.trail import ActTrail, SentenceTrail, Standing, acts, review_of, sentences_back, standing
from radrag.store.canonical import draft_sha256

if TYPE_CHECKING:
    from radrag.domain import Case, Draft, Signature
    from radrag.store.repository import Store
    from radrag.workspace import Workspace

SCHEMA = "radrag.audit_provenance/1"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a draft comes from.

    Attributes:
        made: what the record says of how it was made.
        parts: part → (as recorded, as it is now).
        stages: what came out when each was done again.
        replayed: the sentences were made of a model's recorded answers.
        sentences, acts, signatures: from each sentence back, and what people did with the draft.
    """

    draft_id: str
    made: Mapping[str, Any]
    parts: Mapping[str, tuple[str, str]]
    stages: tuple[Stage, ...]
    replayed: bool
    sentences: tuple[SentenceTrail, ...]
    acts: tuple[ActTrail, ...]
    signatures: tuple[Signature, ...]

    @property
    def outcome(self) -> Outcome:
        """``different`` where a stage is, ``same`` where all are, ``not compared`` otherwise."""
        found = {stage.outcome for stage in self.stages}
        return next((one for one in (Outcome.DIFFERENT, Outcome.NOT_COMPARED) if one in found), Outcome.SAME)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "schema": SCHEMA,
            "draft_id": self.draft_id,
            "outcome": self.outcome.value,
            "stages": [stage.as_dict() for stage in self.stages],
            "replayed": self.replayed,
            "parts": {name: {"recorded": then, "now": now} for name, (then, now) in self.parts.items()},
            "provenance": dict(self.made),
            "sentences": [one.as_dict() for one in self.sentences],
            "acts": [one.as_dict() for one in self.acts],
            "signatures": [
                {"version": one.version, "at": one.at, "who": one.who, "name": one.name, "state": one.state.value}
                for one in self.signatures
            ],
        }


def provenance(workspace: Workspace, draft_id: str, *, files: Sequence[Path] = (), replay: bool = False) -> Provenance:
    """Follow a draft back, and make it again. That its evidence was read goes on record.

    Args:
        files: where the study's images are now; empty for where they were.
        replay: take a model's answers from the record even where the model is here.

    Raises:
        StoreError: there is no such draft.
    """
    store = workspace.store
    draft = store.draft(draft_id)
    events = store.review_events(draft_id)
    review = review_of(draft, events)
    cases = store.read_evidence(draft_id)
    again = redraft(workspace, draft, files=files, replay=replay)
    made = {name: value for name, value in draft.provenance.items() if name not in _LONG}
    return Provenance(
        draft_id,
        made,
        again.parts,
        (_record(store, draft), _evidence(draft, cases), *again.stages),
        again.replayed,
        sentences_back(draft, review, cases),
        acts(events),
        review.signatures,
    )


_LONG = ("neighbourhood", "feedback", "revisions", "prior")
"""Parts of a draft's provenance that `radrag draft --json` shows, and that are too long for an audit."""


def _record(store: Store, draft: Draft) -> Stage:
    """Compare the stored draft and the acts on it with the hashes in the audit log."""
    altered = store.altered_review_events(draft.draft_id)
    logged, position = None, 0
    while logged is None and (batch := store.audit_entries(after=position, limit=1000)):
        position = batch[-1].position
        saved = (one.payload for one in batch if one.what == "draft.saved")
        logged = next((one["content_sha256"] for one in saved if one["draft_id"] == draft.draft_id), None)
    if logged is None:
        return not_compared("record", "the audit log does not say that this draft was saved")
    parts = ["the draft"] if logged != draft_sha256(draft) else []
    parts += [f"act {version}" for _, version in altered]
    if parts:
        return different("record", f"changed outside radrag: {', '.join(parts)}")
    return same("record", "the stored draft and the acts on it are as the audit log recorded them")


def _evidence(draft: Draft, cases: Mapping[str, Case]) -> Stage:
    """Compare every quote with the corpus as it is now."""
    links = [link for one in draft.sentences for link in one.links]
    links += [link for one in draft.omissions for link in one.links]
    found = [standing(draft, link, cases) for link in links]
    counts = {one: found.count(one) for one in Standing}
    if counts[Standing.CHANGED]:
        return different(
            "evidence", f"{counts[Standing.CHANGED]} of {len(links)} quotes are not in the corpus any more"
        )
    if counts[Standing.GONE]:
        return not_compared("evidence", f"{counts[Standing.GONE]} of {len(links)} quotes are of cases that are gone")
    return same("evidence", f"{len(links)} quotes stand in the corpus at their offsets, byte for byte")


def section(result: Provenance) -> Section:
    """Return the result for people, but for the sentences: ``sentences`` has them with their evidence."""
    hashes = (
        ("prompt", str(result.made.get("prompt_sha256", ""))),
        *((f"pixels of image {n}", digest) for n, digest in enumerate(result.made.get("pixel_sha256", ()), start=1)),
        ("image encoder", str(result.made["encoder"]["sha256"])),
        ("index", str(result.made["index"]["sha256"])),
        ("generator", str(result.made["generator"]["sha256"])),
    )
    return Section(
        "provenance",
        "Provenance",
        "Why does this draft say what it says, and would it say it again?",
        _SUMMARY[result.outcome].format(id=result.draft_id, n=len(result.stages)),
        (
            Table(
                "stages",
                "Made again, stage by stage",
                ("stage", "outcome", "what"),
                tuple((one.name, one.outcome.value, one.says) for one in result.stages),
            ),
            Table(
                "parts",
                "Made by",
                ("part", "recorded", "now"),
                tuple((name, *pair) for name, pair in result.parts.items()),
            ),
            Table("hashes", "SHA-256 on record", ("of", "SHA-256"), hashes),
            Table(
                "acts",
                "What people did with it",
                ("version", "at", "who", "role", "act", "sentence"),
                tuple((one.version, one.at, one.who, one.role, one.act, one.item) for one in result.acts),
            ),
        ),
        flags=tuple(f"{one.name}: {one.says}." for one in result.stages if one.outcome is Outcome.DIFFERENT),
    )


_SUMMARY = {
    Outcome.SAME: "Draft {id} comes out the same in all {n} stages.",
    Outcome.DIFFERENT: "Draft {id} does not come out the same.",
    Outcome.NOT_COMPARED: "Draft {id}: what could be compared comes out the same; some of the {n} stages could not be.",
}
