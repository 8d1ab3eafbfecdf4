"""The same index in Milvus: a local file with Milvus Lite, or a cluster, by its address."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from radrag.disk import replacing
from radrag.errors import BadIndex
from radrag.index.base import SPARE, TIE, Neighbour, check_k, check_new, check_vectors, in_order
from radrag.optional import require

URI, TOKEN = "RADRAG_MILVUS_URI", "RADRAG_MILVUS_TOKEN"
POINTER = "milvus.json"
SCHEMA = "radrag.milvus/1"
PAGE = 1000
LIMIT = 16_384
"""Most results Milvus gives for one query (topK, https://milvus.io/docs/limitations.md)."""

LONGEST_ID = 512
"""Bytes."""


class MilvusIndex:
    """A :class:`radrag.index.base.VectorIndex` in a Milvus collection.

    The vectors stay in Milvus: :meth:`save` writes down where they are, :meth:`load` connects again.

    Args:
        uri: path of a local file ending in ``.db``, or an address such as ``https://milvus.example:19530``;
            what ``RADRAG_MILVUS_URI`` says when empty.
        collection: name of the collection, which must not exist; a new one when empty.
        index_type: Milvus's own kinds. ``FLAT`` is exact; ``HNSW`` or ``AUTOINDEX`` are for clusters.

    The token, if the server wants one, is read from ``RADRAG_MILVUS_TOKEN`` and never written or shown.

    Raises:
        BadIndex: no address, or the server refuses or cannot be reached.
        MissingDependency: pymilvus is not installed.
    """

    def __init__(self, dimension: int, uri: str = "", *, collection: str = "", index_type: str = "FLAT") -> None:
        self._dimension = dimension
        self._uri = uri or os.environ.get(URI, "")
        self._collection = collection or f"radrag_{uuid.uuid4().hex}"
        self._client = _connect(self._uri)
        data_type = require("pymilvus", extra="cluster").DataType
        with _errors("create a collection"):
            if self._client.has_collection(self._collection):
                raise BadIndex(f"Collection {self._collection} exists already.", hint="Load it, or name another.")
            schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", data_type.VARCHAR, is_primary=True, max_length=LONGEST_ID)
            schema.add_field("vector", data_type.FLOAT_VECTOR, dim=dimension)
            parameters = self._client.prepare_index_params()
            parameters.add_index("vector", index_type=index_type, metric_type="IP")
            self._client.create_collection(
                self._collection, schema=schema, index_params=parameters, consistency_level="Strong"
            )

    @property
    def dimension(self) -> int:
        """Length of each vector."""
        return self._dimension

    def __len__(self) -> int:
        with _errors("count"):
            return int(self._client.query(self._collection, output_fields=["count(*)"])[0]["count(*)"])

    def add(self, ids: Sequence[str], vectors: np.ndarray) -> None:
        """Add vectors float32 [n, d] under ``ids`` of at most :data:`LONGEST_ID` bytes."""
        array = check_new(ids, vectors, self._dimension, self._present(ids))
        for name in ids:
            if len(name.encode()) > LONGEST_ID:
                raise BadIndex(f"An id is longer than {LONGEST_ID} bytes: {name[:40]!r}…")
        with _errors("add"):
            for start in range(0, len(ids), PAGE):
                page = zip(ids[start : start + PAGE], array[start : start + PAGE], strict=True)
                self._client.insert(self._collection, [{"id": name, "vector": vector} for name, vector in page])

    def remove(self, ids: Sequence[str]) -> int:
        """Remove what is there under ``ids``; return how many that were."""
        there = sorted(self._present(ids))
        with _errors("remove"):
            for start in range(0, len(there), PAGE):
                self._client.delete(self._collection, ids=there[start : start + PAGE])
        return len(there)

    def compact(self) -> None:
        """Ask Milvus to give back what removed vectors occupy."""
        with _errors("compact"):
            self._client.flush(self._collection)
            self._client.compact(self._collection)

    def ids(self) -> list[str]:
        """Return every id, sorted."""
        with _errors("list"):
            pages = self._client.query_iterator(self._collection, batch_size=PAGE, output_fields=["id"])
            names = []
            while page := pages.next():
                names += [row["id"] for row in page]
            pages.close()
        return sorted(names)

    def vectors(self, ids: Sequence[str]) -> np.ndarray:
        """Return what is stored under ``ids``, float32 [n, d]."""
        found = {row["id"]: row["vector"] for row in self._get(ids, ["id", "vector"])}
        for name in ids:
            if name not in found:
                raise BadIndex(f"Id {name!r} is not in the index.")
        return np.array([found[name] for name in ids], dtype=np.float32).reshape(len(ids), self._dimension)

    def search(self, queries: np.ndarray, k: int) -> list[list[Neighbour]]:
        """Return the k nearest of each query float32 [q, d], by falling score, then by id; k up to :data:`LIMIT`."""
        check_k(k)
        array = check_vectors(queries, self._dimension, what="search")
        total = len(self)
        if min(k, total) > LIMIT:
            raise BadIndex(f"Milvus gives at most {LIMIT:,} results, not {k:,}.")
        answers: list[list[Neighbour]] = [[] for _ in array]
        pending, fetch = list(range(len(array))) if total else [], k + SPARE
        while pending:
            fetch = min(fetch, total, LIMIT)
            left = []
            for at, found in zip(pending, self._nearest(array[pending], fetch), strict=True):
                # As in FaissIndex: a tie at the k-th place goes on until a lower score is seen.
                if fetch in (total, LIMIT) or (len(found) > k and found[-1][1] < found[k - 1][1] - TIE):
                    answers[at] = in_order(found)[:k]
                else:
                    left.append(at)
            pending, fetch = left, fetch * 4
        return answers

    def _nearest(self, queries: np.ndarray, limit: int) -> list[list[Neighbour]]:
        with _errors("search"):
            results = self._client.search(
                self._collection,
                data=list(queries),
                limit=limit,
                search_params={"metric_type": "IP", "params": {"ef": max(limit, 128)}},
                consistency_level="Strong",
            )
        return [[(hit["id"], float(hit["distance"])) for hit in hits] for hits in results]

    def _present(self, ids: Sequence[str]) -> set[str]:
        return {row["id"] for row in self._get([name for name in ids if isinstance(name, str)], ["id"])}

    def _get(self, ids: Sequence[str], fields: list[str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        with _errors("look up"):
            for start in range(0, len(ids), PAGE):
                rows += self._client.get(
                    self._collection,
                    ids=list(ids[start : start + PAGE]),
                    output_fields=fields,
                    consistency_level="Strong",
                )
        return rows

    def save(self, folder: Path) -> None:
        """Write to ``folder`` where the vectors are, once Milvus has them on disk."""
        with _errors("save"):
            self._client.flush(self._collection)
        values = {
            "schema": SCHEMA,
            "uri": self._uri,
            "collection": self._collection,
            "dimension": self._dimension,
            "rows": len(self),
        }
        with replacing(folder / POINTER) as part:
            part.write_text(json.dumps(values, indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Connect to what :meth:`save` wrote down."""
        hint = "Build it anew: radrag index build"
        try:
            values = json.loads((folder / POINTER).read_text())
            schema, dimension, rows = values["schema"], int(values["dimension"]), int(values["rows"])
            uri, collection = str(values["uri"]), str(values["collection"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadIndex(f"{folder} points to no Milvus index.", hint=hint) from error
        if schema != SCHEMA:
            raise BadIndex(f"{folder} is of schema {schema}, not {SCHEMA}.", hint=hint)
        index = cls.__new__(cls)
        index._dimension, index._uri, index._collection = dimension, uri, collection
        index._client = _connect(uri)
        with _errors("open a collection"):
            if not index._client.has_collection(collection):
                raise BadIndex(f"Milvus has no collection {collection}.", hint=hint)
            fields = {field["name"]: field for field in index._client.describe_collection(collection)["fields"]}
            index._client.load_collection(collection)
        if int(fields.get("vector", {}).get("params", {}).get("dim", 0)) != dimension:
            raise BadIndex(f"Collection {collection} does not hold vectors of {dimension}.", hint=hint)
        if len(index) != rows:
            raise BadIndex(f"Collection {collection} was changed after it was saved.", hint=hint)
        return index


def _connect(uri: str) -> Any:
    if not uri:
        raise BadIndex("Where is Milvus?", hint=f"Set {URI} to its address, or to a file ending in .db.")
    if "@" in uri:  # user:password@host would end up in the pointer file
        raise BadIndex("The Milvus address contains a login.", hint=f"Put it into {TOKEN} as user:password.")
    client = require("pymilvus", extra="cluster").MilvusClient
    with _errors("connect"):
        return client(uri, token=os.environ.get(TOKEN, ""), timeout=10)


@contextmanager
def _errors(doing: str) -> Iterator[None]:
    """Turn Milvus's errors into BadIndex; their text is left out, it may repeat the request with its login."""
    pymilvus = require("pymilvus", extra="cluster")
    connection = require("grpc", extra="cluster").RpcError
    try:
        yield
    except (pymilvus.MilvusException, connection, OSError) as error:
        code = getattr(error, "code", "")
        raise BadIndex(f"Milvus could not {doing} ({type(error).__name__} {code}).", hint="Is it reachable?") from error
