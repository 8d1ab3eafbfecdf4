"""What a generator is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from radrag.domain import Hit, ImageFinding, Sentence
from radrag.retrieval.neighbourhood import FindingCounts

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """Everything a draft may rest on.

    Attributes:
        image_findings: what the encoder says of the image.
        hits: the retrieved cases, best first.
        evidence: the sentences of those cases, in the order of the hits.
        indication: why the study was asked for; empty when unknown.
        seed: seed of anything random.
        neighbourhood: what the hits say of each finding, beside its prevalence in the corpus.
        prior: sentences of the patient's earlier report, if one was given; a draft may then compare with it.
        pictures: the images for a reader, uint8 [rows, columns] each, bright = dense; for generators that see.
            Not part of a request's identity: the draft names the pixels by their hashes.
    """

    image_findings: tuple[ImageFinding, ...]
    hits: tuple[Hit, ...]
    evidence: tuple[Sentence, ...]
    indication: str = ""
    seed: int = 0
    neighbourhood: tuple[FindingCounts, ...] = ()
    prior: tuple[Sentence, ...] = ()
    pictures: tuple[np.ndarray, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class RewriteTask:
    """One sentence that is to be written anew, or dropped.

    Attributes:
        section: where it stands.
        text: the sentence; empty where one is to be added.
        problem: why, in words for a model: what is wrong with it, or what a reader asked for.
        evidence: sentences that speak of its claims; a rewrite may say what they say, and no more.
    """

    section: str
    text: str
    problem: str
    evidence: tuple[Sentence, ...]


@dataclass(frozen=True, slots=True)
class GeneratedSentence:
    """One sentence of a generated report; ``hints`` are (case_id, section, number) that the generator names.

    Hints are never trusted: grounding looks for evidence by itself.
    """

    section: str
    text: str
    hints: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedReport:
    """What a generator wrote, in reading order.

    Attributes:
        prompt: exactly what the model was given, as text; empty where there is no model.
        output: exactly what it answered.
    """

    sentences: tuple[GeneratedSentence, ...]
    prompt: str = ""
    output: str = ""


@dataclass(frozen=True, slots=True)
class GeneratorCard:
    """Who wrote a draft: goes into its provenance.

    Attributes:
        sha256: of the weights, or of the rules where there are none; hex.
        remote: whether request content leaves this machine.
        sees: whether it is given the images.
    """

    name: str
    version: str
    sha256: str
    parameters: Mapping[str, Any]
    remote: bool = False
    sees: bool = False


class Generator(Protocol):
    """Writes a report from a request. The same request gives the same report."""

    @property
    def card(self) -> GeneratorCard:
        """Who this is."""
        ...

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Write the report. Raises GenerationError; never returns an error's text."""
        ...

    def rewrite(self, request: GenerationRequest, task: RewriteTask) -> GeneratedReport:
        """Write one sentence anew by the evidence of the task; no sentence where it is better dropped.

        Raises GenerationError, as :meth:`generate` does.
        """
        ...
