"""Reports written without a look at the image: what every score must be read beside."""

from __future__ import annotations

import random
from collections.abc import Sequence

CONSTANT_NORMAL, RANDOM_OTHER = "constant normal", "random other report"

NORMAL_REPORT = (
    "The heart is normal in size. The mediastinal contours are within normal limits. "
    "The lungs are clear without focal consolidation. There is no pleural effusion or pneumothorax. "
    "No acute bony abnormality is seen."
)
"""One wording of many: its n-gram scores move with wording and length (docs/report_evaluation.md has some)."""

ROUNDS = 10
"""Random reports given to each study; their scores are means over the rounds."""


def random_others(
    reports: Sequence[str], patients: Sequence[str], *, rounds: int = ROUNDS, seed: int
) -> list[list[str]]:
    """Return, a round, the report of another patient for each study; blank where there is no other patient.

    Args:
        reports: of each study.
        patients: of each study.
    """
    generator = random.Random(seed)
    alone = len(set(patients)) < 2
    drawn = []
    for _ in range(rounds):
        texts = []
        for patient in patients:
            place = generator.randrange(len(reports))
            while patients[place] == patient and not alone:
                place = generator.randrange(len(reports))
            texts.append("" if alone else reports[place])
        drawn.append(texts)
    return drawn
