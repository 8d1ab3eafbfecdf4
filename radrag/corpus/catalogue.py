"""What an index remembers of its cases besides vectors: enough to filter, exclude, score by findings and explain.

Many reports state the same set of findings, so each distinct set is kept once (a pattern) and scored once.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from radrag.domain import Case, Side, View
from radrag.errors import BadIndex
from radrag.reports.vocabulary import NAMES

if TYPE_CHECKING:
    import numpy as np

TABLE, PATTERNS = "cases.arrow", "patterns.npy"
_VIEWS = {view: 1 << place for place, view in enumerate(View)}
_COLUMNS = (
    "case_id", "patient_key", "corpus", "licence", "sex", "age", "studied_at", "views", "pattern", "twin", "sides",
)  # fmt: skip
_REPEATED = ("corpus", "licence", "sex", "sides")
_SIDES = {"L": Side.LEFT, "R": Side.RIGHT, "B": Side.BILATERAL}
_LETTERS = {side: letter for letter, side in _SIDES.items()}
_WORDS = re.compile(r"[a-z0-9]+")
_STOPS = re.compile(r"[.;:\n]+")


@dataclass(frozen=True, slots=True)
class IndexedCase:
    """What is remembered of one case.

    Attributes:
        labels: label → 1 (stated), 0.5 (possible) or -1 (denied).
        twin: the first case of the index with the same sentences; the case itself where there is none before.
        sides: label → left, right or bilateral, of what is stated with a side.
    """

    patient_key: str
    labels: Mapping[str, float]
    corpus: str = ""
    views: frozenset[View] = frozenset()
    sex: str = ""
    age: float | None = None
    studied_at: str = ""
    licence: str = ""
    twin: str = ""
    sides: Mapping[str, Side] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases may be found; an empty field means any.

    Attributes:
        corpora, licences: names.
        views: the case has an image of one of these.
        since, until: ISO 8601 dates, inclusive; cases without a date are left out when one is given.
    """

    corpora: frozenset[str] = frozenset()
    licences: frozenset[str] = frozenset()
    views: frozenset[View] = frozenset()
    since: str = ""
    until: str = ""


