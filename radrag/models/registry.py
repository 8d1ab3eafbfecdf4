"""Which models there are: a name and where its class lives, imported only when it is asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radrag.errors import UsageError
from radrag.models.card import ModelCard

IMAGE_TASK = "image-encoder"
TEXT_TASK = "text-encoder"

XRV = "radrag.encoders.xrv:XrvEncoder"
HUGGING_FACE = "hf:"
"""Prefix of a local folder or hub name; such models need no entry."""
_HUGGING_FACE = {
    IMAGE_TASK: "radrag.encoders.huggingface:HuggingFaceImageEncoder",
    TEXT_TASK: "radrag.encoders.huggingface_text:HuggingFaceTextEncoder",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One model of the registry.

    Attributes:
        name: what the user types.
        task: ``image-encoder`` or ``text-encoder``.
        target: ``module:Class``.
        shipped: whether the weights come with the installation.
        about: one line for ``radrag models list``.
    """

    name: str
    task: str
    target: str
    shipped: bool
    about: str

    def load_class(self) -> Any:
        """Import the module and return the class."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)

    def card(self) -> ModelCard:
        """Return what is known of the model without its weights; loads no torch.

        For models that do not ship their weights, SHA-256 and size are empty until a file is given.
        """
        card: ModelCard = self.load_class().card_of(self.name)
        return card


def _xrv(name: str, about: str) -> Entry:
    kind = "DenseNet-121" if name.startswith("densenet121") else "ResNet-50"
    return Entry(f"xrv:{name}", IMAGE_TASK, XRV, shipped=False, about=f"torchxrayvision {kind}, {about}")


_ENTRIES = (
    Entry(
        "starter",
        IMAGE_TASK,
        "radrag.encoders.starter:StarterEncoder",
        shipped=True,
        about="EfficientNet-Lite2 features with calibrated heads for 14 NIH labels and No Finding",
    ),
    _xrv("densenet121-res224-all", "seven public sets"),
    _xrv("densenet121-res224-rsna", "RSNA Pneumonia Challenge"),
    _xrv("densenet121-res224-nih", "NIH ChestX-ray14"),
    _xrv("densenet121-res224-pc", "PadChest"),
    _xrv("densenet121-res224-chex", "CheXpert"),
    _xrv("densenet121-res224-mimic_nb", "MIMIC-CXR, NegBio labels"),
    _xrv("densenet121-res224-mimic_ch", "MIMIC-CXR, CheXpert labels"),
    _xrv("resnet50-res512-all", "five public sets, 512 pixels"),
    Entry(
        "minilm",
        TEXT_TASK,
        "radrag.encoders.text:MiniLM",
        shipped=True,
        about="all-MiniLM-L6-v2 sentence encoder, 384 dimensions",
    ),
)

REGISTRY: Mapping[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def names(task: str = "") -> tuple[str, ...]:
    """Return the registered names, all or those of one task, in the registry's order."""
    return tuple(entry.name for entry in _ENTRIES if task in ("", entry.task))


def entry(name: str, task: str = "") -> Entry:
    """Return the registry's entry of that name.

    Args:
        name: registered name, exactly; or ``hf:`` and a folder or hub name, which needs a task.
        task: when given, the entry must be of this task.

    Raises:
        UsageError: no such model; the message lists the valid names and the nearest one.
    """
    found = REGISTRY.get(name)
    if found is not None and task in ("", found.task):
        return found
    if name.startswith(HUGGING_FACE) and task:
        return Entry(name, task, _HUGGING_FACE[task], shipped=False, about="Hugging Face model")
    valid = names(task)
    near = difflib.get_close_matches(name, valid, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise UsageError(
        f"Unknown {task or 'model'} {name!r}.{guess}",
        hint=f"Valid names: {', '.join(valid)}, hf:FOLDER, hf:OWNER/NAME.",
    )
