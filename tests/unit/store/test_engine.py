"""A database that cannot be used says so in one sentence, with what to do and without secrets."""

import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from sqlalchemy import text
from store_support import DEMO

from radrag.errors import MissingDependency, StoreError
from radrag.store import engine as engine_module
from radrag.store.engine import NoRoom, connect
from radrag.store.repository import Store


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("radrag.sqlite", r"cannot be read.*Use sqlite:////full"),
        ("", "cannot be read"),
        ("postgresql://u:sesame@host:notaport/db", "cannot be read"),
        ("mysql://u:sesame@host/db", "SQLite or PostgreSQL, not in 'mysql'"),
        ("postgresql://u:sesame@127.0.0.1:1/db", r"(?s)PostgreSQL database 'db' at 127\.0\.0\.1.*server runs"),
        ("sqlite:////proc/nothere/radrag.sqlite", r"/proc/nothere/radrag\.sqlite cannot be made.*--workspace"),
        ("sqlite:////proc/radrag.sqlite", r"unable to open database file.*may write"),
    ],
)
def test_a_database_that_cannot_be_opened(url, message):
    with pytest.raises(StoreError, match=message) as caught:
        Store.open(url)
    assert "sesame" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_sqlite(tmp_path):
    (tmp_path / "radrag.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match=r"not a database.*restore your backup"):
        Store.open(f"sqlite:///{tmp_path}/radrag.sqlite")


def test_a_file_damaged_in_the_middle(tmp_path):
    path = tmp_path / "radrag.sqlite"
    Store.open(f"sqlite:///{path}").close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="restore your backup"), Store.open(f"sqlite:///{path}") as store:
        store.corpora()


def test_a_read_only_file_refuses_writes(tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/radrag.sqlite"
    Store.open(url).close()
    set_up = engine_module._set_up_sqlite

    def read_only(connection, record):
        set_up(connection, record)
        connection.execute("PRAGMA query_only = ON")  # file permissions do not stop root

    monkeypatch.setattr(engine_module, "_set_up_sqlite", read_only)
    with Store.open(url) as store, pytest.raises(StoreError, match=r"readonly database.*may write"):
        store.add_cases([], corpus=DEMO)


def test_a_locked_file_is_waited_for_and_then_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 0.1)
    path = tmp_path / "radrag.sqlite"
    with Store.open(f"sqlite:///{path}") as store:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"locked.*Another process is writing"):
            store.add_cases([], corpus=DEMO)
        assert store.corpora() == []  # reading goes on
        other.execute("ROLLBACK")
        store.add_cases([], corpus=DEMO)
        other.close()


def test_the_folder_is_made_and_the_file_is_set_up(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/a/b/radrag.sqlite") as store, store._database.reading() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA busy_timeout")) == 30_000


def test_a_read_only_uri_of_sqlite_reads_and_makes_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store.open(f"sqlite:///{tmp_path}/radrag.sqlite").close()
    with Store.open(f"sqlite:///file:{tmp_path}/radrag.sqlite?mode=ro&uri=true") as store:
        assert store.corpora() == []
        with pytest.raises(StoreError, match="readonly database"):
            store.add_cases([], corpus=DEMO)
    assert not list(tmp_path.glob("file:*"))


def test_a_new_file_is_for_its_user_alone(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/radrag.sqlite") as store:
        store.add_cases([], corpus=DEMO)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_missing_psycopg_comes_with_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependency, match=r"radrag\[cluster\]"):
        Store.open("postgresql://h/d")


def test_messages_never_hold_the_values_of_a_row(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/x.sqlite")
    with pytest.raises(StoreError) as caught, database.writing() as session:
        session.execute(text("INSERT INTO nothere VALUES (:name)"), {"name": "Jane Roe"})
    assert "Jane Roe" not in str(caught.value)
    assert "no such table" in str(caught.value)
    assert str(caught.value).endswith("Run: radrag doctor")
    database.close()


def test_errors_of_the_body_pass_unchanged_and_undo_the_transaction(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/x.sqlite")
    with database.writing() as session:
        session.execute(text("CREATE TABLE t (x)"))
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        session.execute(text("INSERT INTO t VALUES (1)"))
        raise ZeroDivisionError
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM t")) == 0
    database.close()


def test_threads_take_turns_on_a_database_in_memory():
    database = connect("sqlite://")
    order = []

    def write(name):
        with database.writing():
            order.append(name)
            time.sleep(0.02)
            order.append(name)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert order[0::2] == order[1::2]
    database.close()


def test_opening_a_current_store_loads_neither_alembic_nor_torch(tmp_path):
    url = f"sqlite:///{tmp_path}/radrag.sqlite"
    Store.open(url).close()
    code = (
        "import sys; from radrag.store.repository import Store; Store.open(sys.argv[1]).corpora();"
        "print(sorted({'alembic', 'torch', 'numpy', 'transformers', 'faiss', 'spacy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_full_disk_is_told_from_other_faults(tmp_path):
    database = connect(f"sqlite:///{tmp_path}/full.sqlite")
    with pytest.raises(NoRoom, match="Free some disk space"), database.connection() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("CREATE TABLE one (text)")
        connection.exec_driver_sql("INSERT INTO one VALUES (zeroblob(100000))")
    database.close()
