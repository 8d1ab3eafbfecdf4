"""The migrations make exactly the tables of the models, once, keep what is there, and leave newer databases alone."""

from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import DEMO, sample_case, sample_draft

from radrag.errors import StoreError
from radrag.store import migrations
from radrag.store.engine import connect
from radrag.store.repository import Store
from radrag.store.tables import CorpusRow
from radrag.store.values import Arrival, Rejection


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


def go_to(connection, revision, how="downgrade"):
    from alembic import command

    config = Config()
    config.set_main_option("script_location", "radrag:store/migrations")
    config.attributes["connection"] = connection
    getattr(command, how)(config, revision)


def test_the_first_migration_can_be_undone(database):
    migrations.upgrade(database)
    with database.connection() as connection:
        go_to(connection, "base")
        assert inspect(connection).get_table_names() == ["radrag_version"]


class TestFromTheFirstVersion:
    """A database with the tables of 0001 and rows in them, on each kind of database."""

    # Checksums that radrag wrote when 0001 was its newest revision, of the samples in store_support.
    CASES = (
        ("demo:00001", "26a7f7063b7505365e57604feb27581ed7bc671e671d9159b7375fa23158f30b"),
        ("demo:00002", "e2ee2e411819d454006bb3e39ecb0172876ce030db585db12466eaecfc1851a0"),
    )
    DRAFT = "f30ab9718a8286fa405eab9309bdd1951868cda9ef7591b74a8339b3f9da98d7"

    @pytest.fixture
    def old(self, url):  # noqa: F811
        database = connect(url)
        migrations.upgrade(database)
        store = Store(database, who="reader", origin="host")
        store.add_cases([sample_case(1), sample_case(2)], corpus=DEMO)
        store.save_draft(sample_draft())
        with database.connection() as connection:
            go_to(connection, "0001")
            connection.execute(text("UPDATE corpora SET added_at = '2025-01-02T03:04:05.000000+00:00'"))
        yield database
        database.close()

    def test_its_tables_are_those_of_the_first_version(self, old):
        with old.connection() as connection:
            tables = inspect(connection)
            assert migrations.revision(connection) == "0001"
            assert not tables.has_table("rejections")
            for table in ("cases", "case_images", "draft_images", "corpora"):
                columns = {column["name"] for column in tables.get_columns(table)}
                assert not columns & {"split", "source_sha256", "file_sha256", "perceptual_hash", "finished_at", "age"}
            rows = connection.execute(text("SELECT case_id, content_sha256 FROM cases ORDER BY id")).all()
            assert tuple(tuple(row) for row in rows) == self.CASES
            assert connection.execute(text("SELECT content_sha256 FROM drafts")).scalar() == self.DRAFT

    def test_cases_and_drafts_come_through_the_upgrade_and_still_verify(self, old):
        assert migrations.upgrade(old) is True
        assert differences(old) == []
        store = Store(old)
        assert store.verify_corpus("demo") == []
        assert store.verify_audit_log() == []
        for number in (1, 2):
            case, sentences = sample_case(number)
            assert store.case(case.case_id) == case
            assert store.sentences([case.case_id])[case.case_id] == sentences
        assert store.draft("d1") == sample_draft()
        assert store.save_draft(sample_draft()) is False

    def test_the_corpus_counts_as_finished_and_adding_it_again_changes_nothing(self, old):
        migrations.upgrade(old)
        store = Store(old)
        (demo,) = store.corpora()
        assert demo.finished_at == demo.added_at == "2025-01-02T03:04:05.000000+00:00"
        assert demo.rejected == 0
        assert store.rejections("demo") == []
        assert store.source_digests(["demo:00001"]) == {"demo:00001": ""}
        assert store.add_cases([sample_case(1), sample_case(2)], corpus=DEMO).unchanged == 2

    def test_what_came_later_can_be_kept_in_it(self, old):
        migrations.upgrade(old)
        store = Store(old)
        case, sentences = sample_case(1)
        case = replace(case, split="test", sex="F", age=61.0, studied_at="2020-01-01")
        image = replace(case.images[0], file_sha256="ab", perceptual_hash="cd")
        case = replace(case, images=(image,))
        store.write_batch(DEMO, [Arrival(case, sentences, "source")], [Rejection("bad_row", "t.csv:2", "x")], run="r")
        assert store.case(case.case_id) == case
        assert next(store.iter_images()).image == image
        assert store.verify_corpus("demo") == []
        assert len(store.rejections("demo")) == 1
