"""Images of a manifest to vectors and findings, kept in the workspace's cache: an ablation encodes nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import radrag
from radrag.dicom.read import find_studies, load_image
from radrag.disk import replacing, sha256_of
from radrag.domain import ImageFinding, View
from radrag.errors import RefusalCode, StudyRefused
from radrag.evaluation.manifest import ManifestRow

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from radrag.encoders.base import ImageEncoder
    from radrag.models.card import ModelCard

BATCH = 16


@dataclass(frozen=True, slots=True, eq=False)
class EncodedImage:
    """What an encoder says of one file.

    Attributes:
        vector: float32 [d], of unit length.
        findings: without regions, which retrieval does not use.
        view: the projection that the encoder was told.
        file_sha256: of the file's bytes, hex.
        patient_key: from a DICOM header; empty for others.
    """

    vector: npt.NDArray[np.float32]
    findings: tuple[ImageFinding, ...]
    view: View
    file_sha256: str
    patient_key: str


@dataclass(frozen=True, slots=True)
class _Waiting:
    line: int
    path: Path
    view: View
    sha256: str
    patient_key: str


def encode_images(
    rows: Iterable[ManifestRow],
    encoder: ImageEncoder,
    cache: Path,
    *,
    salt: str,
    progress: Callable[[int], object],
) -> tuple[dict[int, EncodedImage], dict[int, StudyRefused]]:
    """Encode the images of rows, reading from the cache what it holds.

    Args:
        cache: the workspace's cache folder; one file an image, named by the SHA-256 of its bytes, in a folder named by
            the encoder's card (which carries the SHA-256 of its weights) and radrag's version.
        salt: secret for patient keys of DICOM headers.
        progress: called with the number of rows dealt with since the last call.

    Returns:
        Line → encoded image, and line → refusal. A row's stated view counts where the file does not tell.
    """
    folder = cache / "queries" / f"{radrag.__version__}-{encoder.card.card_hash[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    encoded: dict[int, EncodedImage] = {}
    refused: dict[int, StudyRefused] = {}
    waiting: list[_Waiting] = []

    def flush() -> None:
        for one in _encode(waiting, encoder, folder, refused):
            encoded[one[0]] = one[1]
        progress(len(waiting))
        waiting.clear()

    for row in rows:
        if row.image is None:
            continue
        try:
            item = _look(row.line, row.image, row.view, salt)
        except StudyRefused as refusal:
            refused[row.line] = refusal
            progress(1)
            continue
        kept = _read(folder, item, encoder.card)
        if kept is not None:
            encoded[row.line] = kept
            progress(1)
            continue
        waiting.append(item)
        if len(waiting) == BATCH:
            flush()
    flush()
    return encoded, refused


def _look(line: int, path: Path, stated: View, salt: str) -> _Waiting:
    """Read a file's header: may it be read at all, whose is it, which projection."""
    if not path.is_file():
        raise StudyRefused(RefusalCode.NOT_FOUND, str(path), "there is no such file.")
    studies, refusals = find_studies([path], salt=salt)
    if not studies:
        raise refusals[0]
    return _Waiting(line, path, stated, sha256_of(path), studies[0].study.patient_key)


def _encode(
    waiting: Sequence[_Waiting], encoder: ImageEncoder, folder: Path, refused: dict[int, StudyRefused]
) -> Iterator[tuple[int, EncodedImage]]:
    """Decode and encode a batch; what cannot be decoded joins ``refused``."""
    read = []
    for item in waiting:
        try:
            loaded = load_image(item.path)
        except StudyRefused as refusal:
            refused[item.line] = refusal
            continue
        known = loaded.image.view
        read.append((item, loaded.pixels, item.view if known is View.UNKNOWN else known))
    if not read:
        return
    encoding = encoder.encode([pixels for _, pixels, _ in read], [view for _, _, view in read])
    for place, (item, _, view) in enumerate(read):
        found = EncodedImage(encoding.vectors[place], encoding.findings[place], view, item.sha256, item.patient_key)
        _write(folder, item, found)
        yield item.line, found


def _file(folder: Path, item: _Waiting) -> Path:
    """The view that the manifest states is part of the name: an encoder says nothing of a lateral image."""
    return folder / f"{item.sha256}-{item.view.value.lower()}.npz"


def _write(folder: Path, item: _Waiting, image: EncodedImage) -> None:
    import numpy as np

    numbers = [(one.probability, one.threshold, one.trained) for one in image.findings]
    with replacing(_file(folder, item)) as part, part.open("wb") as file:
        np.savez(
            file,
            vector=image.vector,
            findings=np.array(numbers, dtype=np.float64).reshape(-1, 3),
            labels=np.array([one.label for one in image.findings], dtype=str),
            view=np.array(image.view.value),
        )


def _read(folder: Path, item: _Waiting, card: ModelCard) -> EncodedImage | None:
    """Return what the cache holds of a file; None when it holds nothing that can be read."""
    import zipfile

    import numpy as np

    try:
        with np.load(_file(folder, item), allow_pickle=False) as kept:
            vector, numbers = kept["vector"], kept["findings"]
            labels, view = [str(label) for label in kept["labels"]], View(str(kept["view"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if vector.shape != (card.dimension,) or len(labels) != len(numbers):
        return None
    findings = tuple(
        ImageFinding(label, float(probability), float(threshold), bool(trained))
        for label, (probability, threshold, trained) in zip(labels, numbers, strict=True)
    )
    return EncodedImage(vector, findings, view, item.sha256, item.patient_key)
