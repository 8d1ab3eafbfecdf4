"""Open-i's own layout of the Indiana University collection: XML reports, and a tree of PNG or DICOM images."""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from data_prep.files import MAX_REPORT_BYTES, decode, inside, read_report, report_text
from data_prep.iu_bundled import ARCHIVE
from data_prep.iu_common import (
    HEADERS,
    Terms,
    bundled_folder,
    has_text,
    held_image,
    image_name,
    no_images_note,
    read_headers,
    unnamed_note,
    without_text_note,
)
from data_prep.iu_xml import XmlReport, parse_report
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, Item, ItemRejected, Merge, Rejection, RejectionCode
from radrag.domain import StudyImage
from radrag.errors import CorpusError

_FOLDERS = ("ecgen-radiology", "NLMCXR_reports/ecgen-radiology", "NLMCXR_reports", "")
_BEST = (".dcm", ".png", ".jpg", ".jpeg")
"""Of one image in several forms the film itself is taken: Open-i's PNG are reduced to 512 columns and 8 bits."""


def openi_looks_like(path: Path) -> bool:
    """Whether a folder has the XML reports, packed or not."""
    return path.is_dir() and reports_of(path) is not None


def images_look_like(path: Path) -> bool:
    """Whether a folder has Open-i's images, whatever of reports."""
    return any(_holds_images(folder) for folder in (path, path / "NLMCXR_png", path / "NLMCXR_dcm"))


def openi_open(path: Path, options: Options) -> Collection:
    """Return the collection; a folder of images alone takes the reports that torchxrayvision carries.

    Raises:
        CorpusError: ``options.reports`` holds no report.
    """
    found = reports_of(options.reports or path)
    if options.reports and not found:
        raise CorpusError(f"{options.reports} holds no XML reports of Open-i.", hint=f"It should have {ARCHIVE}.")
    source = found or bundled_folder() / ARCHIVE
    terms = Terms.of(options)
    total = sum(1 for _ in _xml_names(source)) if source.is_dir() else None
    return Collection(terms.info(str(path)), _items(path, source, terms, whole=bool(found)), total, Merge.UPDATE)


def reports_of(root: Path) -> Path | None:
    """Return the folder of XML reports, else the packed archive, or None."""
    if root.is_file():
        return root if root.name.endswith((".tgz", ".tar.gz")) else None
    for name in _FOLDERS:
        if _holds_reports(root / name):
            return root / name
    return root / ARCHIVE if (root / ARCHIVE).is_file() else None


def image_index(root: Path) -> dict[str, str]:
    """Return image name → file name relative to ``root``, of all images of this collection below it.

    Folders that are links are followed at the top only, so that no ring of links is walked.
    """
    found: dict[str, str] = {}
    tops = [root, *sorted(entry for entry in root.iterdir() if entry.is_dir())] if root.is_dir() else []
    for top in tops:
        for folder, names, files in os.walk(top):
            if top == root:
                names.clear()
            names.sort()
            for file in sorted(files):
                name = image_name(file) if file.lower().endswith(_BEST) else ""
                if name and (name not in found or _rank(file) < _rank(found[name])):
                    found[name] = Path(folder, file).relative_to(root).as_posix()
    return found


def _items(root: Path, source: Path, terms: Terms, *, whole: bool) -> Iterator[Item]:
    """Yield the cases; ``whole`` is False where only reports with images are wanted."""
    headers = read_headers(bundled_folder() / HEADERS)
    index = image_index(root)
    if not index:
        yield no_images_note(".", "NLMCXR_png/*.png or NLMCXR_dcm/<number>/*.dcm (unpack their .tgz)")
    seen: set[str] = set()
    named: set[str] = set()
    for item, found in _reports(root, source):
        if isinstance(found, Rejection):
            yield found
            continue
        named.update(found.images)
        if found.accession in seen:
            yield Rejection(RejectionCode.DUPLICATE_ID, item, "another file has the same report id; the first holds.")
            continue
        seen.add(found.accession)
        if not whole and not index.keys() & set(found.images):
            continue
        images: list[StudyImage] = []
        for image in _images(root, found.images if index else (), index, headers, item):
            if isinstance(image, Rejection):
                yield image
            else:
                images.append(image)
        case = terms.case(found.accession, images, found.sections, found.labels)
        if not has_text(case):
            yield without_text_note(item)
        yield case
    left = len(index.keys() - named)
    if left:
        yield unnamed_note(".", left)


