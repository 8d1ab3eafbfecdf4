"""How long one search takes, the encoders aside: over a workspace's index, and over one of generated cases.

Generated cases take their findings and words from those of the workspace, drawn anew: each case has the statements of
two reports, so that there are far more different patterns than in the workspace; the vectors are random unit vectors.
Queries are the findings of real or drawn images, with words. Encoded words are kept, so that only the search counts.
Beside the time on the clock stands that of the processor, which other work on the machine hardly changes, and how much
memory the process held at most.
"""

import argparse
import cProfile
import pstats
import resource
import sys
import time
from pathlib import Path

import numpy as np

from radrag.corpus.catalogue import Catalogue
from radrag.corpus.lexical import LexicalIndex
from radrag.corpus.report_labels import searchable_text
from radrag.corpus.snapshot import TEXT, Snapshot, current_index, load_snapshot
from radrag.domain import ImageFinding
from radrag.encoders.base import TextEncoder
from radrag.index.faiss_index import FaissIndex
from radrag.index.kinds import choose_kind
from radrag.reports.normalise import search_terms
from radrag.reports.vocabulary import NAMES, NIH, NO_FINDING
from radrag.retrieval.engine import Retriever
from radrag.retrieval.query import Query, query_from_image, query_from_text
from radrag.settings import load_settings
from radrag.workspace import Workspace

HITS = 10
REPORTS = 1000
"""Reports of the workspace whose words generated cases have."""


class Remembering:
    """A text encoder that encodes each text once."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.card = encoder.card
        self._encoder = encoder
        self._known: dict[str, np.ndarray] = {}

    def encode(self, texts: list[str]) -> np.ndarray:
        """Return the texts' vectors, float32 [n, d]."""
        for text in texts:
            if text not in self._known:
                self._known[text] = self._encoder.encode([text])[0]
        return np.stack([self._known[text] for text in texts])


def image_queries(count: int, seed: int) -> list[Query]:
    """Return queries of images that show two findings clearly and the others hardly."""
    random = np.random.default_rng(seed)
    queries = []
    for _ in range(count):
        chance = random.beta(0.5, 4, size=len(NIH))
        chance[random.choice(len(NIH), size=2, replace=False)] = random.uniform(0.4, 0.9, size=2)
        findings = [ImageFinding(name, float(p), 0.5, True) for name, p in zip(NIH, chance, strict=True)]
        queries.append(query_from_image([*findings, ImageFinding(NO_FINDING, 0.1, 0.5, True)]))
    return queries


def word_queries(workspace: Workspace, ids: list[str]) -> list[Query]:
    """Return queries of the words of stored reports."""
    texts = [" ".join(case.sections.values())[:200] for case in workspace.store.cases(ids).values()]
    return [query_from_text(text, workspace.labeler.label_text(text)) for text in texts]


def generated(small: Snapshot, terms: list[list[str]], rows: int, vectors: int, seed: int) -> Snapshot:
    """Return an index of ``rows`` generated cases; each has the words of one of the reports in ``terms``.

    Only the first ``vectors`` have a vector of the text channel.
    """
    random = np.random.default_rng(seed)
    cases = small.cases
    pairs = random.choice(cases.pattern, size=(rows, 2))
    stated = np.maximum(cases.patterns[pairs[:, 0]], cases.patterns[pairs[:, 1]])
    mixed = np.where(stated > 0, stated, np.minimum(cases.patterns[pairs[:, 0]], cases.patterns[pairs[:, 1]]))
    mixed[:, NAMES.index(NO_FINDING)] = (mixed > 0).sum(axis=1) == 0
    keys = [row.tobytes() for row in mixed]
    numbers: dict[bytes, int] = {}
    place = [numbers.setdefault(key, len(numbers)) for key in keys]
    patterns = np.array([np.frombuffer(key, dtype=np.float32) for key in numbers])
    ids = [f"generated:{row:06d}" for row in range(rows)]
    blank: dict[str, list[object]] = {name: [""] * rows for name in ("licence", "sex", "studied_at", "sides")}
    columns = blank | {"case_id": ids, "patient_key": ids, "corpus": ["generated"] * rows, "age": [None] * rows}
    columns |= {"views": [0] * rows, "pattern": place, "twin": list(range(rows))}
    dimension = small.vectors[TEXT].dimension
    index = FaissIndex(dimension, choose_kind(vectors, dimension, 4 << 30))
    for start in range(0, vectors, 16_384):
        part = random.standard_normal((min(16_384, vectors - start), dimension), dtype=np.float32)
        index.add(ids[start : start + len(part)], part / np.linalg.norm(part, axis=1, keepdims=True))
    lexical = LexicalIndex.build([terms[place] for place in random.integers(len(terms), size=rows)])
    return Snapshot(small.manifest, Catalogue(columns, patterns), {TEXT: index}, lexical)


def measure(name: str, retriever: Retriever, queries: list[Query]) -> None:
    """Print percentiles of the time of one search in ms, each query searched once before."""
    for query in queries:
        retriever.search(query, HITS)
    times = []
    for query in queries:
        start = time.perf_counter(), time.process_time()
        retriever.search(query, HITS)
        times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
    clock, processor = 1000 * np.percentile(times, [50, 99], axis=0).T
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name:44s} n={len(times):3d}  p50 {clock[0]:6.1f} ms  p99 {clock[1]:6.1f} ms  "
        f"processor p50 {processor[0]:6.1f}  p99 {processor[1]:6.1f}  at most {held:,.0f} MiB",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workspace", type=Path, required=True, help="one with an index")
    parser.add_argument("--cases", type=int, default=377_110, help="generated cases (default: MIMIC-CXR's images)")
    parser.add_argument("--vectors", type=int, help="how many of them have a vector (default: all; a graph takes long)")
    parser.add_argument("--queries", type=int, default=50)
    parser.add_argument("--profile", action="store_true", help="print where the time of image queries goes")
    given = parser.parse_args()
    workspace = Workspace(load_settings(workspace=given.workspace))
    encoder = Remembering(workspace.text_encoder)
    small = load_snapshot(current_index(workspace.settings.indexes))
    images = image_queries(given.queries, seed=0)
    words = word_queries(workspace, small.cases.ids[:: max(len(small.cases) // given.queries, 1)][: given.queries])
    snapshots = [small]
    if given.cases:
        reports = workspace.store.cases(small.cases.ids[:REPORTS]).values()
        terms = [search_terms(searchable_text(case.sections)) for case in reports]
        snapshots.append(generated(small, terms, given.cases, given.vectors or given.cases, seed=0))
    for snapshot in snapshots:
        retriever = Retriever(snapshot, encoder)
        size = f"{len(snapshot.cases):,} cases, {len(snapshot.cases.patterns):,} patterns"
        measure(f"{size}, images", retriever, images)
        measure(f"{size}, words", retriever, words)
        if given.profile:
            profile = cProfile.Profile()
            profile.runcall(measure, f"{size}, images, profiled", retriever, images)
            pstats.Stats(profile).sort_stats("tottime").print_stats(15)
    return 0


if __name__ == "__main__":
    sys.exit(main())
