"""A stored draft made again from what is on record.

Each stage is given what the record says that the stage before it came to, so that a difference shows where it arose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radrag.audit.replaying import Replayed, Watched, recorded_generator
from radrag.audit.stages import (
    Stage,
    compare_findings,
    compare_hits,
    compare_remarks,
    compare_sentences,
    different,
    not_compared,
    same,
)
from radrag.drafting import Drafter, Seen
from radrag.drafting.rewording import found_for_claims
from radrag.errors import BadIndex, RadragError, StudyRefused, UsageError
from radrag.grounding.priors import prior_of
from radrag.index.manifest import read_manifest, verify_content

if TYPE_CHECKING:
    from radrag.dicom.read import LoadedStudy
    from radrag.domain import Draft
    from radrag.encoders.base import ImageEncoder
    from radrag.grounding.priors import Prior
    from radrag.workspace import Workspace


_NEEDED = ("encoder", "index", "generator", "prompt_sha256", "pixel_sha256", "seed")


@dataclass(frozen=True, slots=True)
class Redrafted:
    """A draft made again.

    Attributes:
        stages: ``pixels``, ``findings``, ``hits``, ``prompt``, ``sentences``, ``remarks``.
        parts: part → (as recorded, as it is now), in words; empty where it is not here.
        replayed: the sentences were made of the model's recorded answers, not by asking it again.
    """

    stages: tuple[Stage, ...]
    parts: Mapping[str, tuple[str, str]]
    replayed: bool


@dataclass(frozen=True, slots=True)
class _Looked:
    """The study, where its pixels are as they were; what the record says of them; the encoder, where it is here."""

    study: LoadedStudy | None
    seen: Seen
    encoder: ImageEncoder | None


def redraft(workspace: Workspace, draft: Draft, *, files: Sequence[Path] = (), replay: bool = False) -> Redrafted:
    """Make a draft again.

    Args:
        workspace: whose settings say what is not on record: the text encoder, the inference model, the device.
        files: where the study's images are now; empty for where they were.
        replay: take a model's answers from the record even where the model is on this machine. Answers of a server are
            always taken from there: nothing is sent anywhere.

    Raises:
        UsageError: the record lacks what a draft is made again from.
    """
    import radrag

    made = draft.provenance
    lacking = [name for name in _NEEDED if name not in made]
    if lacking:
        raise UsageError(f"The record of this draft lacks {', '.join(lacking)}: it was not made by radrag draft.")
    parts: dict[str, tuple[str, str]] = {"radrag": (str(made.get("radrag", "")), radrag.__version__)}
    study, pixels = _pixels(draft, files or [Path(image.path) for image in draft.study.images], workspace)
    encoder, reason = _encoder(workspace, made["encoder"])
    parts["encoder"] = _named(made["encoder"]), reason or _named(made["encoder"])
    seen, findings = _findings(draft, study, encoder, reason)
    folder, reason = _index(workspace, made["index"])
    parts["index"] = _index_named(made["index"]), reason or _index_named(made["index"])
    stages = [pixels, findings]
    if folder is None:
        stages += [not_compared(name, reason) for name in ("hits", "prompt", "sentences", "remarks")]
        return Redrafted(tuple(stages), parts, False)
    generator, now = recorded_generator(workspace, draft, replay=replay)
    parts["generator"] = _named(made["generator"]), now
    stages += _written(workspace, draft, _Looked(study, seen, encoder), folder, Watched(generator))
    return Redrafted(tuple(stages), parts, isinstance(generator, Replayed))


def _named(part: Mapping[str, object]) -> str:
    return f"{part['name']} {part['version']}, {str(part['sha256'])[:12]}"


def _index_named(index: Mapping[str, object]) -> str:
    return f"{index['id']}, {index['size']} cases"


def _pixels(draft: Draft, paths: Sequence[Path], workspace: Workspace) -> tuple[LoadedStudy | None, Stage]:
    """Read the study's images again; return the study where all are as they were."""
    from radrag.dicom.read import LoadedStudy, find_studies, load_study

    recorded = draft.provenance["pixel_sha256"]
    gone = [path for path in paths if not path.exists()]
    if gone or not paths:
        says = f"{len(gone)} of {len(paths)} image files are not where they were; name the present place with --images"
        return None, not_compared("pixels", says)
    try:
        studies, refusals = find_studies(paths, salt=workspace.settings.salt(), indication=draft.study.indication)
    except (StudyRefused, UsageError) as error:
        return None, not_compared("pixels", str(error))
    loaded = [load_study(files) for files in studies]
    images = {image.image.pixel_sha256: image for study in loaded for image in study.images}
    lost = [number for number, digest in enumerate(recorded, start=1) if digest not in images]
    if lost:
        refused = len(refusals) + sum(len(study.refusals) for study in loaded)
        said = f"; {refused} files were refused" if refused else ""
        return None, different("pixels", f"no file shows image {', '.join(map(str, lost))} as it was{said}")
    study = LoadedStudy(draft.study, tuple(images[digest] for digest in recorded), loaded[0].refusals)
    return study, same("pixels", f"{len(recorded)} images, the same decoded pixels")


