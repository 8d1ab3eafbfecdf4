"""The kinds of collections that can be added, each with how to recognise and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

from radrag.corpus.collection import Collection
from radrag.errors import CorpusError, UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """What a user may say about a collection besides its folder.

    Attributes:
        salt: the workspace's secret for patient keys.
        name: name of the corpus; empty for the kind's own.
        reports: folder of the reports, where they lie apart from the images.
        columns: for ``pairs``: field (image, text, patient, …) → column of the table.
        licence: terms, where the collection does not say; empty when not given.
        restricted: whether the terms forbid passing texts and pixels on, where the kind does not already say so.
    """

    salt: str
    name: str = ""
    reports: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    licence: str = ""
    restricted: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of collection.

    Attributes:
        name: as given to ``radrag corpus add``.
        title: one line for help texts.
        module: module of ``data_prep`` with ``NAME_looks_like`` and ``NAME_open``.
        prefix: NAME in those two.
    """

    name: str
    title: str
    module: str
    prefix: str

    def looks_like(self, path: Path) -> bool:
        """Whether a folder or file is laid out like this kind; looks at names and first lines only."""
        recognise: Callable[[Path], bool] = getattr(
            import_module(f"data_prep.{self.module}"), f"{self.prefix}_looks_like"
        )
        return recognise(path)

    def open(self, path: Path, options: Options) -> Collection:
        """Return the collection at ``path``.

        Raises:
            CorpusError: it is not laid out like this kind; the message says which kind it looks like.
        """
        if not path.exists():
            raise CorpusError(f"There is no file or folder {path}.")
        if not self.looks_like(path):
            raise CorpusError(f"{path} is not laid out like {self.name}.", hint=_advice(path))
        reader: Callable[[Path, Options], Collection] = getattr(
            import_module(f"data_prep.{self.module}"), f"{self.prefix}_open"
        )
        return replace(reader(path, options), root=path if path.is_dir() else path.parent)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("iu-xray", "Indiana University collection: Open-i, Kaggle or R2Gen layout", "iu_xray", "iu_xray"),
        Kind("mimic-cxr", "MIMIC-CXR 2.x: DICOM tree with reports (restricted)", "mimic_cxr", "mimic_cxr"),
        Kind("mimic-cxr-jpg", "MIMIC-CXR-JPG 2.x: JPEG tree, label tables (restricted)", "mimic_cxr", "mimic_cxr_jpg"),
        Kind("chexpert", "CheXpert: images with train.csv and valid.csv labels (restricted)", "chexpert", "chexpert"),
        Kind("chexpert-plus", "CheXpert Plus: reports in CSV, images (restricted)", "chexpert_plus", "chexpert_plus"),
        Kind("mimic-iii", "MIMIC-III NOTEEVENTS: chest film reports without images (restricted)", "notes", "mimic_iii"),
        Kind("dicom+sr", "a hospital's export: DICOM images with SR, text or HL7 ORU reports", "hospital", "dicom_sr"),
        Kind("pairs", "a CSV, JSONL or Parquet table of images and texts", "pairs", "pairs"),
    )
}  # fmt: skip
"""From the most particular layout to the least: the first that recognises a folder is what it looks like."""


def kind_of(path: Path) -> Kind | None:
    """Return the kind that a folder or file looks like, or None."""
    return next((kind for kind in KINDS.values() if kind.looks_like(path)), None)


def find_kind(name: str) -> Kind:
    """Return the kind of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in KINDS:
        raise UsageError(f"There is no corpus kind {name!r}.", hint=f"Kinds: {', '.join(KINDS)}.")
    return KINDS[name]


def _advice(path: Path) -> str:
    kind = kind_of(path)
    if kind is None:
        return "It looks like none of the known kinds; docs/corpora.md shows the tree that each expects."
    return f"It looks like {kind.name}: radrag corpus add {kind.name} {path}"
