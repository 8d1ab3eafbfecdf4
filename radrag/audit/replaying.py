"""Generators for a draft that is made again: the one of the record, or one that gives its recorded answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radrag.errors import GenerationCode, GenerationError, RadragError
from radrag.generation.base import GeneratedReport, GenerationRequest, Generator, GeneratorCard, RewriteTask
from radrag.generation.model import ModelGenerator

if TYPE_CHECKING:
    import numpy as np

    from radrag.domain import Draft, Hit
    from radrag.generation.prompt import Prompt
    from radrag.workspace import Workspace

SERVED = "endpoint"
"""Name of the generator whose model is on a server: it is never asked again."""


class Watched:
    """A generator that keeps what it was given first.

    Attributes:
        hits: of the first request.
        asked: whether there was one.
        prompts: SHA-256 of what a model was given for it, or would have been; empty for a generator without a model.
    """

    def __init__(self, inner: Generator) -> None:
        self.inner = inner
        self.hits: tuple[Hit, ...] = ()
        self.asked = False
        self.prompts: tuple[str, ...] = ()

    @property
    def card(self) -> GeneratorCard:
        """Who writes."""
        return self.inner.card

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Write the report; see :class:`radrag.generation.base.Generator`."""
        self.hits, self.asked = request.hits, True
        try:
            report = self.inner.generate(request)
        except GenerationError:
            self.prompts = self.inner.unknown if isinstance(self.inner, Replayed) else ()
            raise
        self.prompts = (_sha256(report.prompt),) if report.prompt else ()
        return report

    def rewrite(self, request: GenerationRequest, task: RewriteTask) -> GeneratedReport:
        """Write one sentence anew; see :class:`radrag.generation.base.Generator`."""
        return self.inner.rewrite(request, task)


class _Answers:
    """A model that answers what it answered before, and nothing else.

    Attributes:
        unknown: SHA-256 of what it was asked and has no answer to.
    """

    def __init__(self, card: GeneratorCard, answers: Mapping[str, str]) -> None:
        self.card = card
        self.unknown: tuple[str, ...] = ()
        self._answers = answers

    def complete(self, prompt: Prompt, schema: Mapping[str, Any], pictures: Sequence[np.ndarray], seed: int) -> str:  # noqa: ARG002 - the protocol's
        """Return the recorded answer.

        Raises:
            GenerationError: ``prompt_too_long``: there is none. The generator then tries its shorter prompt, which is
                the one on record where the long one had no room.
        """
        digest = _sha256(prompt.text)
        found = self._answers.get(digest)
        if found is None:
            self.unknown += (digest,)
            raise GenerationError(GenerationCode.PROMPT_TOO_LONG, "No answer to this prompt is on record.")
        return found


class Replayed(ModelGenerator):
    """A model's generator with the model's recorded answers."""

    def __init__(self, card: GeneratorCard, answers: Mapping[str, str]) -> None:
        self._recorded = _Answers(card, answers)
        super().__init__(self._recorded)

    @property
    def unknown(self) -> tuple[str, ...]:
        """SHA-256 of the prompts that no answer is on record for."""
        return self._recorded.unknown


def recorded_generator(workspace: Workspace, draft: Draft, *, replay: bool) -> tuple[Generator, str]:
    """Return what wrote a draft, and in words what stands in its place now."""
    from radrag.generation.compose import ComposeGenerator

    recorded = draft.provenance["generator"]
    if recorded["name"] == "compose":
        generator = ComposeGenerator()
        card = generator.card
        return generator, f"{card.name} {card.version}, {card.sha256[:12]}"
    local = None if replay or recorded["name"] == SERVED else _local(workspace, recorded)
    if local is not None:
        return local, f"{local.card.name} {local.card.version}, {local.card.sha256[:12]}"
    parameters = {name: value for name, value in recorded["parameters"].items() if name != "hits"}
    card = GeneratorCard(recorded["name"], recorded["version"], recorded["sha256"], parameters)
    return Replayed(card, answers(workspace, draft)), "its recorded answers; the model was not asked again"


def _local(workspace: Workspace, recorded: Mapping[str, Any]) -> Generator | None:
    """Return the local model of the record; None where its weights are not on this machine."""
    from radrag.generation.gguf_model import model_folder
    from radrag.generation.local_weights import known_sha256, safe_weights
    from radrag.workspace import Workspace as Other

    settings = workspace.settings
    for name in dict.fromkeys((settings.generator_model, recorded["name"])):
        try:
            if (
                not name
                or known_sha256(safe_weights(model_folder(name, settings.cache)), settings.cache) != recorded["sha256"]
            ):
                continue
            return Other(settings.with_changes(generator="vlm", generator_model=name)).generator
        except RadragError:  # not here, or not to be loaded: the recorded answers are
            continue
    return None


def exchanges(workspace: Workspace, draft: Draft) -> list[tuple[str, str]]:
    """Return what a model was given and answered for a draft and for those that it revises, the latest first.

    Texts that are not held any more (they showed a corpus that was removed) are left out with their partner.
    """
    found = []
    while True:
        for pair in draft.provenance.get("transcripts", ()):
            try:
                texts = (
                    workspace.store.transcript(pair["prompt_sha256"]),
                    workspace.store.transcript(pair["output_sha256"]),
                )
            except RadragError:
                continue
            found.append(texts)
        before = draft.provenance.get("revises")
        if not before:
            return found
        try:
            draft = workspace.store.draft(before)
        except RadragError:  # a draft that was revised may be deleted
            return found


def answers(workspace: Workspace, draft: Draft) -> dict[str, str]:
    """Return SHA-256 of a prompt → the recorded answer."""
    return {_sha256(prompt): output for prompt, output in exchanges(workspace, draft)}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
