"""Flips made of sentences: radrag's own, and a corpus's, which is read when the suite runs and kept nowhere."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from radrag.evaluation.flips import FlipCase
from radrag.evaluation.flips_edits import EDITS, Edit

GENERATED = "generated"
PER_KIND = 80
"""Cases made of each edit."""


def generate_flips(
    sentences: Iterable[str], *, part: str = GENERATED, per_kind: int = PER_KIND, seed: int = 0
) -> list[FlipCase]:
    """Return cases made of sentences, at most ``per_kind`` of each edit; the same sentences and seed give the same."""
    pool = sorted({" ".join(sentence.split()) for sentence in sentences})
    cases: list[FlipCase] = []
    for number, (kind, expected, edit) in enumerate(EDITS):
        order = pool[:]
        random.Random(f"{seed} {number}").shuffle(order)
        made = list(_applied(order, edit, per_kind))
        cases += [
            FlipCase(f"{part}-{number:02d}-{place:03d}", part, kind, sentence, turned, expected)
            for place, (sentence, turned) in enumerate(made)
        ]
    return cases


def _applied(sentences: Sequence[str], edit: Edit, limit: int) -> Iterator[tuple[str, str]]:
    found = 0
    for sentence in sentences:
        turned = edit(sentence)
        if turned is not None:
            yield sentence, turned
            found += 1
            if found == limit:
                return


def own_sentences() -> list[str]:
    """Return sentences of radrag's own wording, for suites without a corpus."""
    statements = [
        f"{opening} {amount} {side} {finding}{closing}."
        for opening, amount, side, finding, closing in product(
            ("There is a", "A"),
            ("small", "large"),
            ("left", "right"),
            ("pleural effusion", "apical pneumothorax", "upper lobe nodule", "lower lobe consolidation"),
            ("", " is seen"),
        )
        if (opening == "A") is bool(closing)
    ]
    changes = [
        f"{what} {how}."
        for what, how in product(
            ("The left pleural effusion", "The right basilar opacity", "Pulmonary edema", "The pneumothorax"),
            ("has increased", "has decreased", "is unchanged", "is worsening", "has improved"),
        )
    ]
    denials = [
        f"{opening} {finding}."
        for opening, finding in product(
            ("No", "There is no", "There is no evidence of"),
            ("pleural effusion", "pneumothorax", "focal consolidation", "rib fracture", "edema, effusion or fracture"),
        )
    ]
    others = [
        "The heart size is normal.",
        "The heart is enlarged.",
        "Cardiomegaly without pulmonary edema.",
        "There is a 6 mm nodule in the left lung.",
        "There is a healed fracture of the right fifth rib.",
        "There is a compression fracture of T8.",
        "There is a hiatal hernia.",
        "Emphysema is present.",
    ]
    return statements + changes + denials + others
