"""The Indiana University chest X-ray collection in whichever of its three layouts a user has it."""

from __future__ import annotations

from pathlib import Path

from data_prep.iu_bundled import bundled_open, bundled_reports, without_text
from data_prep.iu_common import CORPUS, bundled_folder, has_text
from data_prep.iu_kaggle import kaggle_looks_like, kaggle_open
from data_prep.iu_openi import images_look_like, openi_looks_like, openi_open
from data_prep.iu_r2gen import r2gen_looks_like, r2gen_open
from data_prep.kinds import Options
from radrag.corpus.collection import Collection
from radrag.errors import CorpusError

__all__ = [
    "bundled_folder",
    "bundled_open",
    "bundled_reports",
    "has_text",
    "iu_xray_looks_like",
    "iu_xray_open",
    "without_text",
]

# From the layout that says most of a case to the least; Open-i's images alone come last, since R2Gen's annotation
# file may lie beside them.
_LAYOUTS = (
    (openi_looks_like, openi_open),
    (kaggle_looks_like, kaggle_open),
    (r2gen_looks_like, r2gen_open),
    (images_look_like, openi_open),
)


def iu_xray_looks_like(path: Path) -> bool:
    """Whether a folder is laid out as Open-i, Kaggle or R2Gen hand the collection out."""
    return any(looks_like(path) for looks_like, _ in _LAYOUTS)


def iu_xray_open(path: Path, options: Options) -> Collection:
    """Return the collection; one report is one case ``iu-xray:CXR25`` in every layout.

    Raises:
        CorpusError: the folder is laid out like none of them.
    """
    for looks_like, reader in _LAYOUTS:
        if looks_like(path):
            return reader(path, options)
    raise CorpusError(f"{path} is not laid out like {CORPUS}.", hint="docs/corpora/iu_xray.md shows its layouts.")
