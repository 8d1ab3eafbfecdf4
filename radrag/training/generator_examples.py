"""Examples for the generator: a prompt as in use, with noise, and the answer that image and evidence carry.

Images and reports are of different patients: a report is matched to an image whose labels it shares (unpaired, as
MedCLIP does; Wang et al. 2022). What is right to say is the plan without noise: what the encoder calls in the image
and the retrieved evidence carries, in words that the prompt shows: those of evidence for what is normal, the plan's for
findings. The report lends its own where neither says just that. So every sentence of an answer is supported by evidence
that the prompt shows.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from radrag.domain import Change, Finding, Hit, ImageFinding, Polarity, Sentence, Severity, Side
from radrag.generation.answers import LONGEST, MOST_CITED
from radrag.generation.base import GenerationRequest
from radrag.generation.constrained import PLAIN
from radrag.generation.mini_prompt import at_thresholds, evidence_for, mini_prompt, tidy
from radrag.generation.phrases import plain_list
from radrag.generation.plan import Plan, Statement, make_plan
from radrag.generation.prompt import Prompt
from radrag.reports.screening import is_fit_for_draft
from radrag.reports.vocabulary import NO_FINDING
from radrag.reports.wordings import report_names
from radrag.retrieval.query import Query, query_from_image
from radrag.training import noise
from radrag.training.generator_config import NoiseConfig

CITED = 2
POOL = 400
"""Sentences that hard negatives are looked for in, drawn anew for each example."""


@dataclass(frozen=True, slots=True)
class LabelledFindings:
    """One image: what an encoder says of it, and which of its labels are true."""

    findings: tuple[ImageFinding, ...]
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """One report of the corpus; ``labels`` are what it states."""

    case_id: str
    patient_key: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Example:
    """One example; ``answer`` is the JSON that is right to write, ``image`` the row of its image, -1 for none."""

    prompt: Prompt
    answer: str
    image: int


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What examples are made from.

    Attributes:
        search: query, number of hits → hits; of the engine.
        sentences_of: case ids → their sentences.
        reports: those that may lend words and evidence.
        images: those that may be seen.
        hits: how many cases ground an example.
        thresholds: label → probability from which on the plan states it.
    """

    search: Callable[[Query, int], tuple[Hit, ...]]
    sentences_of: Callable[[Sequence[str]], Mapping[str, tuple[Sentence, ...]]]
    reports: tuple[Report, ...]
    images: tuple[LabelledFindings, ...]
    hits: int
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def evidence(self, hits: Sequence[Hit]) -> tuple[Sentence, ...]:
        """Return the sentences of hits, in their order, as the drafter does."""
        found = self.sentences_of([hit.case_id for hit in hits])
        return tuple(sentence for hit in hits for sentence in found.get(hit.case_id, ()))


