"""Files to studies to display images; whatever cannot be one is a coded refusal, never an exception or a crash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from pydicom.dataset import Dataset

from radrag.dicom import people
from radrag.dicom.boundary import refusing
from radrag.dicom.decode import read_stored
from radrag.dicom.deidentify import patient_key
from radrag.dicom.files import expand
from radrag.dicom.geometry import Geometry, Pixels
from radrag.dicom.greys import Greys
from radrag.dicom.header import Header, looks_like_dicom, number, read_header, text
from radrag.dicom.likeness import perceptual_hash
from radrag.dicom.pixels import display, upright
from radrag.dicom.quality import check_header, image_warnings
from radrag.dicom.raster import content_uids, looks_like_raster, raster_shape, read_raster
from radrag.dicom.views import view_in_name, view_of
from radrag.disk import sha256_of
from radrag.domain import DraftWarning, Study, StudyImage, View
from radrag.errors import RefusalCode, StudyRefused

_VIEW_ORDER = (View.PA, View.AP, View.UNKNOWN, View.LATERAL)  # a study's first image is its best frontal
_UNREADABLE = "the header cannot be read"
_PICTURES = {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".gif", ".webp"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file that passed the header's gates."""

    path: Path
    study: Study
    image: StudyImage
    warnings: tuple[DraftWarning, ...] = ()
    order: tuple[float, float] = field(default=(0.0, 0.0))
    header: Header | None = None


