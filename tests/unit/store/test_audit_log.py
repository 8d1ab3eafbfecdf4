"""The audit log shows every change of what was once written."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from radrag.errors import StoreError
from radrag.store import audit_log
from radrag.store.engine import connect
from radrag.store.migrations import upgrade
from radrag.store.values import AuditEvent

COLUMNS = ("at", "who", "what", "origin", "patient_key", "payload", "previous", "hash")


@pytest.fixture
def log():
    """An audit log of five rows without the triggers that guard it."""
    database = connect("sqlite://")
    upgrade(database)
    with database.writing() as session:
        for event in ("update", "delete"):
            session.execute(text(f"DROP TRIGGER audit_log_no_{event}"))
        for number in range(5):
            audit_log.append(session, AuditEvent("test", "a reader", "a host", f"key-{number}", {"number": number}))
    yield database
    database.close()


def change(database, statement):
    with database.writing() as session:
        session.execute(text(statement))


def broken(database):
    with database.reading() as session:
        return audit_log.verify(session)


def test_an_untouched_log_is_intact(log):
    assert broken(log) == []


@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_field_breaks_its_row(log, column):
    change(log, f"""UPDATE audit_log SET "{column}" = '"x"' WHERE position = 3""")
    assert broken(log)[0] == 3


def test_a_removed_row_is_named(log):
    change(log, "DELETE FROM audit_log WHERE position IN (1, 3)")
    assert broken(log) == [1, 3]


def test_a_gap_of_any_length_is_reported_briefly(log):
    change(log, "UPDATE audit_log SET position = 2000000000 WHERE position = 5")
    assert broken(log) == [*range(5, 5 + audit_log.LONGEST_GAP), 2_000_000_000]


def test_a_row_forged_with_a_fitting_hash_breaks_the_next(log):
    with log.writing() as session:
        third = audit_log.entries(session, after=2, limit=1)[0]
        session.execute(text("DELETE FROM audit_log WHERE position >= 3"))
        audit_log.append(session, AuditEvent("test", "a forger", "a host"))
        forged = audit_log.head(session)[1]
        assert forged != third.hash
    with log.writing() as session:
        rest = {"position": 4, "previous": third.hash, "hash": third.hash, "payload": "{}"}
        session.execute(
            text("INSERT INTO audit_log VALUES (:position, '', '', '', '', '', :payload, :previous, :hash)"),
            rest,
        )
    assert broken(log) == [4]


def test_rows_cut_off_the_end_show_against_a_kept_head(log):
    with log.reading() as session:
        kept = audit_log.head(session)
    change(log, "DELETE FROM audit_log WHERE position = 5")
    assert broken(log) == []
    with log.reading() as session:
        assert audit_log.head(session) != kept


def test_an_empty_log_has_a_head(log):
    change(log, "DELETE FROM audit_log")
    with log.reading() as session:
        assert audit_log.head(session) == (0, audit_log.GENESIS)


def test_a_payload_that_is_not_json_is_refused(log):
    with pytest.raises(StoreError, match=r"payload\.x"), log.writing() as session:
        audit_log.append(session, AuditEvent("test", "a", "b", payload={"x": {1}}))


def test_what_is_returned_is_what_is_stored(log):
    with log.writing() as session:
        entry = audit_log.append(session, AuditEvent("test", "a", "b", payload={"pair": (1, 2)}))
    with log.reading() as session:
        assert audit_log.entries(session, after=5) == [entry]
    assert entry.payload == {"pair": [1, 2]}


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, 12), min_size=1, max_size=5))
def test_any_set_of_changed_rows_is_found(positions):
    database = connect("sqlite://")
    upgrade(database)
    with database.writing() as session:
        session.execute(text("DROP TRIGGER audit_log_no_update"))
        for number in range(12):
            audit_log.append(session, AuditEvent("test", "a", "b", payload={"number": number}))
        for position in positions:
            session.execute(text("UPDATE audit_log SET who = 'x' WHERE position = :position"), {"position": position})
    assert broken(database) == sorted(positions)
    database.close()


@pytest.fixture(scope="module")
def texts():
    """A log of texts of every kind, for changes of single bytes; each example mends what it changed."""
    database = connect("sqlite://")
    upgrade(database)
    with database.writing() as session:
        session.execute(text("DROP TRIGGER audit_log_no_update"))
        for who, payload in (("a reader", {"n": 1.5e300}), ("Dr. Ünal", {"name": "Ünal", "on": True}), ("a", {})):
            audit_log.append(session, AuditEvent("test.what", who, "a host", "key", payload))
    yield database
    database.close()


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 3), st.sampled_from(COLUMNS), st.integers(0, 10**6), st.integers(1, 255))
def test_a_change_of_any_single_byte_is_found(texts, position, column, place, flip):
    where = f"FROM audit_log WHERE position = {position}"
    with texts.reading() as session:
        before = session.execute(text(f'SELECT CAST("{column}" AS BLOB) {where}')).scalar_one()
    assume(before)
    changed = bytearray(before)
    changed[place % len(changed)] ^= flip

    def put(value):
        statement = f'UPDATE audit_log SET "{column}" = CAST(:value AS TEXT) WHERE position = {position}'
        with texts.writing() as session:
            session.execute(text(statement), {"value": value})

    put(bytes(changed))
    try:
        assert broken(texts)[0] == position
    finally:
        put(before)
    assert broken(texts) == []


@pytest.mark.parametrize("payload", ['{"name": 1}', '{"name":1 }', '{"name":1E0}', '{"name":1,"name":1}'])
def test_other_json_of_the_same_value_is_a_change(log, payload):
    with log.writing() as session:
        audit_log.append(session, AuditEvent("test", "a", "b", payload={"name": 1}))
    change(log, f"UPDATE audit_log SET payload = '{payload}' WHERE position = 6".replace(":", r"\:"))
    assert broken(log) == [6]
