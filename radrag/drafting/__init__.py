"""The pipeline: a study's images and the evidence they retrieve, to a draft in which every sentence is checked."""

from radrag.drafting.drafter import Drafter
from radrag.drafting.look import Seen, combine, look
from radrag.drafting.rewording import Rewording

__all__ = ["Drafter", "Rewording", "Seen", "combine", "look"]