def _images(
    root: Path, names: tuple[str, ...], index: Mapping[str, str], headers: Mapping[str, StudyImage], item: str
) -> Iterator[StudyImage | Rejection]:
    for name in names:
        if name not in index:
            message = f"its image {name} is not in the folder; the report was taken without it."
            yield Rejection(RejectionCode.MISSING_IMAGE, item, message)
            continue
        try:
            yield held_image(name, inside(root, index[name], index[name]), headers)
        except ItemRejected as refusal:
            yield refusal.rejection


def _reports(root: Path, source: Path) -> Iterator[tuple[str, XmlReport | Rejection]]:
    """Yield (item, report or what is wrong with it); a note on a mended report comes before it."""
    for item, text, note in _texts(root, source):
        if note:
            yield item, note
        if text:
            try:
                yield item, parse_report(text, item)
            except ItemRejected as refusal:
                yield item, refusal.rejection


def _texts(root: Path, source: Path) -> Iterator[tuple[str, str, Rejection | None]]:
    """Yield (item, text, note); the text is empty where the file was refused."""
    if source.is_dir():
        for name in sorted(_xml_names(source), key=_by_number):
            path = source / name
            item = path.relative_to(root).as_posix() if path.is_relative_to(root) else name
            try:
                yield item, *read_report(inside(source, name, item), item)
            except ItemRejected as refusal:
                yield item, "", refusal.rejection
        return
    try:
        with tarfile.open(source, "r:gz") as archive:
            for member in archive:
                if not member.isfile() or not member.name.endswith(".xml"):
                    continue
                item = f"{source.name}/{member.name}"
                try:
                    yield item, *_member(archive, member, item)
                except ItemRejected as refusal:
                    yield item, "", refusal.rejection
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        message = "the archive is cut off or damaged; reports up to that place were read. Copy it again."
        yield source.name, "", Rejection(RejectionCode.TRUNCATED_FILE, source.name, message)


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, item: str) -> tuple[str, Rejection | None]:
    file = archive.extractfile(member)
    if file is None or member.size > MAX_REPORT_BYTES:
        raise ItemRejected(RejectionCode.UNREADABLE_REPORT, item, "the file is too large to be a report.")
    return report_text(file.read(), item)


def _xml_names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.lower().endswith(".xml"):
                yield entry.name


def _holds_reports(folder: Path) -> bool:
    """Whether a folder has XML files, of which one of the first few is a report or the folder is named so."""
    if not folder.is_dir():
        return False
    for _, name in zip(range(20), _xml_names(folder), strict=False):
        if folder.name == "ecgen-radiology":
            return True
        with suppress(OSError), (folder / name).open("rb") as file:  # a folder may be named so, too
            if "<eCitation" in decode(file.read(4096))[0]:
                return True
    return False


def _holds_images(folder: Path) -> bool:
    """Whether one of the first entries of a folder is an image, or a folder of images, of this collection."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        first = [entry for _, entry in zip(range(50), entries, strict=False)]
    numbered = [entry.path for entry in first if entry.name.isdigit() and entry.is_dir()]
    names = [entry.name for entry in first] + [name for path in numbered[:5] for name in os.listdir(path)]
    return any(name.lower().endswith(_BEST) and image_name(name) for name in names)


def _rank(name: str) -> int:
    return _BEST.index(Path(name).suffix.lower())


def _by_number(name: str) -> tuple[int, str]:
    digits = re.match(r"(?:CXR)?(\d{1,9})\.xml", name, re.I)
    return (int(digits[1]), name) if digits else (1 << 31, name)
