"""An index folder: built from the store in one go, then only read."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import radrag
from radrag.corpus.vectors import LABEL_DIMENSION, case_vector, report_labels, searchable_text
from radrag.domain import Case, Sentence
from radrag.encoders.base import TextEncoder
from radrag.errors import BadIndex, CorpusError
from radrag.index.base import VectorIndex
from radrag.index.faiss_index import FaissIndex
from radrag.index.manifest import Manifest, content_sha256, read_manifest, write_manifest
from radrag.reports.vocabulary import NAMES
from radrag.store.repository import Store

LABELS, TEXT = "labels", "text"
BATCH = 256


@dataclass(frozen=True, slots=True)
class IndexedCase:
    """What an index remembers of a case: enough to exclude and to explain it.

    Attributes:
        labels: label → 1 (stated), 0.5 (possible) or -1 (denied).
    """

    patient_key: str
    labels: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A loaded index: its manifest, one vector index a channel, and its cases by id."""

    manifest: Manifest
    channels: Mapping[str, VectorIndex]
    cases: Mapping[str, IndexedCase]


def build_snapshot(
    store: Store,
    encoder: TextEncoder,
    folder: Path,
    *,
    progress: Callable[[int], object] | None = None,
) -> Manifest:
    """Index every stored case; write ``folder/<index id>`` and make it the current index.

    The same cases and encoder give the same index id, so that building twice changes nothing.

    Args:
        folder: the workspace's index folder; made when absent.
        progress: called with the number of cases that were indexed since the last call.

    Raises:
        CorpusError: the store has no cases.
    """
    with _new_index(folder) as part:
        return _write(store, encoder, part, progress)