@dataclass(frozen=True, slots=True)
class StudyFiles:
    """The files of one study, known from their headers alone.

    Attributes:
        study: the study without images.
        paths: its files, in the order found; copies of one image are all listed.
        entries: what was read of each file, where it was kept for :func:`load_study`.
    """

    study: Study
    paths: tuple[Path, ...]
    entries: tuple[_Entry, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """One display image.

    Attributes:
        image: what the study says of it; ``pixel_sha256`` is of ``pixels``. Hashes are empty where ``side`` was given.
        greys: the same as ``pixels``, not computed yet.
        pixels: float32 [display rows, display columns] in [0, 1], 1 = white = dense bone; head up, a frontal with
            the patient's right at image left, square pixels.
        geometry: the way back to original pixels.
        warnings: what the reader should know.
    """

    image: StudyImage
    greys: Greys
    geometry: Geometry
    warnings: tuple[DraftWarning, ...] = ()

    @cached_property
    def pixels(self) -> Pixels:  # noqa: D102 - described with the other attributes
        return self.greys.pixels()


@dataclass(frozen=True, slots=True, eq=False)
class LoadedStudy:
    """A study with its display images: PA, AP, unknown, lateral, and each in the device's order.

    Attributes:
        study: with the images that could be read.
        images: the same images with pixels; empty when all were refused.
        refusals: one for each file that could not be read.
    """

    study: Study
    images: tuple[LoadedImage, ...]
    refusals: tuple[StudyRefused, ...] = ()

    @property
    def warnings(self) -> tuple[DraftWarning, ...]:
        """Warnings of all images, each once."""
        return tuple(dict.fromkeys(warning for image in self.images for warning in image.warnings))


def find_studies(
    paths: Sequence[Path],
    *,
    salt: str,
    indication: str = "",
    progress: Callable[[Path], None] | None = None,
    keep_headers: bool = False,
) -> tuple[list[StudyFiles], list[StudyRefused]]:
    """Group files into studies by their headers; no pixels are decoded, so memory does not grow with the files.

    Args:
        paths: DICOM, PNG or JPEG files, and folders of them. See :func:`radrag.dicom.files.expand`.
        salt: secret for patient keys (``Settings.salt()``).
        indication: the requester's free text, given to every study.
        progress: called with each file before it is looked at.
        keep_headers: whether :func:`load_study` is to take the headers as they were read now; for few files.

    Returns:
        Studies in the order in which their first file was found, and refusals. Each file named, and each image
        file of a folder, is in one of them. Files of one study UID but of different patients stay apart.
    """
    files, refused = expand(paths)
    found: dict[tuple[str, str], StudyFiles] = {}
    for path in files:
        if progress is not None:
            progress(path)
        try:
            entry = _enter(path, salt)
        except StudyRefused as refusal:
            refused.append(refusal)
            continue
        study, kept = entry.study, (entry,) if keep_headers else ()
        key = (study.study_instance_uid, study.patient_key)
        if key in found:
            one = found[key]
            found[key] = StudyFiles(_merge(one.study, study), (*one.paths, path), (*one.entries, *kept))
        else:
            found[key] = StudyFiles(replace(study, indication=indication), (path,), kept)
    return list(found.values()), refused


def study_of(path: Path, *, salt: str) -> Study:
    """Return what a file's header says of its study, without images.

    Raises:
        StudyRefused: it is not a chest radiograph that can be read.
    """
    return _enter(path, salt).study


def load_study(files: StudyFiles, *, side: int | None = None) -> LoadedStudy:
    """Decode a study's files to display images. One file that cannot be read does not lose the others.

    A file whose SOP Instance UID was already read is left out with the warning ``duplicate_instance`` on the image
    that was kept; it takes over when the first copy is refused.

    Args:
        files: from :func:`find_studies`.
        side: as for :func:`load_image`.

    Returns:
        The study; without images, and with all refusals, when no file could be read.
    """
    entries, refusals = list(files.entries), []
    for path in () if entries else files.paths:
        try:
            entries.append(_enter(path, ""))
        except StudyRefused as refusal:
            refusals.append(refusal)
    entries.sort(key=lambda one: (_VIEW_ORDER.index(one.image.view), one.order))
    loaded: dict[str, LoadedImage] = {}
    for entry in entries:
        uid = entry.image.sop_instance_uid
        if uid in loaded:
            message = "Several files carry this image's UID; the first readable one was used."
            kept, warning = loaded[uid], DraftWarning("duplicate_instance", message)
            if warning not in kept.warnings:
                loaded[uid] = replace(kept, warnings=(*kept.warnings, warning))
            continue
        try:
            loaded[uid] = _load(entry, side)
        except StudyRefused as refusal:
            refusals.append(refusal)
    images = tuple(loaded.values())
    return LoadedStudy(replace(files.study, images=tuple(one.image for one in images)), images, tuple(refusals))


def load_image(path: Path, *, side: int | None = None) -> LoadedImage:
    """Read one DICOM, PNG or JPEG file as a display image.

    Args:
        path: the file.
        side: for bulk work, how many pixels of the shorter side are enough. No hashes are then computed, which take
            the display image in full and most of the time, and JPEG 2000 is decoded without the levels that only a
            larger image needs; take ``greys``. Refusals and warnings are the same.

    Raises:
        StudyRefused: it is not a chest radiograph that can be read; ``code`` says why.
    """
    if not path.is_file():
        raise StudyRefused(RefusalCode.NOT_FOUND, str(path), "there is no such file.")
    return _load(_enter(path, ""), side)


def _enter(path: Path, salt: str) -> _Entry:
    """Read a file's header and let it through the gates, or refuse it."""
    with refusing(path, RefusalCode.NOT_FOUND, "the file cannot be opened"):
        if not path.stat().st_size:
            raise StudyRefused(RefusalCode.NOT_DICOM, str(path), "the file is empty.")
        raster = looks_like_raster(path)
        picture = path.suffix.lower() in _PICTURES and not looks_like_dicom(path)
    if raster:
        with refusing(path, RefusalCode.NOT_AN_IMAGE, "the image's header cannot be read"):
            return _enter_raster(path)
    if picture:
        hint = "Convert it to DICOM, PNG or JPEG."
        raise StudyRefused(RefusalCode.NOT_AN_IMAGE, str(path), "this is not a PNG or JPEG file.", hint=hint)
    with refusing(path, RefusalCode.BAD_HEADER, _UNREADABLE):
        return _enter_dicom(path, salt)


def _enter_dicom(path: Path, salt: str) -> _Entry:
    header = read_header(path)
    warnings = check_header(header, str(path))
    dataset = header.dataset
    content = content_uids(path) if not all(_uids(dataset)) else ("", "")
    study_uid, image_uid = (known or made for known, made in zip(_uids(dataset), content, strict=True))
    image = StudyImage(
        sop_instance_uid=image_uid,
        view=view_of(dataset, path),
        rows=int(number(dataset, "Rows") or 0),
        columns=int(number(dataset, "Columns") or 0),
        path=str(path),
        acquired_at=people.acquired_at(dataset),
    )
    study = Study(
        study_instance_uid=study_uid,
        images=(),
        accession=text(dataset, "AccessionNumber"),
        patient_key=patient_key(salt, text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID")),
        sex=people.sex_of(dataset),
        age=people.age_of(dataset),
        studied_at=people.studied_at(dataset),
    )
    order = (number(dataset, "SeriesNumber") or 0.0, number(dataset, "InstanceNumber") or 0.0)
    return _Entry(path, study, image, warnings, order, header)


def _enter_raster(path: Path) -> _Entry:
    rows, columns = raster_shape(path)
    study_uid, image_uid = content_uids(path)
    image = StudyImage(image_uid, view_in_name(path), rows, columns, path=str(path))
    return _Entry(path, Study(study_uid, images=()), image)


def _load(entry: _Entry, side: int | None) -> LoadedImage:
    """Decode a file that passed the gates."""
    path = entry.path
    with refusing(path, RefusalCode.UNDECODABLE, "the pixel data cannot be decoded"):
        if looks_like_raster(path):
            greys, geometry, warnings = read_raster(path)
        else:
            header, stored = read_stored(path, entry.header, side=side)
            shown, scaling = display(stored, header.dataset, str(path))
            greys, geometry, turning = upright(shown, header.dataset, (entry.image.rows, entry.image.columns))
            warnings = (*stored.warnings, *scaling, *turning)
        warnings += image_warnings(greys, entry.image.view, geometry.rows, geometry.columns)
    image = replace(entry.image, rows=geometry.rows, columns=geometry.columns)
    loaded = LoadedImage(image, greys, geometry, tuple(dict.fromkeys(entry.warnings + warnings)))
    return _hashed(loaded) if side is None else loaded


def _hashed(loaded: LoadedImage) -> LoadedImage:
    image = replace(
        loaded.image,
        pixel_sha256=_sha256(loaded.pixels),
        file_sha256=sha256_of(Path(loaded.image.path)),
        perceptual_hash=perceptual_hash(loaded.pixels),
    )
    return replace(loaded, image=image, greys=Greys(loaded.pixels))


def _uids(dataset: Dataset) -> tuple[str, str]:
    """Return (study, SOP instance) UID, empty where missing or not a UID."""
    found = (text(dataset, "StudyInstanceUID"), text(dataset, "SOPInstanceUID"))
    return tuple(uid if uid and set(uid) <= set("0123456789.") and len(uid) <= 64 else "" for uid in found)  # type: ignore[return-value]


def _merge(first: Study, second: Study) -> Study:
    """Return the first study with gaps filled from another file of the same study."""
    return replace(
        first,
        accession=first.accession or second.accession,
        sex=first.sex or second.sex,
        age=second.age if first.age is None else first.age,
        studied_at=first.studied_at or second.studied_at,
    )


def _sha256(pixels: Pixels) -> str:
    digest = hashlib.sha256(f"float32 {pixels.shape[0]} {pixels.shape[1]}\n".encode())
    digest.update(pixels.data)
    return digest.hexdigest()