def make_example(source: Source, row: int, settings: NoiseConfig, draw: random.Random) -> Example | None:
    """Make an example of one image; None where image and evidence carry nothing that may be said."""
    image = source.images[row]
    report = matching(image.labels, source.reports, draw)
    query = query_from_image(image.findings, exclude_patient=report.patient_key)
    found = source.search(replace(query, exclude_cases=frozenset({report.case_id})), source.hits)
    others = [one.case_id for one in source.reports if one.case_id != report.case_id]
    wrong = draw.choices(range(len(settings.wrong_neighbours)), settings.wrong_neighbours)[0]
    hits = noise.with_wrong_neighbours(found, others, wrong, draw)
    findings = at_thresholds(image.findings, source.thresholds)
    request = GenerationRequest(findings, hits, source.evidence(hits))
    plan = make_plan(request)
    shown = evidence_for(request, plan)
    if settings.hard_negatives and shown:
        drawn = source.sentences_of(draw.sample(others, min(POOL // 10, len(others))))
        pool = [one for of in drawn.values() for one in of if is_fit_for_draft(one.text)]
        shown = noise.with_hard_negatives(shown, pool, draw.randint(0, settings.hard_negatives), draw)
    if settings.shuffled:
        shown = noise.shuffled_evidence(shown, draw)
    right = plan if hits == found else make_plan(replace(request, hits=found, evidence=source.evidence(found)))
    listed, suggested = _given(findings, plan, settings, draw)
    prompt = mini_prompt(listed, suggested, shown)
    own = source.sentences_of([report.case_id]).get(report.case_id, ())
    answer = answer_of(right, shown, own, mini_prompt(findings, plan, shown).planned)  # as many as in use
    seen = -1 if draw.random() < settings.missing_image else row
    return Example(prompt, answer, seen) if answer else None


def _given(
    findings: tuple[ImageFinding, ...], plan: Plan, settings: NoiseConfig, draw: random.Random
) -> tuple[tuple[ImageFinding, ...], Plan]:
    """Return the findings and the plan that the prompt has."""
    if draw.random() < settings.missing_findings:
        return (), Plan()
    return noise.without_query(findings, settings.query_dropout, draw), noise.without_plan(
        plan, settings.plan_dropout, draw
    )


def matching(labels: frozenset[str], reports: Sequence[Report], draw: random.Random) -> Report:
    """Return one of the reports whose labels are most like an image's (Jaccard), drawn by chance."""

    def likeness(report: Report) -> float:
        either = labels | report.labels
        return len(labels & report.labels) / len(either) if either else 1.0

    scores = [likeness(report) for report in reports]
    best = max(scores)
    return draw.choice([report for report, score in zip(reports, scores, strict=True) if score == best])


def answer_of(plan: Plan, shown: Sequence[Sentence], own: Sequence[Sentence], most: Mapping[str, int]) -> str:
    """Write a plan as the answer's JSON, each sentence with the shown evidence that says it; empty for nothing.

    Args:
        shown: evidence, number 1 first; what none of it carries is left out.
        own: sentences of the report that lends its words.
        most: section → sentences that the answer may have.
    """
    sections: dict[str, list[dict[str, object]]] = {section: [] for section in most}
    for planned in plan.statements:
        statement = _carried(planned, shown)
        cited = _cited(statement, shown)
        text = tidy(_worded(statement, [shown[number - 1] for number in cited], own))
        written = sections[statement.section]
        if cited and re.fullmatch(PLAIN, text) and len(text) <= LONGEST and len(written) < most[statement.section]:
            written.append({"text": text, "evidence": cited})
    return json.dumps(sections) if any(sections.values()) else ""


def _carried(statement: Statement, shown: Sequence[Sentence]) -> Statement:
    """Leave out of an impression's list of findings those that no shown evidence states."""
    named = tuple(label for label in statement.states if any(_says(one, label, statement) for one in shown))
    if statement.section != "impression" or not named or named == statement.states:
        return statement
    return replace(statement, states=named, text=plain_list(named))


def _cited(statement: Statement, shown: Sequence[Sentence]) -> list[int]:
    """Return the numbers of evidence for all that a statement says, what says just that first; none where some lacks.

    Two at most, or one for each finding.
    """
    carrying = [number for number, one in enumerate(shown, start=1) if carries(one, statement)]
    carrying.sort(key=lambda number: not _says_just(shown[number - 1], statement))
    needed = []
    for label in statement.states:
        saying = [number for number in carrying if _says(shown[number - 1], label, statement)]
        if not saying:
            return []
        needed.append(saying[0])
    whole = dict.fromkeys(needed)
    return list(dict.fromkeys([*whole, *carrying]))[: min(max(CITED, len(whole)), MOST_CITED)]


def _says(sentence: Sentence, label: str, statement: Statement) -> bool:
    """Whether a sentence that carries a statement states one of its findings."""
    return bool(_labels(sentence, Polarity.POSITIVE) & {label, *report_names(label)}) and carries(sentence, statement)


def carries(sentence: Sentence, statement: Statement) -> bool:
    """Whether a sentence says some of what a statement states, or all that it denies, and nothing to the contrary."""
    positive, negative = _labels(sentence, Polarity.POSITIVE), _labels(sentence, Polarity.NEGATIVE)
    stated = {name for label in statement.states for name in (label, *report_names(label))}
    if negative & stated or positive & set(statement.denies):
        return False
    if not set(statement.denies) <= negative:
        return False
    if set(statement.states) <= {NO_FINDING}:
        return set(statement.states) <= positive <= {NO_FINDING}
    return bool(positive & stated)


def _worded(statement: Statement, cited: Sequence[Sentence], own: Sequence[Sentence]) -> str:
    """Return the words for a statement: of a finding the plan's, of what is normal those of a sentence of just that."""
    if set(statement.states) - {NO_FINDING}:
        return statement.text
    return next((one.text for one in (*cited, *own) if _says_just(one, statement)), statement.text)


def _says_just(sentence: Sentence, statement: Statement) -> bool:
    """Whether a sentence says what a statement says, in the same section, and nothing else."""
    same = _labels(sentence, Polarity.POSITIVE) == set(statement.states) and _labels(
        sentence, Polarity.NEGATIVE
    ) == set(statement.denies)
    return (
        same and sentence.section == statement.section and is_fit_for_draft(sentence.text) and not _detailed(sentence)
    )


def _detailed(sentence: Sentence) -> bool:
    def more(finding: Finding) -> bool:
        return (
            finding.side is not Side.NONE
            or bool(finding.location)
            or finding.severity is not Severity.NONE
            or finding.change is not Change.NONE
            or finding.polarity is Polarity.UNCERTAIN
        )

    return any(map(more, sentence.findings)) or any(letter.isdigit() for letter in sentence.text)


def _labels(sentence: Sentence, polarity: Polarity) -> set[str]:
    return {finding.label for finding in sentence.findings if finding.polarity is polarity}