@contextmanager
def _new_index(folder: Path, *, current: bool = True) -> Iterator[Path]:
    """Yield an empty folder; what was written there becomes an index, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        name = read_manifest(part).index_id
        if not (folder / name).exists():
            os.replace(part, folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if current:
        _point(folder, name)


def _point(folder: Path, name: str) -> None:
    """Make an index the current one."""
    pointer = folder / "current.part"
    pointer.write_text(name + "\n")
    os.replace(pointer, folder / "current")


def drop_corpus(store: Store, folder: Path, corpus: str) -> int:
    """Take a corpus out of every index, before it is removed from the store; return how many indexes changed.

    An index of nothing else is deleted. Called again after a failure, it goes on where it stopped.
    """
    before, after = store.corpus_fingerprint(), store.corpus_fingerprint(without=corpus)
    changed = 0
    for manifest, current in list_indexes(folder) if folder.is_dir() else []:
        if corpus not in manifest.corpora:
            continue
        old = folder / manifest.index_id
        if len(manifest.corpora) > 1:
            known = after if manifest.corpus_sha256 == before else manifest.corpus_sha256
            with _new_index(folder, current=current) as part:
                _write_without(load_snapshot(old), corpus, known, part)
        elif current:
            (folder / "current").unlink()
        shutil.rmtree(old)
        changed += 1
    return changed


def _write_without(snapshot: Snapshot, corpus: str, corpus_sha256: str, folder: Path) -> None:
    gone = [case_id for case_id in snapshot.cases if case_id.startswith(f"{corpus}:")]
    for index in snapshot.channels.values():
        index.remove(gone)
    indexed = {case_id: case for case_id, case in snapshot.cases.items() if not case_id.startswith(f"{corpus}:")}
    corpora = {name: rows for name, rows in snapshot.manifest.corpora.items() if name != corpus}
    _save(
        folder,
        snapshot.channels,
        indexed,
        corpora=corpora,
        corpus_sha256=corpus_sha256,
        text_encoder=snapshot.manifest.text_encoder,
    )


def _write(store: Store, encoder: TextEncoder, folder: Path, progress: Callable[[int], object] | None) -> Manifest:
    """Read, embed and save all cases."""
    channels: dict[str, VectorIndex] = {LABELS: FaissIndex(LABEL_DIMENSION), TEXT: FaissIndex(encoder.card.dimension)}
    indexed: dict[str, IndexedCase] = {}
    corpora: dict[str, int] = {}
    batch: list[Case] = []

    def flush() -> None:
        sentences = store.sentences([case.case_id for case in batch])
        _add(batch, sentences, encoder, channels, indexed)
        if progress:
            progress(len(batch))
        batch.clear()

    for case in store.iter_cases():
        corpora[case.corpus] = corpora.get(case.corpus, 0) + 1
        batch.append(case)
        if len(batch) == BATCH:
            flush()
    if batch:
        flush()
    if not indexed:
        raise CorpusError("The workspace has no cases to index.", hint="Add some with: radrag corpus add iu-reports")

    return _save(
        folder,
        channels,
        indexed,
        corpora=corpora,
        corpus_sha256=store.corpus_fingerprint(),
        text_encoder=encoder_identity(encoder),
    )


def _save(
    folder: Path,
    channels: Mapping[str, VectorIndex],
    indexed: Mapping[str, IndexedCase],
    *,
    corpora: Mapping[str, int],
    corpus_sha256: str,
    text_encoder: Mapping[str, str],
) -> Manifest:
    """Write channels, case table and manifest."""
    for name, index in channels.items():
        (folder / name).mkdir(parents=True)
        index.save(folder / name)
    columns = {
        "case_ids": list(indexed),
        "patient_keys": [case.patient_key for case in indexed.values()],
        "labels": [dict(sorted(case.labels.items())) for case in indexed.values()],
    }
    (folder / "cases.json").write_text(json.dumps(columns))
    digest = content_sha256(folder)
    manifest = Manifest(
        index_id=digest[:16],
        sha256=digest,
        rows=len(indexed),
        corpora=corpora,
        corpus_sha256=corpus_sha256,
        text_encoder=text_encoder,
        labels=NAMES,
        channels={name: {"dimension": index.dimension, "metric": "inner product"} for name, index in channels.items()},
        radrag=radrag.__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    write_manifest(folder, manifest)
    return manifest


def _add(
    batch: Sequence[Case],
    sentences: Mapping[str, Sequence[Sentence]],
    encoder: TextEncoder,
    channels: Mapping[str, VectorIndex],
    indexed: dict[str, IndexedCase],
) -> None:
    """Add one batch of cases to every channel; a case without a body is findable by nothing and left out."""
    import numpy as np

    held = [case for case in batch if sentences.get(case.case_id)]
    if not held:
        return
    ids = [case.case_id for case in held]
    labels = [report_labels(sentences[name]) for name in ids]
    channels[LABELS].add(ids, np.stack([case_vector(found) for found in labels]))
    channels[TEXT].add(ids, encoder.encode([searchable_text(case.sections) for case in held]))
    for case, found in zip(held, labels, strict=True):
        indexed[case.case_id] = IndexedCase(case.patient_key, found)


def encoder_identity(encoder: TextEncoder) -> dict[str, str]:
    """Return what a manifest says of its text encoder."""
    return {"name": encoder.card.name, "version": encoder.card.version, "sha256": encoder.card.sha256}


def current_index(folder: Path) -> Path:
    """Return the folder of the current index.

    Raises:
        BadIndex: no index was built yet.
    """
    try:
        name = (folder / "current").read_text().strip()
    except OSError:
        raise BadIndex(
            "This workspace has no index.",
            hint="Run `radrag demo`, or: radrag corpus add iu-reports && radrag index build",
        ) from None
    return folder / name


def list_indexes(folder: Path) -> list[tuple[Manifest, bool]]:
    """Return the manifests of all readable indexes, and which one is current, newest first."""
    current = current_index(folder).name if (folder / "current").exists() else ""
    found = [
        (read_manifest(path), path.name == current)
        for path in sorted(folder.glob("*"))
        if path.is_dir() and not path.name.startswith(".")
    ]
    return sorted(found, key=lambda pair: pair[0].created_at, reverse=True)


def load_snapshot(folder: Path) -> Snapshot:
    """Load an index folder.

    Raises:
        BadIndex: it is missing or damaged.
    """
    manifest = read_manifest(folder)
    channels: dict[str, VectorIndex] = {name: FaissIndex.load(folder / name) for name in manifest.channels}
    try:
        columns = json.loads((folder / "cases.json").read_text())
        cases = {
            name: IndexedCase(key, labels)
            for name, key, labels in zip(columns["case_ids"], columns["patient_keys"], columns["labels"], strict=True)
        }
    except (OSError, ValueError, KeyError) as error:
        raise BadIndex(
            f"Index {manifest.index_id} has no readable case table.", hint="Rebuild: radrag index build"
        ) from error
    if any(len(index) != manifest.rows for index in channels.values()) or len(cases) != manifest.rows:
        raise BadIndex(f"Index {manifest.index_id} is incomplete.", hint="Rebuild it with: radrag index build")
    return Snapshot(manifest, channels, cases)
