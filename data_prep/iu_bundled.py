"""The Indiana University reports that the installed torchxrayvision carries: read where they are, never copied."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from data_prep.files import decode
from data_prep.iu_common import HEADERS, REINSTALL, Terms, bundled_folder, has_text, read_headers
from data_prep.iu_xml import XmlReport, parse_report
from data_prep.kinds import Options
from radrag.corpus.collection import Collection, ItemRejected, Merge
from radrag.domain import Case, StudyImage
from radrag.errors import CorpusError

ARCHIVE = "NLMCXR_reports.tgz"
TOTAL = 3955


def bundled_open(options: Options) -> Collection:
    """Return the bundled reports as a collection; they only fill what stored cases of a user's own copy lack."""
    terms = Terms.of(options)
    return Collection(terms.info("package torchxrayvision"), _cases(terms, bundled_folder()), TOTAL, Merge.FILL)


def bundled_reports(*, salt: str, folder: Path | None = None) -> Iterator[Case]:
    """Yield the collection's reports as cases, in order of their number; the 28 without any text come too.

    Args:
        salt: the workspace's secret for patient keys.
        folder: where the two files lie; default the installed torchxrayvision's data folder.

    Yields:
        Cases ``iu-xray:CXR25`` with sections ``findings``, ``impression``, ``indication``, ``comparison`` (those with
        text, verbatim), the manual MeSH codes as ``labels``, and the images' header data (``path`` empty: the pixels
        are not bundled).

    Raises:
        CorpusError: a file is missing or damaged.
    """
    yield from _cases(Terms(salt), folder or bundled_folder())


def without_text(cases: Iterator[Case]) -> list[str]:
    """Return the ids of the cases that have neither findings nor an impression."""
    return [case.case_id for case in cases if not has_text(case)]


def _cases(terms: Terms, folder: Path) -> Iterator[Case]:
    images: dict[str, list[StudyImage]] = {}
    for name, image in read_headers(folder / HEADERS).items():
        images.setdefault(name.split("_")[0], []).append(image)
    for report in sorted(_read_reports(folder / ARCHIVE), key=lambda report: _number(report.accession)):
        known = images.get(report.accession, ())
        yield terms.case(report.accession, known, report.sections, report.labels)


def _number(accession: str) -> tuple[int, str]:
    """Sort CXR2 before CXR10."""
    digits = accession.removeprefix("CXR")
    return (int(digits), "") if digits.isdigit() else (1 << 31, accession)


def _read_reports(path: Path) -> Iterator[XmlReport]:
    """Yield each report of the archive."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and member.name.endswith(".xml") else None
                if file is not None:
                    yield parse_report(decode(file.read())[0], f"{path.name}: {member.name}")
    except FileNotFoundError:
        raise CorpusError(f"{path} is missing from torchxrayvision's package data.", hint=REINSTALL) from None
    except ItemRejected as error:
        raise CorpusError(str(error), hint=REINSTALL) from error
    except (tarfile.TarError, OSError, EOFError) as error:
        raise CorpusError(f"{path} is damaged ({type(error).__name__}).", hint=REINSTALL) from error
