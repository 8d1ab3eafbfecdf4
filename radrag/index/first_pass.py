"""Approximate search in FAISS that proposes candidates, which are then scored exactly from the originals.

The graph and the inverted lists see shortened vectors: the projection on the directions that hold most of the data's
squared length, scaled to unit length. Image and text embeddings keep nearly all of it in a third of their dimensions,
so that a comparison reads a fifteenth of the bytes, and the exact scores afterwards put right what was lost
(docs/indexes.md has the measurements).

Rows with the same shortened bytes are one vertex of the graph. Reports repeat each other, and a graph with many copies
of one vector is cut into islands: with 30 % of 20,000 rows copies of 50 vectors, recall@10 fell to 0.88.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radrag.errors import BadIndex
from radrag.index.base import SPARE, TIE
from radrag.index.files import REBUILD, Saved, check_sha256
from radrag.index.kinds import FP16, HNSW, IVFPQ, LINKS, SQ8, check_kind
from radrag.index.rows import Rows

FEWEST = 2_000
"""Below this many vectors all are scanned: that is as fast, and there is too little to learn from."""

KEPT = 0.85
"""Share of the squared length that the shortened vectors keep."""

BUILD_EFFORT = 200
"""Candidates looked at for each vertex's links while the graph is built (efConstruction)."""

EFFORTS: Mapping[str, tuple[int, ...]] = {
    FP16: (0,),
    SQ8: (0,),
    HNSW: (64, 96, 128, 192, 256, 384, 512, 1024),  # efSearch
    IVFPQ: (4, 8, 16, 32, 64, 128, 256, 512, 1024),  # nprobe
}
WIDER = {IVFPQ: 8}
"""Candidates that are scored for one that is wanted, where the first pass is coarse."""

TARGET = 0.995
"""Recall@10 that the effort is set for. A stored vector is found a little more easily than a new one: 0.99 is meant."""

FLOOR = 0.985
"""A graph with less recall than this at its best is compared with inverted lists."""

WORTH = 0.001
"""A further step of effort that gains less recall than this is not taken."""

PROBES, SAMPLE, CHUNK, SEED = 200, 65_536, 32_768, 0


