"""The pipeline: a study's images and the evidence they retrieve, to a draft in which every sentence is checked."""

from radrag.drafting.drafter import Drafter
from radrag.drafting.look import Seen, combine, look

__all__ = ["Drafter", "Seen", "combine", "look"]
