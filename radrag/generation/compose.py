"""A report composed from evidence: the plan's own words, deterministic, no weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from radrag.generation.base import GeneratedReport, GeneratedSentence, GenerationRequest, GeneratorCard, RewriteTask
from radrag.generation.plan import AGREEMENT, ENUMERATOR, MAX_NORMALS, MAX_WORDS, Statement, make_plan

VERSION = "2"
_RULES = ("compose.py", "plan.py", "comparing.py", "phrases.py")


class ComposeGenerator:
    """Writes a report out of the evidence's own sentences."""

    def __init__(self) -> None:
        self.card = GeneratorCard(
            name="compose",
            version=VERSION,
            sha256=_rules_sha256(),
            parameters={
                "agreement": AGREEMENT,
                "max_words": MAX_WORDS,
                "max_normals": MAX_NORMALS,
            },
        )

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Write the plan down; empty when there is nothing to say."""
        return GeneratedReport(tuple(_written(make_plan(request).statements)))

    def rewrite(self, request: GenerationRequest, task: RewriteTask) -> GeneratedReport:  # noqa: ARG002 - the protocol's
        """Write nothing: the plan says all that image and evidence carry, so what does not stand is dropped."""
        return GeneratedReport(())


def _rules_sha256() -> str:
    """Return the hash of the rules and phrases, in place of the weights that there are none of."""
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in _RULES)).hexdigest()


def _written(statements: Iterable[Statement]) -> Iterable[GeneratedSentence]:
    """Write each statement once, without list numbers, capitalised and closed as a sentence."""
    seen: set[tuple[str, str]] = set()
    for statement in statements:
        text = ENUMERATOR.sub("", statement.text.strip())
        text = text[:1].upper() + text[1:]
        if not text.endswith((".", "!", "?")):
            text += "."
        if (statement.section, text.lower()) not in seen:
            seen.add((statement.section, text.lower()))
            hints = tuple((source.case_id, source.section, source.number) for source in statement.sources)
            yield GeneratedSentence(statement.section, text, hints)