class FirstPass:
    """A trained FAISS index over the first ``covered`` rows.

    Attributes:
        effort: how far a search looks: efSearch of the graph, lists visited of the inverted lists.
        recall: recall@10 that was measured at that effort when it was set.
        trained: rows there were when it was trained.
    """

    def __init__(
        self, kind: str, index: Any, vertices: np.ndarray | None = None, *, effort: int, recall: float, trained: int
    ) -> None:
        self.kind = kind
        self.effort = effort
        self.recall = recall
        self.trained = trained
        self._index = index
        self._parameters: dict[int, Any] = {}
        self._set_vertices(np.arange(index.ntotal, dtype=np.int32) if vertices is None else vertices)

    def _set_vertices(self, vertices: np.ndarray) -> None:
        """Keep which vertex each row is, and the rows by vertex."""
        self._vertices = vertices
        self._by_vertex = np.argsort(vertices, kind="stable")
        self._starts = np.searchsorted(vertices[self._by_vertex], np.arange(self._index.ntotal + 1))

    @property
    def covered(self) -> int:
        """How many rows it knows."""
        return len(self._vertices)

    def candidates(self, queries: np.ndarray, count: int, effort: int = 0) -> list[np.ndarray]:
        """Return row numbers int64 [m] of candidates for each query float32 [q, d].

        Args:
            count: how many different vectors at least, where there are so many; rows that are alike come together.
            effort: in place of the one that was set.
        """
        count = min(count * WIDER.get(self.kind, 1), int(self._index.ntotal))
        found = self._index.search(queries, count, params=self._search_parameters(effort or self.effort, count))[1]
        return [self._rows_of(near[near >= 0]) for near in found]

    def _rows_of(self, vertices: np.ndarray) -> np.ndarray:
        if self._index.ntotal == self.covered:
            return vertices
        ends = self._starts[vertices + 1]
        parts = [self._by_vertex[start:end] for start, end in zip(self._starts[vertices], ends, strict=True)]
        return np.concatenate([*parts, np.empty(0, dtype=np.int64)])

    def _search_parameters(self, effort: int, count: int) -> Any:
        # The effort was set for ten neighbours; to find more as surely, the graph must be searched as much deeper.
        key = max(effort, count, effort * count // (10 + SPARE)) if self.kind == HNSW else effort
        if self.kind not in (HNSW, IVFPQ):
            return None
        if key not in self._parameters:
            faiss = _faiss()
            inner = (
                faiss.SearchParametersHNSW(efSearch=key) if self.kind == HNSW else faiss.SearchParametersIVF(nprobe=key)
            )
            self._parameters[key] = faiss.SearchParametersPreTransform(index_params=inner)
        return self._parameters[key]

    @classmethod
    def best(cls, kind: str, rows: Rows) -> FirstPass:
        """Build ``kind``; where a graph misses too much, as between far-apart clusters, the better of it and lists."""
        made = cls.build(kind, rows)
        if kind == HNSW and made.recall < FLOOR:
            made = max(made, cls.build(IVFPQ, rows), key=lambda one: one.recall)
        return made

    @classmethod
    def build(cls, kind: str, rows: Rows) -> FirstPass:
        """Train on a sample of the rows, take in all of them, and set the effort."""
        random = np.random.default_rng(SEED)
        chosen = np.sort(random.choice(rows.total, size=min(rows.total, SAMPLE), replace=False))
        sample = rows.take(chosen)
        index = _untrained(kind, sample, rows.total)
        index.train(sample)
        made = cls(kind, index, effort=EFFORTS[kind][0], recall=0.0, trained=rows.total)
        made.extend(rows)
        made._set_effort(rows, random)
        return made

    def extend(self, rows: Rows) -> None:
        """Take in the rows that were added since."""
        faiss = _faiss()
        if self.covered < rows.total:
            # What is mapped from a file cannot grow: FAISS ends the process when it is asked to.
            self._index = faiss.deserialize_index(faiss.serialize_index(self._index))
        known = {code.tobytes(): at for at, code in enumerate(self._codes())}
        vertices = [self._vertices]
        for _, part in rows.parts(self.covered):
            for start in range(0, len(part), CHUNK):
                vertices.append(self._take_in(part[start : start + CHUNK], known))
        self._set_vertices(np.concatenate(vertices))

    def _codes(self) -> np.ndarray:
        """Return the graph's vectors as they are stored, uint8 [vertices, h]; nothing for other kinds."""
        if self.kind != HNSW:
            return np.empty((0, 0), dtype=np.uint8)
        faiss = _faiss()
        storage = faiss.downcast_index(faiss.downcast_index(self._index.index).storage)
        return np.asarray(faiss.vector_to_array(storage.codes).reshape(-1, storage.code_size))

    def _take_in(self, vectors: np.ndarray, known: dict[bytes, int]) -> np.ndarray:
        """Add vectors float32 [n, d], new codes only for the graph; return the vertex of each, int32 [n]."""
        before = int(self._index.ntotal)
        if self.kind != HNSW:
            self._index.add(vectors)
            return np.arange(before, before + len(vectors), dtype=np.int32)
        faiss = _faiss()
        short = vectors
        for at in range(self._index.chain.size()):
            short = faiss.downcast_VectorTransform(self._index.chain.at(at)).apply(short)
        codes = faiss.downcast_index(faiss.downcast_index(self._index.index).storage).sa_encode(short)
        vertices = np.array([known.setdefault(code.tobytes(), len(known)) for code in codes], dtype=np.int32)
        first = np.unique(vertices, return_index=True)
        self._index.add(vectors[first[1][first[0] >= before]])
        return vertices

    def _set_effort(self, rows: Rows, random: np.random.Generator) -> None:
        """Take the least effort that finds the neighbours of sampled rows, the row itself not counted."""
        probes = random.choice(rows.total, size=min(PROBES, rows.total), replace=False)
        queries = rows.take(probes)
        scores, found = rows.scan(queries, 11)
        scores = np.where(found == probes[:, None], -np.inf, scores)
        tenth = np.sort(scores, axis=1)[:, -10] - TIE  # whatever scores as much counts: reports repeat each other
        for effort in EFFORTS[self.kind]:
            given = self.candidates(queries, 10 + SPARE, effort)
            shares = [
                np.count_nonzero(rows.take(near[near != probe]) @ query >= least)
                for query, near, probe, least in zip(queries, given, probes, tenth, strict=True)
            ]
            recall = float(np.minimum(shares, 10).mean() / 10)
            if recall < self.recall + WORTH:
                break
            self.effort, self.recall = effort, recall
            if recall >= TARGET:
                break

    def writers(self) -> dict[str, Callable[[Path], None]]:
        """Return what :func:`radrag.index.files.replace_files` needs to write it."""

        def write_vertices(path: Path) -> None:
            with path.open("wb") as file:
                np.save(file, self._vertices)

        return {
            "first.faiss": lambda path: _faiss().write_index(self._index, str(path)),
            "vertices.npy": write_vertices,
        }

    def header(self) -> dict[str, str | float]:
        """Return what :meth:`read` needs beside the files."""
        return {"method": self.kind, "effort": self.effort, "recall": self.recall, "trained": self.trained}

    @classmethod
    def read(cls, saved: Saved, rows: Rows) -> FirstPass:
        """Map what :meth:`writers` wrote. The checksums come first: FAISS ends the process on damaged links.

        Raises:
            BadIndex: it is damaged or belongs to other rows.
        """
        check_sha256(saved, "first", "vertices")
        path = saved.files["first"]
        try:
            faiss = _faiss()
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
            values = saved.values
            made = cls(
                check_kind(values["method"]),
                index,
                np.load(saved.files["vertices"], allow_pickle=False),
                effort=int(values["effort"]),
                recall=float(values["recall"]),
                trained=int(values["trained"]),
            )
        except (RuntimeError, OSError, KeyError, TypeError, ValueError) as error:
            if not path.exists() or not saved.files["vertices"].exists():
                raise FileNotFoundError(path) from error  # a writer replaced the files: open_files tries again
            raise BadIndex(f"{saved.folder} is damaged.", hint=REBUILD) from error
        if made.covered > rows.total or index.d != rows.dimension:
            raise BadIndex(f"{saved.folder} has files of different indexes.", hint=REBUILD)
        return made


def _untrained(kind: str, sample: np.ndarray, total: int) -> Any:
    faiss = _faiss()
    dimension = sample.shape[1]
    if kind in (FP16, SQ8):
        codec = faiss.ScalarQuantizer.QT_fp16 if kind == FP16 else faiss.ScalarQuantizer.QT_8bit
        return faiss.IndexScalarQuantizer(dimension, codec, faiss.METRIC_INNER_PRODUCT)
    directions = _directions(sample)
    short = directions.shape[1]
    if kind == HNSW:
        inner = faiss.IndexHNSWSQ(short, faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_INNER_PRODUCT)
        inner.hnsw.efConstruction = BUILD_EFFORT
    else:
        lists = 2 ** round(np.log2(2 * np.sqrt(total)))
        inner = faiss.index_factory(short, f"IVF{lists},PQ{short // 2}x4fs", faiss.METRIC_L2)
    project = faiss.LinearTransform(dimension, short, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(directions.T).ravel(), project.A)
    project.is_trained = True
    index = faiss.IndexPreTransform(inner)
    index.prepend_transform(faiss.NormalizationTransform(short, 2.0))
    index.prepend_transform(project)
    return index


def _directions(sample: np.ndarray) -> np.ndarray:
    """Return float32 [d, h]: turned axes of the h directions, a multiple of 32, that keep :data:`KEPT` of the length.

    The mean is not taken off: inner products would change by another amount for every vector.
    """
    strength, axes = np.linalg.eigh(sample.T @ sample)
    kept = np.cumsum(strength[::-1]) / strength.sum()
    enough = int(np.searchsorted(kept, KEPT)) + 1
    short = min(-(-enough // 32) * 32, sample.shape[1])
    random = np.random.default_rng(SEED)
    turn = np.linalg.qr(random.standard_normal((short, short)))[0]  # spreads the strength evenly over the codes
    return np.asarray(axes[:, ::-1][:, :short] @ turn, dtype=np.float32)


def _faiss() -> Any:
    import faiss

    return faiss  # its type stubs lack much of what is used here
