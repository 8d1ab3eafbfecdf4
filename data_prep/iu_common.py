"""What all layouts of the Indiana University collection share: names, ids, terms, and the header table.

Demner-Fushman et al. 2016: 3,955 reports with manual MeSH codes, 7,470 images, CC BY-NC-ND 4.0. Every report is its own
patient: the header table's Patient ID is the report's number in all of its rows, so that number keys the patient.
"""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_prep.kinds import Options
from radrag.corpus.collection import Rejection, RejectionCode
from radrag.dicom.deidentify import patient_key
from radrag.domain import Case, StudyImage, View
from radrag.errors import CorpusError
from radrag.store.values import CorpusInfo

CORPUS = "iu-xray"
LICENCE = "CC BY-NC-ND 4.0"
TITLE = "Indiana University chest X-ray collection (Open-i)"
REINSTALL = "Reinstall it: pip install --force-reinstall --no-deps torchxrayvision."
HEADERS = "nlmcxr_dicom_metadata.csv.gz"

# CXR1000_IM-0003-1001.png, 1000_IM-0003-1001.dcm and 1000_IM-0003-1001.dcm.png are one image; the XML of report 1
# writes its number twice (CXR1_1_IM-0001-3001), the header table does not.
_NAME = re.compile(r"(?:CXR)?(\d+)(?:_\1)?_(IM-\d+(?:-\d+)*)(?:\.dcm)?(?:\.(?:png|dcm|jpe?g))?", re.I)
_COLUMNS = ("SOP Instance UID", "View Position", "Rows", "Columns")
# View Position as written in this collection's headers; LL and RL are left and right lateral.
_VIEWS = {
    "PA": View.PA,
    "AP": View.AP,
    "LL": View.LATERAL,
    "RL": View.LATERAL,
    "LATERAL": View.LATERAL,
    "LARGE LATERAL": View.LATERAL,
}


def bundled_folder() -> Path:
    """Return torchxrayvision's data folder, without importing the package (it would load torch).

    Raises:
        CorpusError: the package is not installed.
    """
    spec = importlib.util.find_spec("torchxrayvision")
    if spec is None or spec.origin is None:
        raise CorpusError(
            "The Indiana University reports come with torchxrayvision, which is not installed.",
            hint="Install it: pip install torchxrayvision.",
        )
    return Path(spec.origin).parent / "data"


def image_name(name: str) -> str:
    """Return the header table's name of an image (``CXR1000_IM-0003-1001``) from any layout's id or file name.

    Empty for names that are not this collection's.
    """
    found = _NAME.fullmatch(name)
    return f"CXR{found[1]}_{found[2].upper()}" if found else ""


def read_headers(path: Path) -> dict[str, StudyImage]:
    """Return the header table as image name → image whose pixels are not held, in the table's order.

    Raises:
        CorpusError: the table is missing or damaged.
    """
    images: dict[str, StudyImage] = {}
    try:
        with gzip.open(path, "rb") as raw, io.TextIOWrapper(raw, "utf-8", newline="") as file:
            reader = csv.reader(file)
            places = {name: place for place, name in enumerate(next(reader, []))}  # 170 columns, of which five count
            if "imageid" not in places:
                raise CorpusError(f"{path} has no column 'imageid'.", hint=REINSTALL)
            for row in reader:
                uid, view, rows, columns = (row[places[name]] if name in places else "" for name in _COLUMNS)
                images[row[places["imageid"]]] = StudyImage(
                    sop_instance_uid=uid,
                    view=_VIEWS.get(view.strip().upper(), View.UNKNOWN),
                    rows=_count(rows),
                    columns=_count(columns),
                )
    except FileNotFoundError:
        raise CorpusError(f"{path} is missing from torchxrayvision's package data.", hint=REINSTALL) from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error, IndexError) as error:
        raise CorpusError(f"{path} is damaged ({type(error).__name__}).", hint=REINSTALL) from error
    return images


def held_image(name: str, path: Path, headers: Mapping[str, StudyImage]) -> StudyImage:
    """Return an image whose file lies at ``path``, with the header table's UID and view where it has the name.

    Its size is left open, since the PNG of the layouts are smaller than the film. Without a UID (the table lacks
    CXR1000_IM-0003-1001 alone), ingest derives one from the pixels.
    """
    known = headers.get(name)
    return StudyImage(
        sop_instance_uid=known.sop_instance_uid if known else "",
        view=known.view if known else View.UNKNOWN,
        rows=0,
        columns=0,
        path=str(path),
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """What is the same for all cases of one addition; see :class:`data_prep.kinds.Options`."""

    salt: str
    corpus: str = CORPUS
    licence: str = LICENCE
    restricted: bool = False

    @classmethod
    def of(cls, options: Options) -> Terms:
        """Return the collection's terms, but for what the user says."""
        return cls(options.salt, options.name or CORPUS, options.licence or LICENCE, options.restricted)

    def info(self, source: str) -> CorpusInfo:
        """Return what is said of the corpus as a whole."""
        return CorpusInfo(self.corpus, TITLE, self.licence, self.restricted, source)

    def case(
        self,
        accession: str,
        images: Iterable[StudyImage],
        sections: Mapping[str, str],
        labels: tuple[str, ...] = (),
        split: str = "",
    ) -> Case:
        """Return the case of report ``CXR25``."""
        return Case(
            case_id=f"{self.corpus}:{accession}",
            corpus=self.corpus,
            # The prefix keeps this collection's short numbers apart from a hospital's patient ids.
            patient_key=patient_key(self.salt, f"{CORPUS}:{accession.removeprefix('CXR')}"),
            images=tuple(images),
            sections=sections,
            labels=labels,
            licence=self.licence,
            restricted=self.restricted,
            split=split,
        )


def has_text(case: Case) -> bool:
    """Whether the case has findings or an impression, so that it can be evidence."""
    return bool(case.sections.get("findings") or case.sections.get("impression"))


def without_text_note(item: str) -> Rejection:
    """Return the note on a report that says nothing; its case is kept, since its images count for leaks."""
    message = "the report has neither findings nor an impression; the case is stored, but cannot be evidence."
    return Rejection(RejectionCode.MISSING_REPORT, item, message, kept=True)


def no_images_note(item: str, expected: str) -> Rejection:
    """Return the one note on a folder without image files."""
    message = f"no image files were found, so the cases are text only. Expected {expected}."
    return Rejection(RejectionCode.MISSING_IMAGE, item, message, kept=True)


def unnamed_note(item: str, count: int) -> Rejection:
    """Return the one note on image files that no report names."""
    message = f"{count:,} image file(s) are named by no report and were left out."
    return Rejection(RejectionCode.NO_MATCH, item, message, kept=True)


def _count(text: str) -> int:
    """A pixel count, 0 when the table has none."""
    return int(text) if text.isdigit() else 0
