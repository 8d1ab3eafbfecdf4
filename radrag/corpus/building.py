"""Building an index folder from the store, and taking a corpus out of those that are there."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import radrag
from radrag.corpus.catalogue import Catalogue, CatalogueBuilder
from radrag.corpus.image_vectors import image_vectors
from radrag.corpus.lexical import LexicalIndex
from radrag.corpus.report_labels import finding_sides, report_labels, searchable_text
from radrag.corpus.snapshot import (
    ALIGNMENT,
    IMAGE,
    LABELS,
    LEXICAL,
    SHARED,
    SHARED_IMAGES,
    TEXT,
    encoder_identity,
    index_folders,
    load_snapshot,
    make_current,
)
from radrag.domain import Case, Sentence
from radrag.encoders.alignment import Alignment
from radrag.encoders.base import ImageEncoder, TextEncoder
from radrag.errors import BadIndex, CorpusError, UsageError
from radrag.index.base import VectorIndex
from radrag.index.cases import case_of
from radrag.index.faiss_index import FaissIndex
from radrag.index.kinds import choose_kind
from radrag.index.manifest import Manifest, content_sha256, read_manifest, write_manifest
from radrag.reports.normalise import search_terms
from radrag.reports.vocabulary import NAMES
from radrag.store.repository import Store

BATCH = 256
MEMORY = 4 << 30


def build_snapshot(
    store: Store,
    encoder: TextEncoder,
    folder: Path,
    *,
    image_encoder: ImageEncoder | None = None,
    alignment: Alignment | None = None,
    kind: str | None = None,
    memory: int = MEMORY,
    left_out: Collection[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Manifest:
    """Index every stored case; write ``folder/<index id>`` and make it the current index.

    The same cases and encoders give the same index id, so that building twice changes nothing.

    Args:
        folder: the workspace's index folder; made when absent.
        image_encoder: encodes the images that are held; without it, images are not indexed.
        alignment: of both encoders; with it, reports and images are indexed in its space too. Needs ``image_encoder``.
        kind: one of :data:`radrag.index.kinds.KINDS` for the vectors; default what suits their number and ``memory``.
        memory: bytes that each channel's vectors may take when they are searched.
        left_out: ids of stored cases that are not indexed; the manifest names them.
        progress: called with the number of cases that were indexed since the last call.

    Raises:
        CorpusError: the store has no cases.
        UsageError: an alignment without an image encoder.
        WeightsError: the alignment is of other encoders.
    """
    if alignment:
        if image_encoder is None:
            raise UsageError("An alignment needs its image encoder: only an image can ask in its space.")
        alignment.require(image_encoder.card, encoder.card)
    with _new_index(folder) as part:
        building = _Build(store, (encoder, image_encoder, alignment), kind, memory)
        return building.run(part, frozenset(left_out), progress)


class _Build:
    """One index in the making."""

    def __init__(
        self,
        store: Store,
        encoders: tuple[TextEncoder, ImageEncoder | None, Alignment | None],
        kind: str | None,
        memory: int,
    ) -> None:
        def index(rows: int, dimension: int) -> FaissIndex:
            return FaissIndex(dimension, kind or choose_kind(max(rows, 1), dimension, memory))

        held = sum(corpus.images for corpus in store.corpora())  # those only known of too: an upper bound
        self._store = store
        self._encoder, self._image_encoder, self._alignment = encoder, image_encoder, alignment = encoders
        self._cases = CatalogueBuilder()
        self._text = index(store.count_cases(), encoder.card.dimension)
        self._image = index(held, image_encoder.card.dimension) if image_encoder else None
        shared = alignment.card.dimension if alignment else 0
        self._shared = index(store.count_cases(), shared) if shared else None
        self._shared_images = index(held, shared) if shared else None
        self._terms: list[list[str]] = []

    def run(self, folder: Path, left_out: Set[str], progress: Callable[[int], object] | None) -> Manifest:
        """Read, embed and save all cases but those left out."""
        store = self._store
        corpora: Counter[str] = Counter()
        batch: list[Case] = []
        for case in store.iter_cases():
            if case.case_id in left_out:
                continue
            corpora[case.corpus] += 1
            batch.append(case)
            if len(batch) == BATCH:
                self._add(batch, progress)
                batch = []
        self._add(batch, progress)
        if not len(self._cases):
            raise CorpusError(
                "The workspace has no cases to index.", hint="Add some with: radrag corpus add iu-reports"
            )
        vectors: dict[str, VectorIndex] = {TEXT: self._text}
        further = {IMAGE: self._image, SHARED: self._shared, SHARED_IMAGES: self._shared_images}
        vectors |= {name: one for name, one in further.items() if one is not None and len(one)}
        looks = self._image_encoder if IMAGE in vectors or self._alignment else None
        return _save(
            folder,
            self._cases.catalogue(),
            vectors,
            LexicalIndex.build(self._terms),
            corpora=corpora,
            corpus_sha256=store.corpus_fingerprint(),
            text_encoder=encoder_identity(self._encoder),
            image_encoder=encoder_identity(looks) if looks else {},
            left_out=left_out,
            alignment=self._alignment,
        )

    def _add(self, batch: Sequence[Case], progress: Callable[[int], object] | None) -> None:
        """Add one batch of cases to every channel; a case without evidence is findable by nothing and left out."""
        sentences = self._store.sentences([case.case_id for case in batch])
        held = [case for case in batch if sentences.get(case.case_id)]
        if held:
            texts = [searchable_text(case.sections) for case in held]
            names, encoded = [case.case_id for case in held], self._encoder.encode(texts)
            self._text.add(names, encoded)
            if self._alignment and self._shared is not None:
                self._shared.add(names, self._alignment.text_vectors(encoded))
            self._terms += [search_terms(text) for text in texts]
            for case in held:
                self._add_case(case, sentences[case.case_id])
        if held and self._image is not None and self._image_encoder is not None:
            ids, vectors, findings = image_vectors(held, self._image_encoder)
            if ids:
                self._image.add(ids, vectors)
            if ids and self._alignment and self._shared_images is not None:
                self._shared_images.add(ids, self._alignment.image_vectors(vectors, findings))
        if progress and batch:
            progress(len(batch))

    def _add_case(self, case: Case, sentences: Sequence[Sentence]) -> None:
        sides = finding_sides(finding for sentence in sentences for finding in sentence.findings)
        self._cases.add(case, report_labels(sentences), [sentence.text for sentence in sentences], sides)


def drop_corpus(store: Store, folder: Path, corpus: str) -> int:
    """Take a corpus out of every index, before it is removed from the store; return how many indexes changed.

    An index of nothing else is deleted, and one that cannot be read too, since nobody can tell what it holds. Called
    again after a failure, it goes on where it stopped.
    """
    before, after = store.corpus_fingerprint(), store.corpus_fingerprint(without=corpus)
    pointer = folder / "current"
    current = pointer.read_text().strip() if pointer.exists() else ""
    changed = 0
    for old in index_folders(folder):
        try:
            manifest = read_manifest(old)
        except BadIndex:
            manifest = None
        if manifest is not None and corpus not in manifest.corpora:
            continue
        if manifest is not None and len(manifest.corpora) > 1:
            known = after if manifest.corpus_sha256 == before else manifest.corpus_sha256
            with _new_index(folder, current=old.name == current) as part:
                _write_without(store, old, corpus, known, part)
        elif old.name == current:
            pointer.unlink()
        shutil.rmtree(old)
        old.with_name(f"{old.name}.weights.json").unlink(missing_ok=True)  # what was fitted to it
        changed += 1
    return changed


def _write_without(store: Store, old: Path, corpus: str, corpus_sha256: str, folder: Path) -> None:
    snapshot = load_snapshot(old)
    cases = snapshot.cases.without(corpus)
    for index in snapshot.vectors.values():
        index.remove([name for name in index.ids() if case_of(name) not in cases])
        index.compact()  # what was removed is not to stay on disk
    _save(
        folder,
        cases,
        {name: index for name, index in snapshot.vectors.items() if len(index)},
        LexicalIndex.build(_terms_of(store, cases)),
        corpora={name: rows for name, rows in snapshot.manifest.corpora.items() if name != corpus},
        corpus_sha256=corpus_sha256,
        text_encoder=snapshot.manifest.text_encoder,
        image_encoder=snapshot.manifest.image_encoder,
        left_out=[name for name in snapshot.manifest.left_out if not name.startswith(f"{corpus}:")],
        alignment=snapshot.alignment,
    )


def _terms_of(store: Store, cases: Catalogue) -> list[list[str]]:
    """Return the search terms of the cases, in the order of their rows; a case that is gone has none."""
    found: list[list[str]] = []
    for start in range(0, len(cases), BATCH):
        wanted = cases.ids[start : start + BATCH]
        stored = store.cases(wanted)
        found += [search_terms(searchable_text(stored[name].sections)) if name in stored else [] for name in wanted]
    return found


@contextmanager
def _new_index(folder: Path, *, current: bool = True) -> Iterator[Path]:
    """Yield an empty folder; what was written there becomes an index, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        manifest = read_manifest(part)
        name = manifest.index_id
        if not (folder / name).exists():
            os.replace(part, folder / name)
        elif _named(read_manifest(folder / name)) != _named(manifest):  # same content, other name, card or left out
            write_manifest(folder / name, manifest)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if current:
        make_current(folder, name)


