"""The migrations make exactly the tables of the models, once, and leave newer databases alone."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from radrag.errors import StoreError
from radrag.store import migrations
from radrag.store.engine import connect
from radrag.store.tables import CorpusRow


@pytest.fixture
def database(tmp_path):
    opened = connect(f"sqlite:///{tmp_path}/radrag.sqlite")
    yield opened
    opened.close()


def differences(database):
    """What alembic would change to make the database fit the models."""
    with database.connection() as connection:
        options = {"version_table": migrations.VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), CorpusRow.metadata)


def test_the_migrated_tables_are_those_of_the_models(database):
    assert migrations.upgrade(database) is True
    assert differences(database) == []


def test_a_second_upgrade_does_nothing(database):
    migrations.upgrade(database)
    assert migrations.upgrade(database) is False


def test_the_revisions_listed_are_those_on_disk():
    config = Config()
    config.set_main_option("script_location", "radrag:store/migrations")
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(script.revision for script in reversed(scripts)) == migrations.REVISIONS


def test_a_database_of_a_newer_radrag_is_left_alone(database):
    migrations.upgrade(database)
    with database.writing() as session:
        session.execute(text("UPDATE radrag_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"newer radrag \(tables 9999.*pip install --upgrade"):
        migrations.upgrade(database)


def test_a_migration_that_fails_leaves_no_trace(database):
    with database.writing() as session:
        session.execute(text("CREATE TABLE warnings (x)"))
    with pytest.raises(StoreError, match="already exists"):
        migrations.upgrade(database)
    with database.connection() as connection:
        assert inspect(connection).get_table_names() == ["warnings"]


def test_whoever_comes_second_finds_the_work_done(database, monkeypatch):
    answers = iter([False, True])
    monkeypatch.setattr(migrations, "_is_current", lambda *_: next(answers))
    assert migrations.upgrade(database) is False


def test_the_first_migration_can_be_undone(database):
    from alembic import command

    migrations.upgrade(database)
    with database.connection() as connection:
        config = Config()
        config.set_main_option("script_location", "radrag:store/migrations")
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["radrag_version"]
