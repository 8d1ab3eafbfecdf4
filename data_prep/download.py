"""Collections from their publishers to folders that ``radrag corpus add`` reads: Open-i's archives."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from data_prep.sources import Archive
from data_prep.unpack import unpack
from radrag.disk import sha256_of
from radrag.errors import FetchCode, FetchError
from radrag.fetching.download import Expected, download
from radrag.fetching.http import Transport
from radrag.fetching.part import disk_errors

Bar = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""(label, total) → what shows progress."""
SUMS = "SHA256SUMS"


def fetch_openi(
    folder: Path,
    archives: Sequence[Archive],
    *,
    base: str,
    transport: Transport,
    bar: Bar,
    note: Callable[[str], None],
    keep: bool = False,
) -> None:
    """Fetch and unpack archives of the Indiana University collection; what is there already is not fetched again.

    ``SHA256SUMS`` in the folder records what came in the first time; a later fetch of the same archive must match it.

    Args:
        folder: made when missing; ends up with ``ecgen-radiology/`` and ``NLMCXR_png/`` or ``NLMCXR_dcm/``.
        archives: rows of :mod:`data_prep.sources`.
        base: scheme and host.
        transport: how requests are sent.
        bar: shows bytes.
        note: told what the user should know.
        keep: whether to keep the archives once they are unpacked.

    Raises:
        FetchError: see :class:`radrag.errors.FetchCode`.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        missing = [archive for archive in archives if not (folder / archive.folder).is_dir()]
        require_space(folder, sum(_needs(folder, archive) for archive in missing))
        for archive in missing:
            _fetch_one(folder, archive, base=base, transport=transport, bar=bar, note=note)
            if not keep:
                (folder / archive.name).unlink()


def _fetch_one(
    folder: Path, archive: Archive, *, base: str, transport: Transport, bar: Bar, note: Callable[[str], None]
) -> None:
    path = folder / archive.name
    recorded = read_sums(folder / SUMS, {archive.name}).get(archive.name, "")
    url = f"{base}/imgs/collections/{archive.name}"
    with bar(f"Fetching {archive.name}", archive.size) as advance:
        try:
            download(url, path, Expected(sha256=recorded), transport=transport, progress=advance)
        except FetchError as error:
            if recorded and error.code == FetchCode.MISMATCH:
                error.hint = (
                    f"It is not the file that {folder / SUMS} recorded at first. If Open-i has announced a new "
                    f"version, delete that line and run the same command again."
                )
            raise
    if not recorded:
        _record(folder, archive, note)
    staging = folder / f".{archive.folder}.unpacking"
    with bar(f"Unpacking {archive.name}", path.stat().st_size) as advance:
        count = unpack(path, staging, lambda name: name.endswith(archive.suffix), progress=advance)
    if not count or not (staging / archive.inner).is_dir():
        raise FetchError(
            FetchCode.BAD_ARCHIVE,
            f"{archive.name} has no {archive.suffix} files where they should be.",
            hint="The archive is not the one it should be; ask the source.",
        )
    (staging / archive.inner).replace(folder / archive.folder)
    shutil.rmtree(staging, ignore_errors=True)


def _record(folder: Path, archive: Archive, note: Callable[[str], None]) -> None:
    found = sha256_of(folder / archive.name)
    with (folder / SUMS).open("a") as file:
        file.write(f"{found}  {archive.name}\n")
    if archive.sha256 and found != archive.sha256:
        note(
            f"{archive.name} is not byte for byte the copy that others have described. Open-i publishes no checksums, "
            f"so radrag cannot say which is right; {SUMS} records yours."
        )


def read_sums(path: Path, wanted: set[str] | None = None) -> dict[str, str]:
    """Return file name → SHA-256 of a ``sha256sum`` list; only ``wanted`` names when given; {} when there is no list.

    Names lose a leading ``./`` or ``*``, as sha256sum writes them.
    """
    sums: dict[str, str] = {}
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                value, _, name = line.strip().partition(" ")
                name = name.strip().lstrip("*").removeprefix("./")
                if len(value) == 64 and (wanted is None or name in wanted):
                    sums[name] = value.lower()
    return sums


def require_space(folder: Path, needed: int) -> None:
    """Check the free space under a folder before anything is fetched.

    Raises:
        FetchError: ``disk_full``.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise FetchError(
            FetchCode.DISK_FULL,
            f"{folder} has {free / 1e9:,.1f} GB free, about {needed / 1e9:,.1f} GB are needed.",
            hint="Choose another folder with --out.",
        )


def _needs(folder: Path, archive: Archive) -> int:
    there = sum(
        path.stat().st_size for path in (folder / archive.name, folder / f"{archive.name}.part") if path.is_file()
    )
    return max(0, archive.size - there) + archive.unpacked
