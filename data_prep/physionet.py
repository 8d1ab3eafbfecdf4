"""MIMIC-CXR from PhysioNet to the folder that ``radrag corpus add`` reads, with the user's own credentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from data_prep import sources
from data_prep.download import Bar, read_sums, require_space
from data_prep.files import Row, inside, read_table
from data_prep.unpack import unpack
from radrag.errors import FetchCode, FetchError
from radrag.fetching.download import Expected, download
from radrag.fetching.http import Credentials, Dropped, HttpTransport, Transport
from radrag.fetching.part import disk_errors
from radrag.fetching.wget import WgetTransport

WORKERS = 4  # PhysioNet asks for no numbers; wget, which it recommends, uses one
_ONE_FILE = {FetchCode.NOT_FOUND.value, FetchCode.MISMATCH.value}
"""Failures of one file; after any other the rest would fail as well."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch.

    Attributes:
        jpg: JPEG images instead of DICOM.
        images: whether to fetch images at all.
        limit: number of studies, in the order of the record list; 0 for all.
        check: compare images that are there already with their published checksums.
    """

    jpg: bool = False
    images: bool = True
    limit: int = 0
    check: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """Where to fetch from and what to tell: scheme and host, how requests are sent, progress bars, notes."""

    base: str
    transport: Transport
    bytes_bar: Bar
    files_bar: Bar
    note: Callable[[str], None]


def open_physionet(base: str, credentials: Credentials) -> HttpTransport | WgetTransport:
    """Return what sends the requests: radrag's own client, or wget where the server talks to no other program.

    Raises:
        MissingDependency: wget is needed and not installed.
        FetchError: the host is not safe to send a password to.
    """
    own = HttpTransport(base, credentials)
    try:
        with own(f"{base}/{sources.MIMIC}/SHA256SUMS.txt", {}) as reply:
            if reply.status != 403 or reply.challenged:
                return own
    except Dropped:
        return own  # the downloads will try again
    own.close()
    return WgetTransport(credentials)


def fetch_mimic(folder: Path, plan: Plan, site: Site) -> list[str]:
    """Fetch lists, label tables, reports and images; whole files that are there already are not asked for again.

    Args:
        folder: made when missing; gets PhysioNet's own tree (``files/p10/…``), the reports unpacked in it.
        plan: what to fetch.
        site: where from.

    Returns:
        What could not be fetched, one line a file; the rest is there.

    Raises:
        FetchError: see :class:`radrag.errors.FetchCode`; ``refused`` says what access is needed.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _fetch_tables(folder, plan, site)
        studies = set(_first_studies(folder, plan.limit)) if plan.limit else None
        _fetch_reports(folder, studies, site)
        return _fetch_images(folder, plan, studies, site) if plan.images else []


def _fetch_tables(folder: Path, plan: Plan, site: Site) -> None:
    _project_files(folder, sources.MIMIC, sources.MIMIC_LISTS, site)
    try:
        _project_files(folder, sources.MIMIC_JPG, sources.MIMIC_TABLES, site)
    except FetchError as error:
        if plan.jpg or error.code != FetchCode.REFUSED:
            raise
        site.note(f"Splits, views and labels are left out: they are part of MIMIC-CXR-JPG. {error}")


def _fetch_reports(folder: Path, studies: Set[str] | None, site: Site) -> None:
    _project_files(folder, sources.MIMIC, (sources.MIMIC_REPORTS,), site)
    archive = folder / sources.MIMIC_REPORTS

    def wanted(name: str) -> bool:
        return name.endswith(".txt") and (studies is None or name.removesuffix(".txt") in studies)

    with site.bytes_bar("Unpacking the reports", archive.stat().st_size) as advance:
        unpack(archive, folder, wanted, progress=advance)


def _project_files(folder: Path, project: str, names: Iterable[str], site: Site) -> None:
    sums = _sums(folder, project, site, set(names))
    for name in names:
        with site.bytes_bar(f"Fetching {name}", None) as advance:
            _get(folder / name, f"{project}/{name}", Expected(sha256=sums.get(name, "")), site, advance)


def _sums(folder: Path, project: str, site: Site, wanted: set[str] | None) -> dict[str, str]:
    """Return the published checksums; the list is kept in the folder for ``sha256sum --check``."""
    path = folder / f"SHA256SUMS.{project.split('/')[1]}.txt"
    _get(path, f"{project}/SHA256SUMS.txt", Expected(), site, lambda _: None)
    return read_sums(path, wanted)


def _get(target: Path, address: str, expected: Expected, site: Site, advance: Callable[[int], None]) -> None:
    try:
        download(f"{site.base}/{address}", target, expected, transport=site.transport, progress=advance)
    except FetchError as error:
        if error.code in {FetchCode.REFUSED, FetchCode.FORBIDDEN}:
            project = "/".join(address.split("/")[1:3])
            raise FetchError(
                FetchCode.REFUSED,
                f"PhysioNet refused {target.name}.",
                hint=f"Check user name and password. The account must be credentialed and have signed the data use "
                f"agreement of this project: https://physionet.org/content/{project}/",
            ) from None
        raise


def _records(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (study path, image path) of the record list, both relative, e.g. ``files/p10/p10000032/s50414267``."""
    for row in read_table(folder / sources.MIMIC_RECORDS, ("study_id", "path")):
        if isinstance(row, Row):
            path = row.get("path")
            inside(folder, path, row.item)
            yield path.rpartition("/")[0], path
        elif not row.kept:
            raise FetchError(FetchCode.MISMATCH, f"{row.item}: {row.message}", hint="Delete the file and start again.")


def _first_studies(folder: Path, limit: int) -> Iterator[str]:
    last, count = "", 0
    for study, _ in _records(folder):
        if study != last:
            last, count = study, count + 1
            if count > limit:
                return
            yield study


def _fetch_images(folder: Path, plan: Plan, studies: Set[str] | None, site: Site) -> list[str]:
    suffix, project = (".jpg", sources.MIMIC_JPG) if plan.jpg else (".dcm", sources.MIMIC)

    def names() -> Iterator[str]:
        for study, path in _records(folder):
            if studies is None or study in studies:
                yield path.rpartition(".")[0] + suffix

    total = missing = 0
    for name in names():
        total += 1
        missing += not (folder / name).is_file()
    require_space(folder, missing * (sources.JPEG_BYTES if plan.jpg else sources.DICOM_BYTES))
    sums = _sums(folder, project, site, set(names()))
    stop = Event()

    def unless_stopped(_: int) -> None:
        if stop.is_set():
            raise FetchError(FetchCode.UNREACHABLE, "Stopped.")

    def fetch(name: str) -> str:
        target = folder / name
        if target.is_file() and target.stat().st_size and not plan.check:
            return ""  # only whole files have this name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _get(target, f"{project}/{name}", Expected(sha256=sums.get(name, "")), site, unless_stopped)
        except FetchError as error:
            if error.code not in _ONE_FILE:
                raise
            return f"{name}: {error}"
        return ""

    failed: list[str] = []
    with site.files_bar("Fetching images", total) as advance, ThreadPoolExecutor(WORKERS) as pool:
        try:
            for message in _bounded(pool, fetch, names()):
                advance(1)
                if message:
                    failed.append(message)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    return failed


def _bounded(pool: ThreadPoolExecutor, work: Callable[[str], str], names: Iterable[str]) -> Iterator[str]:
    """Yield results as they come, with only a few names waiting at any time."""
    pending: set[Future[str]] = set()
    for name in names:
        if len(pending) >= 4 * WORKERS:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
        pending.add(pool.submit(work, name))
    yield from (future.result() for future in pending)