def _named(manifest: Manifest) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    return dict(manifest.text_encoder), dict(manifest.image_encoder), manifest.left_out


def _save(
    folder: Path,
    cases: Catalogue,
    vectors: Mapping[str, VectorIndex],
    lexical: LexicalIndex,
    *,
    corpora: Mapping[str, int],
    corpus_sha256: str,
    text_encoder: Mapping[str, str],
    image_encoder: Mapping[str, str],
    left_out: Iterable[str],
    alignment: Alignment | None,
) -> Manifest:
    """Write channels, case table, alignment and manifest."""
    for name, save in {LABELS: cases.save, LEXICAL: lexical.save, **{n: v.save for n, v in vectors.items()}}.items():
        (folder / name).mkdir()
        save(folder / name)
    if alignment:
        alignment.save(folder / ALIGNMENT)
    channels: dict[str, dict[str, object]] = {
        LABELS: {"rows": len(cases), "patterns": len(cases.patterns)},
        LEXICAL: {"rows": len(cases), "formula": "BM25 (Lucene)"},
    }
    for name, index in vectors.items():
        channels[name] = {"rows": len(index), "dimension": index.dimension, "metric": "inner product"}
    digest = content_sha256(folder)
    manifest = Manifest(
        index_id=digest[:16],
        sha256=digest,
        rows=len(cases),
        corpora=dict(corpora),
        corpus_sha256=corpus_sha256,
        text_encoder=text_encoder,
        image_encoder=image_encoder,
        labels=NAMES,
        channels=channels,
        radrag=radrag.__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        left_out=tuple(sorted(left_out)),
    )
    write_manifest(folder, manifest)
    return manifest
