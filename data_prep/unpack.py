"""Archives from the network to plain files: no way out of the folder, no links, and no half file under its name."""

from __future__ import annotations

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from data_prep.files import inside
from radrag.corpus.collection import ItemRejected
from radrag.errors import FetchCode, FetchError

Member = tuple[str, int, Callable[[], IO[bytes]]]
_DAMAGED = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError)


def unpack(
    archive: Path,
    folder: Path,
    wanted: Callable[[str], bool],
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the wanted members of a ``.tgz`` or ``.zip`` below ``folder``; return how many there are.

    A file of the right size that is there already is left, so that a killed run goes on where it stopped. The
    archive's own checksums (CRC-32) are checked over every byte read.

    Args:
        archive: the file.
        folder: made when missing.
        wanted: told a member's name, with slashes; whether to unpack it.
        progress: called with the bytes of the archive that were read since the last call.

    Raises:
        FetchError: ``bad_archive`` for a damaged archive, or one with a member that leads out of the folder or is
            neither file nor folder (a link, a device), wanted or not; members before it may have been written.
        OSError: the disk is full or not writable; see :func:`radrag.fetching.part.disk_errors`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    members = _zip_members if archive.suffix == ".zip" else _tar_members
    count = 0
    try:
        for name, size, opened in members(archive, progress):
            path = inside(folder, name, name)
            if wanted(name):
                count += 1
                if not (path.is_file() and path.stat().st_size == size):
                    _write(path, opened)
    except ItemRejected as error:
        raise _refused(archive, error.rejection.message) from None
    except _DAMAGED as error:
        raise FetchError(
            FetchCode.BAD_ARCHIVE,
            f"{archive.name} is damaged ({type(error).__name__}).",
            hint=f"Delete {archive} and run the same command again.",
        ) from None
    return count


def _write(path: Path, opened: Callable[[], IO[bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with opened() as source, part.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 18)
    part.replace(path)


def _tar_members(archive: Path, progress: Callable[[int], None]) -> Iterator[Member]:
    with archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            at = 0
            for member in tar:
                if not member.isdir():
                    if not member.isreg():
                        raise _refused(archive, "it is neither a file nor a folder.")
                    yield member.name, member.size, lambda member=member: _content(tar, member)  # type: ignore[misc]
                progress(raw.tell() - at)
                at = raw.tell()
        while stream.read(1 << 20):  # to the end, where the checksum stands
            pass


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.ReadError
    return content


def _zip_members(archive: Path, progress: Callable[[int], None]) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
                raise _refused(archive, "it is neither a file nor a folder.")
            if not member.is_dir():
                yield member.filename, member.file_size, lambda member=member: opened.open(member)  # type: ignore[misc]
            progress(member.compress_size)


def _refused(archive: Path, why: str) -> FetchError:
    return FetchError(
        FetchCode.BAD_ARCHIVE,
        f"{archive.name} has a member that is not unpacked: {why}",
        hint="This is not the archive it should be. Delete it, and ask the source.",
    )
