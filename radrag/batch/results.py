"""A batch's drafts as one file of JSON lines: whole lines at any moment, in the order of the studies at the end."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from radrag.batch.spilled import Spilled
from radrag.disk import replacing
from radrag.errors import UsageError

PAGE = 500
_START = re.compile(rb'\{"schema": "radrag\.draft/1", "draft_id": "([^"]+)"')


class ResultsFile:
    """Drafts of ``radrag.draft/1``, one a line; each is written once, however often it is given.

    Half a line, which a power cut can leave, is cut off when the file is opened again.

    Raises:
        UsageError: the file cannot be written to, or holds something else than drafts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Patients' drafts: for this user alone.
            self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_RDWR, 0o600), "r+b")
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}.", hint="Choose another --out.") from None
        self._places = Spilled()  # draft id → start and length of its line
        self._end = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            self._places[_draft_id(line, path)] = (self._end, len(line))
            self._end += len(line)
        self._file.truncate(self._end)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, draft_id: object) -> bool:
        return draft_id in self._places

    def add(self, draft_id: str, line: str) -> None:
        """Append a draft's line, unless it is there.

        Raises:
            OSError: the disk is full, say; the file is as before.
        """
        if draft_id in self._places:
            return
        data = line.encode() + b"\n"
        try:
            self._file.seek(self._end)
            self._file.write(data)
            self._file.flush()
        except OSError:
            self._file.seek(self._end)
            self._file.truncate()
            raise
        self._places[draft_id] = (self._end, len(data))
        self._end += len(data)

    def arrange(self, draft_ids: Iterable[str]) -> None:
        """Keep the lines of these drafts only, in this order."""
        with replacing(self.path) as part:
            with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as out:
                places, self._places, end = self._places, Spilled(), 0
                for draft_id in draft_ids:
                    start, length = places[draft_id]
                    self._file.seek(start)
                    out.write(self._file.read(length))
                    self._places[draft_id] = (end, length)
                    end += length
                out.flush()
                os.fsync(out.fileno())
            self._file.close()
        self._file, self._end = self.path.open("r+b"), end

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_parquet(lines: Path, out: Path) -> None:
    """Write a batch's drafts as Parquet: a row a draft, its text by section, counts of statuses, and the JSON."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, number = pa.string(), pa.int32()
    schema = pa.schema(
        [("draft_id", text), ("study_instance_uid", text), ("patient_key", text), ("created_at", text)]
        + [(section, text) for section in ("findings", "impression")]
        + [(status, number) for status in ("supported", "partial", "unsupported", "contradicted")]
        + [("omissions", number), ("warnings", pa.list_(text)), ("json", text)]
    )
    with replacing(out) as part, pq.ParquetWriter(part, schema) as writer, lines.open(encoding="utf-8") as file:
        for page in _pages(file):
            writer.write_table(
                pa.Table.from_pylist([_row(json.loads(line), line.rstrip("\n")) for line in page], schema)
            )


def _pages(lines: Iterable[str]) -> Iterator[list[str]]:
    page: list[str] = []
    for line in lines:
        page.append(line)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _row(draft: dict[str, Any], line: str) -> dict[str, Any]:
    sentences = draft["sentences"]
    counts = {name: 0 for name in ("supported", "partial", "unsupported", "contradicted")}
    texts: dict[str, list[str]] = {"findings": [], "impression": []}
    for sentence in sentences:
        counts[sentence["status"]] += 1
        texts.setdefault(sentence["section"], []).append(sentence["text"])
    return {
        "draft_id": draft["draft_id"],
        "study_instance_uid": draft["study"]["study_instance_uid"],
        "patient_key": draft["study"]["patient_key"],
        "created_at": draft["provenance"]["created_at"],
        **{section: " ".join(texts[section]) for section in ("findings", "impression")},
        **counts,
        "omissions": len(draft["omissions"]),
        "warnings": [warning["code"] for warning in draft["warnings"]],
        "json": line,
    }


def _draft_id(line: bytes, path: Path) -> str:
    start = _START.match(line)  # reading each line whole would take most of a second for a thousand
    if start is None:
        raise UsageError(f"{path} holds something else than drafts.", hint="Choose another --out.")
    return start[1].decode()
