"""What a generator is given and what it returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from radrag.domain import Hit, ImageFinding, Sentence
from radrag.retrieval.neighbourhood import FindingCounts


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
    """

    image_findings: tuple[ImageFinding, ...]
    hits: tuple[Hit, ...]
    evidence: tuple[Sentence, ...]
    indication: str = ""
    seed: int = 0
    neighbourhood: tuple[FindingCounts, ...] = ()


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
    """What a generator wrote, in reading order."""

    sentences: tuple[GeneratedSentence, ...]


@dataclass(frozen=True, slots=True)
class GeneratorCard:
    """Who wrote a draft: goes into its provenance.

    Attributes:
        sha256: of the weights, or of the rules where there are none; hex.
        remote: whether request content leaves this machine.
    """

    name: str
    version: str
    sha256: str
    parameters: Mapping[str, Any]
    remote: bool = False


class Generator(Protocol):
    """Writes a report from a request. The same request gives the same report."""

    @property
    def card(self) -> GeneratorCard:
        """Who this is."""
        ...

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Write the report. Raises GenerationError; never returns an error's text."""
        ...
