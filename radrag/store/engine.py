"""Connections: opens SQLite or PostgreSQL, hands out sessions, and turns driver errors into advice."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from radrag.errors import RadragError, StoreError
from radrag.optional import require

BUSY_SECONDS = 30  # how long a writer waits for another writer of the same SQLite file
URL_HINT = "Use sqlite:////full/path/radrag.sqlite or postgresql://user:password@host:5432/database."
HINTS = (  # part of the driver's message → what to do; first match wins
    ("not a database", "The file is damaged or not SQLite: restore your backup, or move it away to start anew."),
    ("malformed", "The file is damaged: restore your backup, or move it away to start anew."),
    ("unable to open", "Check that the folder exists and that you may write to it."),
    ("readonly", "Check that you may write to the file and its folder."),
    ("disk is full", "Free some disk space, then repeat the command."),
    ("no space left", "Free some disk space, then repeat the command."),
    ("is locked", "Another process is writing: repeat the command when it has finished."),
    ("password authentication failed", "Check user and password of the database URL."),
    ("does not exist", "Create the database and the user first: see docs/store.md."),
    ("permission denied", "Grant the database user CREATE on the schema: see docs/store.md."),
    ("connection", "Check that the server runs, and host and port of the database URL."),
)


class NoRoom(StoreError):
    """The disk that the database lies on is full: reading works, and so may small changes."""


class Database:
    """One engine and the way to sessions on it.

    Attributes:
        place: the database for messages: never a user name or password.
        engine: for the migration and for tests; use cases take sessions.
    """

    def __init__(self, engine: Engine, place: str) -> None:
        self.engine = engine
        self.place = place
        self._writer = engine.execution_options(radrag_write=True)
        # Several statements of one reader must see one state; SQLite's transactions always do.
        postgresql = engine.dialect.name == "postgresql"
        self._reader = engine.execution_options(isolation_level="REPEATABLE READ") if postgresql else engine
        # An in-memory database is one connection: threads take turns.
        shared = isinstance(engine.pool, StaticPool)
        self._turn: AbstractContextManager[Any] = threading.RLock() if shared else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one state of the database and changes nothing."""
        with self._turn, translated(self.place), Session(self._reader) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session that is committed at the end, or leaves no trace when an error passes through it."""
        with self._turn, translated(self.place), Session(self._writer) as session, session.begin():
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection in a writing transaction: for the migration."""
        with self._turn, translated(self.place), self._writer.begin() as connection:
            yield connection

    def checkpoint(self) -> None:
        """Write SQLite's log into the file and empty it, so that removed rows are in neither."""
        if self.engine.dialect.name == "sqlite":
            with self._turn, translated(self.place), self.engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def connect(url: str) -> Database:
    """Return the database of a SQLAlchemy URL, making the folder of a SQLite file.

    Raises:
        StoreError: the URL is malformed or names another kind of database, or the folder cannot be made.
        MissingDependency: PostgreSQL is asked for and psycopg is not installed.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError("The database URL cannot be read.", hint=URL_HINT) from None
    kind = parsed.get_backend_name()
    if kind == "sqlite":
        return _connect_sqlite(parsed.set(drivername="sqlite"))
    if kind in ("postgresql", "postgres"):
        require("psycopg", extra="cluster")
        place = f"PostgreSQL database {parsed.database!r} at {parsed.host or 'the local socket'}"
        engine = create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            hide_parameters=True,  # parameters are patients' texts
            isolation_level="READ COMMITTED",  # the locks of add_cases and of the audit log count on it
            pool_pre_ping=True,
            connect_args={} if "connect_timeout" in parsed.query else {"connect_timeout": 10},
        )
        return Database(engine, place)
    raise StoreError(f"radrag keeps its data in SQLite or PostgreSQL, not in {kind!r}.", hint=URL_HINT)


def _connect_sqlite(url: URL) -> Database:
    name = url.database or ""
    memory = name in ("", ":memory:")
    if not memory and not name.startswith("file:"):  # SQLite's own URIs name an existing file
        path = Path(name).expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The folder of the database {name} cannot be made: {error.strerror}.",
                hint="Choose another folder with --workspace or RADRAG_WORKSPACE.",
            ) from None
        # Patients' texts: a new file is for this user alone, and SQLite gives the WAL beside it the same mode.
        with contextlib.suppress(OSError):  # SQLite will say what is wrong
            os.close(os.open(path, os.O_CREAT, 0o600))
        url = url.set(database=str(path))
    options: dict[str, Any] = {"poolclass": StaticPool} if memory else {}
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        **options,
    )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, "the database in memory" if memory else f"the database {name}")


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Take transactions out of the driver's hands, and switch on what SQLite leaves off."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")  # readers and one writer at the same time
    connection.execute("PRAGMA cache_size = -200")  # KB, for flat memory; with the default of 2,000 it is no faster
    connection.execute("PRAGMA secure_delete = ON")  # a removed report's bytes do not stay in free pages


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock at the start: a lock taken midway would fail instead of wait."""
    writes = connection.get_execution_options().get("radrag_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn errors of the database or its driver into StoreError; parameters and details never reach the message."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, StatementError) and error.orig is not None else error
        if isinstance(cause, RadragError):
            raise cause from None
        if isinstance(error, DBAPIError) or isinstance(cause, sqlite3.Error):
            # The first line only: PostgreSQL's DETAIL line quotes the values of the row.
            said = next(iter(str(cause).splitlines()), "") or type(cause).__name__
        else:
            said = type(cause).__name__
        hint = next((advice for part, advice in HINTS if part in said.lower()), "Run: radrag doctor")
        full = any(words in said.lower() for words in ("disk is full", "no space left"))
        kind = NoRoom if full else StoreError
        raise kind(f"{place[0].upper()}{place[1:]}: {said.rstrip('.')}.", hint=hint) from None
