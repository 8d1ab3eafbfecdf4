"""What has arrived, kept beside the inbox: a study waits here, whatever becomes of the database, until it is submitted.

SQLite of its own, so that images are received and remembered while the workspace's database is away.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

_TABLES = """
create table if not exists instances (
    uid text primary key, sop_class text not null, file text not null, content text not null, study text not null
) without rowid;
create index if not exists instances_of_study on instances (study);
create table if not exists studies (
    study text primary key, arrived integer not null, submitted integer not null, changed real not null
) without rowid;
create table if not exists priors (study text primary key, files text not null) without rowid;
create table if not exists files (file text primary key, stamp text not null) without rowid;
create table if not exists commitments (
    title text, address text, transaction_uid text, asked text not null, tries integer not null, due real not null,
    primary key (title, address, transaction_uid)
) without rowid;
create table if not exists refusals (code text primary key, count integer not null, last real not null) without rowid;
"""


@dataclass(frozen=True, slots=True)
class Instance:
    """An image that is in the inbox.

    Attributes:
        uid: salted hash of its SOP Instance UID.
        sop_class: its SOP Class UID.
        file: name of its file in the inbox.
        content: SHA-256 of its data set, without the file's meta information.
        study: salted hash of study and patient.
    """

    uid: str
    sop_class: str
    file: str
    content: str
    study: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A study that is to be submitted.

    Attributes:
        files: names of all its files in the inbox.
        prior: names of the files of the patient's earlier study, with which it is to be compared.
        arrived: how many images had arrived when this was read.
    """

    study: str
    files: tuple[str, ...]
    arrived: int
    prior: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commitment:
    """A request for storage commitment that is not answered yet; it is forgotten once it is.

    Attributes:
        title, address: who asked.
        asked: (SOP Class UID, SOP Instance UID) of each image.
        tries: how often the answer could not be delivered.
    """

    title: str
    address: str
    transaction_uid: str
    asked: tuple[tuple[str, str], ...]
    tries: int = 0


