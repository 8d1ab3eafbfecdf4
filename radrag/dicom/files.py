"""Which files of the paths a caller names are to be read: folders are walked, non-images in them passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from radrag.dicom.header import looks_like_dicom
from radrag.errors import RefusalCode, StudyRefused

_IMAGES = {
    *("", ".dcm", ".dicom", ".dic", ".ima", ".img", ".png", ".jpg", ".jpeg", ".jpe"),
    *(".tif", ".tiff", ".bmp", ".gif", ".webp", ".jp2", ".j2k", ".jls"),  # not read, so refused rather than missed
}
_BYSTANDERS = {"dicomdir", "readme", "license", "licence", "copying", "authors", "changelog", "makefile", "version"}


def expand(paths: Sequence[Path]) -> tuple[list[Path], list[StudyRefused]]:
    """Return the files to read, each once, in the order named and sorted within a folder.

    A file named by the caller is always returned. In a folder, hidden files, DICOMDIR and files whose suffix says
    that they are something else (.txt, .csv, .json, .xml, .pdf, .zip …) are passed over, unless they start as
    DICOM does. Links to folders are not followed.

    Returns:
        Files, and refusals of paths that do not exist and of folders without any image.
    """
    files: dict[Path, None] = {}
    refused: list[StudyRefused] = []
    for one in listed(paths):
        if isinstance(one, StudyRefused):
            refused.append(one)
        else:
            files[one] = None
    return list({path.resolve(): path for path in reversed(files)}.values())[::-1], refused


def listed(paths: Iterable[Path]) -> Iterator[Path | StudyRefused]:
    """Yield what :func:`expand` returns as it is found; a file that is named twice, or linked to, comes twice."""
    for path in paths:
        if path.is_dir():
            empty = True
            for found in _walk(path):
                empty = False
                yield found
            if empty:
                message = "the folder holds no DICOM, PNG or JPEG file."
                yield StudyRefused(RefusalCode.EMPTY_FOLDER, str(path), message)
        elif path.is_file():
            yield path
        else:
            yield StudyRefused(RefusalCode.NOT_FOUND, str(path), "there is no such file or folder.")


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here, name)
            if not name.startswith(".") and path.is_file() and _may_be_image(path):
                yield path


def _may_be_image(path: Path) -> bool:
    if path.name.lower() in _BYSTANDERS:
        return False
    suffix = path.suffix.lower()
    if suffix in _IMAGES or re.fullmatch(r"\.\d+", suffix):  # archives name files by UID: 1.2.840.….7
        return True
    try:
        return looks_like_dicom(path)
    except OSError:
        return False
