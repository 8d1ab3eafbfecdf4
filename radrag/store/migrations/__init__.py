"""Brings a database to this version's tables; alembic is imported only when there is something to do."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from radrag.errors import StoreError
from radrag.store.engine import Database

VERSION_TABLE = "radrag_version"  # alembic's own name could clash with another application in the same database
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")  # oldest first
HEAD = REVISIONS[-1]
LOCK = 0x7261647261  # "radra": any number, the same in every radrag


def revision(connection: Connection) -> str | None:
    """Return the database's revision, or None for a database without radrag's tables."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()


def upgrade(database: Database) -> bool:
    """Bring the database to :data:`HEAD`; several processes may try at once. Return whether anything was done.

    Raises:
        StoreError: the database comes from a newer radrag, cannot be reached, or is damaged.
    """
    with database.reading() as session:
        if _is_current(session.connection(), database.place):
            return False
    with database.connection() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        if _is_current(connection, database.place):  # another process was first
            return False
        _run_alembic(connection)
    return True


def _is_current(connection: Connection, place: str) -> bool:
    found = revision(connection)
    if found is not None and found not in REVISIONS:
        raise StoreError(
            f"{place[0].upper()}{place[1:]} was made by a newer radrag (tables {found}, this version knows {HEAD}).",
            hint="Update it with: pip install --upgrade radrag",
        )
    return found == HEAD


def _run_alembic(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
