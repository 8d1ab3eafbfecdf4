"""A dict on disk: what must be remembered of every file or draft of a batch, in memory that does not grow with them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, MutableMapping
from typing import Any

from radrag.store.engine import translated

PLACE = "the temporary database"


class Spilled(MutableMapping[str, Any]):
    """Text → JSON value, in the order in which the keys first came; lasts as long as this object.

    It lies in a file without a name, of this user alone, in SQLite's folder for temporary files (``SQLITE_TMPDIR``,
    ``TMPDIR``, ``/var/tmp``, ``/tmp``); SQLite keeps 200 KB of it in memory. May be read from several threads.

    Raises:
        StoreError: that folder has no room; from all that reads or writes.
    """

    def __init__(self) -> None:
        with translated(PLACE):
            # An empty name: a database on disk that is gone when it is closed (https://sqlite.org/inmemorydb.html)
            self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = OFF")  # it need not outlive anything
            self._database.execute("PRAGMA cache_size = -200")  # KB; with the default of 2,000 it is no faster
            self._database.execute("CREATE TABLE held (id INTEGER PRIMARY KEY, name TEXT UNIQUE, value TEXT)")

    def __getitem__(self, name: str) -> Any:
        with translated(PLACE):
            row = self._database.execute("SELECT value FROM held WHERE name = ?", (json.dumps(name),)).fetchone()
        if row is None:
            raise KeyError(name)
        return json.loads(row[0])

    def __setitem__(self, name: str, value: Any) -> None:
        # Names as JSON: those of files need not be UTF-8, which SQLite's texts must be.
        change = "INSERT INTO held (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        with translated(PLACE):
            self._database.execute(change, (json.dumps(name), json.dumps(value)))

    def __delitem__(self, name: str) -> None:
        with translated(PLACE):
            gone = self._database.execute("DELETE FROM held WHERE name = ?", (json.dumps(name),)).rowcount
        if not gone:
            raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        with translated(PLACE):
            for (name,) in self._database.execute("SELECT name FROM held ORDER BY id"):
                yield json.loads(name)

    def __len__(self) -> int:
        with translated(PLACE):
            return int(self._database.execute("SELECT count(*) FROM held").fetchone()[0])

    def close(self) -> None:
        """Let the file go."""
        self._database.close()