class Ledger:
    """The ledger of one inbox. Safe between threads; what a method wrote survives a crash.

    Attributes:
        name: six hex digits, drawn when the ledger was made, that tell it from those of other workspaces.

    Raises:
        sqlite3.Error: from every method, when the disk is full or the file damaged.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        path.touch(mode=0o600)
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(f"pragma journal_mode = wal; pragma synchronous = full; {_TABLES}")
        if not self._version():
            self._connection.execute(f"pragma user_version = {1 + secrets.randbelow(2**24 - 1)}")
        self.name = f"{self._version():06x}"

    def _version(self) -> int:
        return int(self._connection.execute("pragma user_version").fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def find(self, uid: str) -> Instance | None:
        """Return the image of a SOP instance's hash, if it has arrived."""
        with self._lock:
            query = "select uid, sop_class, file, content, study from instances where uid = ?"
            row = self._connection.execute(query, (uid,)).fetchone()
        return Instance(*row) if row else None

    def add(self, instance: Instance) -> None:
        """Note that an image has arrived that :meth:`find` did not know."""
        row = (instance.uid, instance.sop_class, instance.file, instance.content, instance.study)
        with self._writing() as connection:
            connection.execute("insert into instances values (?, ?, ?, ?, ?)", row)
            connection.execute(
                "insert into studies values (?, 1, 0, ?) on conflict (study) "
                "do update set arrived = arrived + 1, changed = excluded.changed",
                (instance.study, time.time()),
            )

    def quiet(self, seconds: float) -> list[Arrival]:
        """Return the studies with images to submit, to which nothing was added for some seconds."""
        with self._lock:
            query = "select study, arrived from studies where submitted < arrived and changed <= ? order by changed"
            due = self._connection.execute(query, (time.time() - seconds,)).fetchall()
            files = "select file from instances where study = ? order by file"
            priors = dict(self._connection.execute("select study, files from priors"))
            return [
                Arrival(
                    study,
                    tuple(name for (name,) in self._connection.execute(files, (study,))),
                    arrived,
                    tuple(json.loads(priors.get(study, "[]"))),
                )
                for study, arrived in due
            ]

    def compare(self, file: str, prior: Sequence[str]) -> None:
        """Note with which files of an earlier study the study of a file is to be compared.

        When that is news, the study is submitted again.
        """
        with self._writing() as connection:
            (study,) = connection.execute("select study from instances where file = ?", (file,)).fetchone()
            known = connection.execute("select files from priors where study = ?", (study,)).fetchone()
            if (names := json.dumps(sorted(prior))) != (known[0] if known else ""):
                connection.execute("insert or replace into priors values (?, ?)", (study, names))
                connection.execute("update studies set submitted = 0 where study = ?", (study,))

    def submitted(self, arrival: Arrival) -> None:
        """Note that a study was submitted; what arrived since it was read makes it wait again."""
        with self._writing() as connection:
            connection.execute("update studies set submitted = ? where study = ?", (arrival.arrived, arrival.study))

    def waiting(self) -> int:
        """Return how many studies are not submitted yet."""
        with self._lock:
            query = "select count(*) from studies where submitted < arrived"
            return int(self._connection.execute(query).fetchone()[0])

    def looked_at(self, file: str) -> str:
        """Return the stamp that a watched file had when it was looked at; empty when it never was."""
        with self._lock:
            row = self._connection.execute("select stamp from files where file = ?", (file,)).fetchone()
        return str(row[0]) if row else ""

    def look(self, file: str, stamp: str) -> None:
        """Note that a watched file was looked at; ``file`` is a salted hash of its path."""
        with self._writing() as connection:
            connection.execute("insert or replace into files values (?, ?)", (file, stamp))

    def ask(self, commitment: Commitment) -> None:
        """Keep a request for storage commitment until it is answered."""
        one = commitment
        row = (one.title, one.address, one.transaction_uid, json.dumps(one.asked), one.tries, time.time())
        with self._writing() as connection:
            connection.execute("insert or replace into commitments values (?, ?, ?, ?, ?, ?)", row)

    def asked(self) -> list[Commitment]:
        """Return the requests whose answer is due."""
        with self._lock:
            query = "select title, address, transaction_uid, asked, tries from commitments where due <= ? order by due"
            rows = self._connection.execute(query, (time.time(),)).fetchall()
        return [
            Commitment(title, address, transaction, tuple((one, two) for one, two in json.loads(asked)), tries)
            for title, address, transaction, asked, tries in rows
        ]

    def answered(self, commitment: Commitment) -> None:
        """Forget a request."""
        with self._writing() as connection:
            connection.execute(f"delete from commitments where {_KEY}", _key(commitment))

    def postpone(self, commitment: Commitment, seconds: float) -> None:
        """Let the answer to a request be tried again later."""
        with self._writing() as connection:
            row = (time.time() + seconds, *_key(commitment))
            connection.execute(f"update commitments set tries = tries + 1, due = ? where {_KEY}", row)

    def refuse(self, code: str) -> None:
        """Count something that was not taken, for whoever looks later; the sender has been told."""
        row = (code, time.time())
        with self._writing() as connection:
            connection.execute(
                "insert into refusals values (?, 1, ?) on conflict (code) "
                "do update set count = count + 1, last = excluded.last",
                row,
            )

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("begin immediate")
            try:
                yield self._connection
                self._connection.execute("commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("rollback")
                raise


def refusals_of(path: Path) -> list[tuple[str, int, float]]:
    """Return (code, how often, when last in seconds of the epoch) from a ledger that another process may write.

    Empty for one that is not there, or cannot be read.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return list(connection.execute("select code, count, last from refusals order by count desc, code"))
    except sqlite3.Error:
        return []


_KEY = "title = ? and address = ? and transaction_uid = ?"


def _key(commitment: Commitment) -> Sequence[str]:
    return commitment.title, commitment.address, commitment.transaction_uid