def _encoder(workspace: Workspace, recorded: Mapping[str, str]) -> tuple[ImageEncoder | None, str]:
    """Return the image encoder that looked, of the settings or by its name; or why it is not here."""
    from radrag.corpus.snapshot import encoder_identity
    from radrag.workspace import Workspace as Other

    named = workspace.settings.model_copy(update={"encoder": recorded["name"], "encoder_weights": None})
    why = ""
    for there in (workspace, Other(named)):
        try:
            encoder = there.image_encoder
        except RadragError as error:
            why = why or f"the encoder {_named(recorded)} is not here: {error}"
            continue
        found = encoder_identity(encoder)
        if found == dict(recorded):
            return encoder, ""
        why = why or f"another encoder is here: {_named(found)}, card {found['card_hash'][:12]}"
    return None, why


def _findings(draft: Draft, study: LoadedStudy | None, encoder: ImageEncoder | None, reason: str) -> tuple[Seen, Stage]:
    """Look at the images again; return what the record says of them, with the vector where it could be made."""
    import numpy as np

    from radrag.drafting import look

    recorded = Seen(draft.image_findings, np.zeros(0, dtype=np.float32), draft.provenance["encoder"])
    if study is None or encoder is None:
        return recorded, not_compared("findings", reason or "the images are not here as they were")
    now = look(encoder, study)
    return replace(recorded, vector=now.vector), compare_findings(draft.image_findings, now.findings)


def _index(workspace: Workspace, recorded: Mapping[str, str]) -> tuple[Path | None, str]:
    """Return the folder of the index that was searched, or why it cannot be."""
    folder = workspace.settings.indexes / recorded["id"]
    try:
        if read_manifest(folder).sha256 == recorded["sha256"]:
            verify_content(folder)
            return folder, ""
    except BadIndex as error:
        if folder.is_dir():
            return None, str(error)
    return None, f"the index {recorded['id']} is not here any more; it was removed or rebuilt"


