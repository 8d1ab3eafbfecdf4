"""Reading what a command was pointed at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radrag.errors import UsageError

if TYPE_CHECKING:
    from radrag.dicom.read import LoadedStudy


def read_one_study(path: Path, *, salt: str, indication: str = "") -> LoadedStudy:
    """Read the one study in a file or folder.

    Raises:
        StudyRefused: nothing in it can be drafted.
        UsageError: there are several studies.
    """
    from radrag.dicom.read import find_studies, load_study

    studies, refusals = find_studies([path], salt=salt, indication=indication)
    if not studies:
        raise refusals[0]
    if len(studies) > 1:
        raise UsageError(f"{path} holds {len(studies)} studies.", hint="Name the files of one of them.")
    study = load_study(studies[0])
    if not study.images:
        raise study.refusals[0]
    return study
