"""The Indiana University reports that may be trained on: those of R2Gen's training split, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from data_prep.iu_bundled import bundled_open
from data_prep.iu_common import CORPUS
from data_prep.kinds import Options
from radrag.corpus.collection import Collection
from radrag.domain import Case
from radrag.errors import CorpusError

SPLITS = "annotation_r2gen.json"


def training_reports(folder: Path, *, salt: str) -> Collection:
    """Return the bundled reports whose ids R2Gen's annotation file lists under ``train``.

    Args:
        folder: with ``annotation_r2gen.json``.
        salt: the workspace's secret for patient keys.

    Raises:
        CorpusError: the file is missing, or lists none.
    """
    path = folder / SPLITS
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))["train"]
        ids = {f"{CORPUS}:{entry['id'].partition('_')[0]}" for entry in listed}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(
            f"{path} with R2Gen's training ids is missing or of another form.",
            hint="Give --data the folder with nih/ and iu_xray/ (docs/training.md).",
        ) from error
    whole = bundled_open(Options(salt=salt))
    items = (item for item in whole.items if isinstance(item, Case) and item.case_id in ids)
    return replace(whole, items=items, total=len(ids))