def _written(workspace: Workspace, draft: Draft, looked: _Looked, folder: Path, generator: Watched) -> list[Stage]:
    """Retrieve, write and check again."""
    from radrag.dicom.read import LoadedStudy

    made, study, seen = draft.provenance, looked.study, looked.seen
    blind = "the images are not here as they were, or not the encoder"
    names = ("hits", "prompt", "sentences", "remarks")
    if not len(seen.vector) and dict(read_manifest(folder).image_encoder) == dict(made["encoder"]):
        return [not_compared(name, f"{blind}, and the index is searched by image") for name in names]
    if study is None and generator.card.sees:
        return [not_compared(name, f"{blind}, and the generator sees them") for name in names]
    try:
        drafter = _drafter(workspace, draft, looked.encoder, folder, generator)
        now = drafter.draft(study or LoadedStudy(draft.study, ()), prior=_prior(workspace, made), seen=seen)
        for note in made.get("notes", ()):
            now = drafter.revise(now, note["note"])
    except RadragError as error:
        return _failed(draft, generator, str(error))
    prompt = now.provenance["prompt_sha256"] == made["prompt_sha256"]
    outside = found_for_claims(draft)
    before = [
        compare_hits([hit for hit in draft.hits if hit.case_id not in outside], generator.hits),
        _SAME_PROMPT if prompt else different("prompt", "the generator was given something else"),
    ]
    if generator.card.sha256 != made["generator"]["sha256"]:
        other = f"another generator is here, {_named(asdict(generator.card))}"
        return [*before, not_compared("sentences", other), not_compared("remarks", other)]
    return [
        *before,
        compare_sentences(draft, now),
        compare_remarks(draft, now) if study else not_compared("remarks", f"warnings tell of the images; {blind}"),
    ]


def _failed(draft: Draft, generator: Watched, why: str) -> list[Stage]:
    """Return what can be said where no draft came out."""
    outside = found_for_claims(draft)
    kept = [hit for hit in draft.hits if hit.case_id not in outside]
    recorded, prompt = draft.provenance["prompt_sha256"], not_compared("prompt", why)
    if recorded in generator.prompts:
        prompt = _SAME_PROMPT
    elif generator.prompts:
        prompt = different("prompt", "the model would be given something else now")
    return [
        compare_hits(kept, generator.hits) if generator.asked else not_compared("hits", why),
        prompt,
        not_compared("sentences", why),
        not_compared("remarks", "there are no sentences to remark on"),
    ]


_SAME_PROMPT = same("prompt", "what the generator was given is the same, byte for byte")


def _prior(workspace: Workspace, made: Mapping[str, object]) -> Prior | None:
    kept = made.get("prior")
    if not isinstance(kept, Mapping):
        return None
    return prior_of(kept["sections"], workspace.labeler.label_section, (), kept["pixel_sha256"])


def _drafter(
    workspace: Workspace, draft: Draft, encoder: ImageEncoder | None, folder: Path, generator: Watched
) -> Drafter:
    """Return a drafter of the recorded parts and settings.

    Raises:
        UsageError: a penalty for misleading cases was set, and its size is not on record.
    """
    from radrag.corpus.snapshot import load_snapshot
    from radrag.retrieval.engine import Retriever
    from radrag.retrieval.novelty import Novelty
    from radrag.retrieval.rerank import AgreementReranker, Bonuses
    from radrag.retrieval.weights import load_weights

    made, settings, store = draft.provenance, workspace.settings, workspace.store
    misleading = made.get("misleading", {})
    if misleading and not settings.misleading_penalty:
        raise UsageError(
            "The draft was made with a penalty for misleading cases, and the settings have none now.",
            hint="Set misleading_penalty as it was.",
        )
    snapshot = load_snapshot(folder)
    penalty = Bonuses(trusted=settings.misleading_penalty if misleading else 0.0)
    retriever = Retriever(
        snapshot,
        workspace.text_encoder,
        weights=load_weights(folder),
        reranker=AgreementReranker(snapshot.cases, penalty, misleading=misleading),
    )
    return Drafter(
        encoder=encoder or workspace.image_encoder,  # not asked: what it saw is given
        retriever=retriever,
        cases=snapshot.cases,
        novelty=Novelty.of_index(snapshot, store.cases),
        sentences_of=store.sentences,
        generator=generator,
        labeler=workspace.labeler,
        verifier=workspace.verifier,
        terms=store,
        hits=made["generator"]["parameters"]["hits"],
        seed=made["seed"],
        settled={"misleading": misleading} if misleading else None,
    )
