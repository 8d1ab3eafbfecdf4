"""The card that training writes says what the shipped card says."""

from pathlib import Path

import numpy as np
import pytest

from radrag.encoders.starter import StarterEncoder
from radrag.models.card import IDENTITY
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.starter_card import write_card


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The card of made-up labels and probabilities of 80 patients with an image each."""
    random = np.random.default_rng(0)
    count = 80
    labels = (random.random((count, len(LABELS))) < 0.4).astype(float)
    data = LabelledImages(
        paths=tuple(Path(f"{number}.png") for number in range(count)),
        patients=tuple(str(number) for number in range(count)),
        validation=np.arange(count) % 2 == 0,
        labels=labels,
        soft=np.full((count, 14), np.nan),
    )
    return write_card(
        tmp_path_factory.mktemp("card") / "starter.json",
        data,
        imagenet=random.random((count, 8)),
        probabilities=random.random((count, len(LABELS))),
        thresholds=dict.fromkeys(LABELS, 0.5),
        sha256=StarterEncoder.card_of().sha256,
        size_bytes=1,
        others=7,
    )


@pytest.mark.parametrize("field", [*IDENTITY, "trained", "views", "calibrated", "regions", "licence", "limits"])
def test_training_writes_what_the_shipped_card_says(written, field):
    assert getattr(written, field) == getattr(StarterEncoder.card_of(), field)
