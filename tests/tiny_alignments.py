"""An alignment of seeded random numbers, behind encoders of eight components."""

import numpy as np

from radrag.encoders.alignment import Alignment, AlignmentCard
from radrag.models.card import ModelCard

LABELS = ("Pleural Effusion", "Pneumothorax")
LOOKS = ModelCard("tiny", "1", "image-encoder", 8, (0.0, 1.0), "air dark", "none", 8, LABELS, LABELS, "MIT", "here")


def tiny_alignment(reader=LOOKS, width=8) -> Alignment:
    """Return one that takes the first three components of an image's vector, into a space of six."""
    draw = np.random.default_rng(0)
    card = AlignmentCard(
        "1", LOOKS.name, LOOKS.card_hash, reader.name, reader.card_hash, LABELS, appearance=3, dimension=6
    )
    shapes = {
        "image.mean": (2,), "image.scale": (2,), "image.hidden.weight": (9, 5), "image.hidden.bias": (9,),
        "image.weight": (6, 9),
        "image.bias": (6,),
        "text.hidden.weight": (7, width), "text.hidden.bias": (7,), "text.weight": (6, 7), "text.bias": (6,),
    }  # fmt: skip
    return Alignment(card, {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})
