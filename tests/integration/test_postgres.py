"""PostgreSQL by URL: tables, advice when it cannot be used, and several processes at once."""

import subprocess

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from store_databases import postgres_server, postgres_url, programs  # noqa: F401 - fixtures
from store_support import (
    DEMO,
    check_what_four_processes_wrote,
    sample_case,
    sample_draft,
    write_from_four_processes,
)

from radrag.errors import StoreError
from radrag.store import migrations
from radrag.store.engine import connect
from radrag.store.repository import Store
from radrag.store.tables import CorpusRow

pytestmark = pytest.mark.postgres


def test_the_migrated_tables_are_those_of_the_models(postgres_url):  # noqa: F811
    database = connect(postgres_url)
    assert migrations.upgrade(database) is True
    assert migrations.upgrade(database) is False
    with database.connection() as connection:
        options = {"version_table": migrations.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, CorpusRow.metadata) == []
    database.close()


def test_the_first_migration_can_be_undone_and_done_again(postgres_url):  # noqa: F811
    from alembic import command
    from alembic.config import Config

    database = connect(postgres_url)
    migrations.upgrade(database)
    with database.connection() as connection:
        config = Config()
        config.set_main_option("script_location", "radrag:store/migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert migrations.upgrade(database) is True
    database.close()


def test_four_processes_write_to_an_empty_database_at_once(postgres_url):  # noqa: F811
    write_from_four_processes(postgres_url)
    check_what_four_processes_wrote(postgres_url)


def test_a_reader_sees_one_state_while_another_writes(postgres_url):  # noqa: F811
    with Store.open(postgres_url) as store:
        store.add_cases([sample_case(1)], corpus=DEMO)
        with store._database.reading() as session:
            before = session.scalar(text("SELECT count(*) FROM sections"))
            store.add_cases([sample_case(2)], corpus=DEMO)
            assert session.scalar(text("SELECT count(*) FROM sections")) == before
        assert store.count_cases() == 2


def test_a_wrong_password_is_said_and_never_shown(postgres_url):  # noqa: F811
    with pytest.raises(StoreError, match="Check user and password of the database URL") as caught:
        Store.open(postgres_url.replace(":sesame@", ":swordfish@"))
    assert "swordfish" not in str(caught.value)


def test_a_missing_database_is_said(postgres_url):  # noqa: F811
    with pytest.raises(StoreError, match=r'"nothere" does not exist\. Create the database'):
        Store.open(postgres_url.rsplit("/", 1)[0] + "/nothere")


def test_a_user_without_rights_is_told_what_to_grant(postgres_url):  # noqa: F811
    database = connect(postgres_url)
    with database.writing() as session:
        session.execute(text("DROP ROLE IF EXISTS guest"))
        session.execute(text("CREATE ROLE guest LOGIN PASSWORD 'guest'"))
    database.close()
    with pytest.raises(StoreError, match="permission denied for schema public.*Grant the database user CREATE"):
        Store.open(postgres_url.replace("radrag:sesame@", "guest:guest@"))


def test_a_database_of_a_newer_radrag_is_left_alone(postgres_url):  # noqa: F811
    Store.open(postgres_url).close()
    database = connect(postgres_url)
    with database.writing() as session:
        session.execute(text("UPDATE radrag_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match="newer radrag"):
        Store.open(postgres_url)


def test_a_server_that_went_away_is_said_and_its_return_is_noticed(postgres_url):  # noqa: F811
    with Store.open(postgres_url) as store:
        store.save_draft(sample_draft())
        with connect(postgres_url).connection() as other:
            other.execute(
                text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                     " AND datname = current_database()")
            )  # fmt: skip
        assert store.draft("d1") == sample_draft()


def test_a_dump_holds_everything(postgres_url, tmp_path):  # noqa: F811
    """The backup line of docs/store.md."""
    with Store.open(postgres_url) as store:
        store.add_cases([sample_case(1)], corpus=DEMO)
        store.save_draft(sample_draft())
    dump = subprocess.run(
        [str(programs() / "pg_dump"), "--format=plain", f"--dbname={postgres_url}"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert "Effusion möglich." in dump
    assert "audit_log_append_only" in dump
