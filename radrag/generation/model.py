"""A report written by a language model, local or served: plan, prompt, constrained answer, guard.

The model is only what turns a prompt into text. What it is asked, in which form it must answer and what of its answer
is let through is decided here, the same for every model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from radrag.errors import GenerationCode, GenerationError
from radrag.generation.answers import SECTIONS, answer_schema, read_answer
from radrag.generation.base import GeneratedReport, GenerationRequest, GeneratorCard, RewriteTask
from radrag.generation.guard import check_written, each_once
from radrag.generation.plan import make_plan
from radrag.generation.prompt import Prompt, report_prompt, rewrite_prompt

if TYPE_CHECKING:
    import numpy as np

ATTEMPTS = 2
"""How often a model is asked when its answer is of no use; each time with another seed."""

_MENDED_BY_ASKING_AGAIN = frozenset(
    {
        GenerationCode.EMPTY,
        GenerationCode.UNREADABLE,
        GenerationCode.CUT_OFF,
        GenerationCode.TOO_LONG,
        GenerationCode.REPETITIVE,
        GenerationCode.REFUSAL,
        GenerationCode.GIBBERISH,
    }
)


class Model(Protocol):
    """Turns a prompt into text."""

    @property
    def card(self) -> GeneratorCard:
        """Who this is."""
        ...

    def complete(self, prompt: Prompt, schema: Mapping[str, Any], pictures: Sequence[np.ndarray], seed: int) -> str:
        """Return the model's whole answer, of the form of a JSON Schema where decoding can be constrained.

        The same arguments give the same answer as far as the model allows it.

        Args:
            pictures: uint8 [rows, columns] each, bright = dense; empty for none. Models that do not see ignore them.

        Raises:
            GenerationError: the model cannot be reached, has no room, or was cut off.
        """
        ...


class ModelGenerator:
    """A :class:`radrag.generation.base.Generator` around a model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def card(self) -> GeneratorCard:
        """Who writes."""
        return self._model.card

    def generate(self, request: GenerationRequest) -> GeneratedReport:
        """Write a report along the plan; empty, without asking the model, when there is nothing to say.

        Where the prompt is too long for the model, the example reports are left out of it.

        Raises:
            GenerationError: the model failed, or answered nothing of use twice.
        """
        plan = make_plan(request)
        if not plan.statements:
            return GeneratedReport(())
        prompt = report_prompt(request, plan)
        if not prompt.evidence:
            return GeneratedReport(())
        try:
            return self._asked(prompt, SECTIONS, request)
        except GenerationError as error:
            shorter = report_prompt(request, plan, examples=0)
            if error.code != GenerationCode.PROMPT_TOO_LONG or shorter == prompt:
                raise
        return self._asked(shorter, SECTIONS, request)

    def rewrite(self, request: GenerationRequest, task: RewriteTask) -> GeneratedReport:
        """Write one sentence anew; empty where no evidence is fit to be shown or the model drops it.

        Raises:
            GenerationError: as :meth:`generate`.
        """
        prompt = rewrite_prompt(request, task)
        if not prompt.evidence:
            return GeneratedReport(())
        return self._asked(prompt, (task.section,), request, may_be_empty=True)

    def _asked(
        self, prompt: Prompt, sections: Sequence[str], request: GenerationRequest, *, may_be_empty: bool = False
    ) -> GeneratedReport:
        least = {} if may_be_empty else {section: min(1, count) for section, count in prompt.planned.items()}
        schema = answer_schema(len(prompt.evidence), sections, most=prompt.planned, least=least)
        for attempt in range(ATTEMPTS):
            try:
                output = self._model.complete(prompt, schema, request.pictures, request.seed + attempt)
                sentences = read_answer(output, prompt.evidence, sections)
                if sentences or not may_be_empty:
                    check_written(sentences)
            except GenerationError as error:
                if error.code not in _MENDED_BY_ASKING_AGAIN or attempt + 1 == ATTEMPTS:
                    raise
            else:
                return GeneratedReport(each_once(sentences), prompt.text, output)
        raise AssertionError  # unreachable: the last attempt returns or raises