class Catalogue(Mapping[str, IndexedCase]):
    """The cases of an index by id, in the order of their rows.

    Attributes:
        ids: case id of each row.
        patterns: float32 [patterns, labels] over ``NAMES``: 1 stated, 0.5 possible, -1 denied, 0 not mentioned.
        pattern: int32 [rows], the pattern of each row.
        twin: int32 [rows], the first row with the same sentences.
        ages: float32 [rows], years; NaN where unknown.
        views: uint8 [rows], a bit for each projection (:func:`view_bits`).
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]], patterns: np.ndarray) -> None:
        import numpy as np

        self._columns = columns
        self.patterns = patterns
        self.ids: list[str] = list(columns["case_id"])
        self.pattern = np.asarray(columns["pattern"], dtype=np.int32)
        self.twin = np.asarray(columns["twin"], dtype=np.int32)
        self.ages = np.array(columns["age"], dtype=np.float32)
        self.views = np.array(columns["views"], dtype=np.uint8)
        self._row = {name: row for row, name in enumerate(self.ids)}
        self._coded: dict[str, tuple[np.ndarray, dict[str, int]]] = {}

    @cached_property
    def by_id(self) -> np.ndarray:
        """The place of each row's id among all in ascending order, intp [rows]."""
        import numpy as np

        places = np.empty(len(self.ids), dtype=np.intp)
        places[sorted(range(len(self.ids)), key=self.ids.__getitem__)] = np.arange(len(self.ids))
        return places

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __getitem__(self, case_id: str) -> IndexedCase:
        row = self._row[case_id]
        columns = self._columns
        return IndexedCase(
            patient_key=columns["patient_key"][row],
            labels=self.labels(row),
            corpus=columns["corpus"][row],
            views=frozenset(view for view, bit in _VIEWS.items() if columns["views"][row] & bit),
            sex=columns["sex"][row],
            age=columns["age"][row],
            studied_at=columns["studied_at"][row],
            licence=columns["licence"][row],
            twin=self.ids[self.twin[row]],
            sides=self.sides(row),
        )

    def row(self, case_id: str) -> int:
        """Return the row of a case."""
        return self._row[case_id]

    def prevalence(self) -> Mapping[str, float]:
        """Return the share of cases that state each label."""
        import numpy as np

        counts = np.bincount(self.pattern, minlength=len(self.patterns))
        stated = (self.patterns > 0).T @ counts / max(len(self), 1)
        return {name: float(share) for name, share in zip(NAMES, stated, strict=True)}

    def allowed(
        self, filters: Filters, *, exclude_patient: str = "", exclude_cases: Iterable[str] = ()
    ) -> np.ndarray | None:
        """Return bool [rows], False for what must not be found; None where everything may."""
        import numpy as np

        tests: list[np.ndarray] = []
        if exclude_patient:
            tests.append(~self.equal("patient_key", exclude_patient))
        if filters.corpora:
            tests.append(self._among("corpus", filters.corpora))
        if filters.licences:
            tests.append(self._among("licence", filters.licences))
        if filters.views:
            tests.append((self.views & view_bits(filters.views)) > 0)
        if filters.since or filters.until:
            last = filters.until + "\uffff" if filters.until else "\uffff"
            dates = self._codes("studied_at")[1]
            tests.append(self._among("studied_at", [date for date in dates if date and filters.since <= date <= last]))
        left_out = [self._row[name] for name in exclude_cases if name in self._row]
        if left_out:
            others = np.ones(len(self), dtype=bool)
            others[left_out] = False
            tests.append(others)
        return np.logical_and.reduce(tests) if tests else None

    def equal(self, column: str, value: str) -> np.ndarray:
        """Return bool [rows], where a column of text has a value."""
        codes, of = self._codes(column)
        found: np.ndarray = codes == of.get(value, -1)
        return found

    def labels(self, row: int) -> Mapping[str, float]:
        """Return label → 1 (stated), 0.5 (possible) or -1 (denied) of a row's case."""
        values = self.patterns[self.pattern[row]]
        return {NAMES[place]: float(values[place]) for place in values.nonzero()[0]}

    def sides(self, row: int) -> Mapping[str, Side]:
        """Return label → side of what a row's case states with a side; older indexes know none."""
        return _read_sides(self._columns["sides"][row]) if "sides" in self._columns else {}

    def _among(self, column: str, values: Iterable[str]) -> np.ndarray:
        import numpy as np

        codes, of = self._codes(column)
        return np.isin(codes, [of[value] for value in values if value in of])

    def _codes(self, column: str) -> tuple[np.ndarray, Mapping[str, int]]:
        """Return a column of text as numbers int32 [rows], and value → number; made when first asked for."""
        import numpy as np

        if column not in self._coded:
            of: dict[str, int] = {}
            codes = np.array([of.setdefault(value, len(of)) for value in self._columns[column]], dtype=np.int32)
            self._coded[column] = codes, of
        return self._coded[column]

    def without(self, corpus: str) -> Catalogue:
        """Return the catalogue without a corpus's cases."""
        import numpy as np

        kept = [row for row, name in enumerate(self._columns["corpus"]) if name != corpus]
        place = {row: new for new, row in enumerate(kept)}
        first: dict[int, int] = {}
        twins = [first.setdefault(int(self.twin[row]), place[row]) for row in kept]
        used, pattern = np.unique(self.pattern[kept], return_inverse=True)
        columns = {name: [values[row] for row in kept] for name, values in self._columns.items()}
        return Catalogue(columns | {"twin": twins, "pattern": pattern.tolist()}, self.patterns[used])

    def save(self, folder: Path) -> None:
        """Write the table and the patterns to ``folder``, which exists."""
        import numpy as np
        import pyarrow as pa

        types = {"pattern": pa.int32(), "twin": pa.int32(), "views": pa.uint8(), "age": pa.float32()}
        coded = pa.dictionary(pa.int32(), pa.string())
        arrays = {
            name: pa.array(values, types.get(name, coded if name in _REPEATED else pa.string()))
            for name, values in self._columns.items()
        }
        table = pa.table(arrays)
        with pa.OSFile(str(folder / TABLE), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
        np.save(folder / PATTERNS, self.patterns, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            BadIndex: it is missing or damaged.
        """
        import numpy as np
        import pyarrow as pa

        try:
            with pa.memory_map(str(folder / TABLE)) as file:
                table = pa.ipc.open_file(file).read_all()
                columns = {name: table.column(name).to_pylist() for name in table.column_names}
            return cls(columns, np.load(folder / PATTERNS, allow_pickle=False))
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            hint = "Rebuild it with: radrag index build"
            raise BadIndex(f"The index at {folder} has no readable case table.", hint=hint) from error


class CatalogueBuilder:
    """Collects cases for a catalogue."""

    def __init__(self) -> None:
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        self._patterns: dict[tuple[float, ...], int] = {}
        self._twins: dict[bytes, int] = {}

    def add(
        self, case: Case, labels: Mapping[str, float], texts: Sequence[str], sides: Mapping[str, Side] | None = None
    ) -> int:
        """Add a case with its labels (:mod:`radrag.corpus.report_labels`), sentences and sides; return its row."""
        row = len(self._columns["case_id"])
        pattern = tuple(labels.get(name, 0.0) for name in NAMES)
        values = {
            "case_id": case.case_id,
            "patient_key": case.patient_key,
            "corpus": case.corpus,
            "licence": case.licence,
            "sex": case.sex,
            "age": case.age,
            "studied_at": case.studied_at,
            "views": view_bits(image.view for image in case.images),
            "pattern": self._patterns.setdefault(pattern, len(self._patterns)),
            "twin": self._twins.setdefault(same_text_key(texts), row),
            "sides": _write_sides(sides or {}),
        }
        for name, value in values.items():
            self._columns[name].append(value)
        return row

    def __len__(self) -> int:
        return len(self._columns["case_id"])

    def catalogue(self) -> Catalogue:
        """Return what was collected."""
        import numpy as np

        return Catalogue(self._columns, np.array(list(self._patterns), dtype=np.float32).reshape(-1, len(NAMES)))


def view_bits(views: Iterable[View]) -> int:
    """Return the bits of some projections, as in :attr:`Catalogue.views`."""
    return sum({_VIEWS[view] for view in views})


def _write_sides(sides: Mapping[str, Side]) -> str:
    """Return sides as text, such as "9L 12B": the label's place in ``NAMES`` and a letter."""
    return " ".join(f"{NAMES.index(name)}{_LETTERS[sides[name]]}" for name in sorted(sides, key=NAMES.index))


def _read_sides(text: str) -> dict[str, Side]:
    return {NAMES[int(part[:-1])]: _SIDES[part[-1]] for part in text.split()}


def same_text_key(texts: Sequence[str]) -> bytes:
    """Return a hash that reports share whose sentences are the same words, in whatever order and section."""
    parts = {" ".join(_WORDS.findall(part)) for text in texts for part in _STOPS.split(text.lower())}
    return hashlib.blake2b("\n".join(sorted(parts - {""})).encode(), digest_size=16).digest()
