"""The facade: who is put on record, and how a store is closed."""

import getpass

import pytest
from store_support import DEMO, sample_case

from radrag.domain import View
from radrag.store.repository import Store
from radrag.store.rows import chunks
from radrag.store.values import AddReport, AuditEvent


def test_the_user_of_the_system_is_on_record_unless_another_is_given(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "rosa")
    with Store.open("sqlite://", origin="desk 4") as store:
        store.add_cases([sample_case()], corpus=DEMO)
        entry = store.audit_entries()[0]
        assert (entry.who, entry.origin) == ("rosa", "desk 4")
        assert store.record(AuditEvent("test", "another", "desk 5")).who == "another"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_a_user_id_without_a_name_is_unknown(monkeypatch, error):
    def nameless():
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    with Store.open("sqlite://") as store:
        assert store.record(AuditEvent("test", store.who, store.origin)).who == "unknown"


def test_reports_add_up():
    total = AddReport(1, 2, 3) + AddReport(added=1)
    assert total == AddReport(2, 2, 3)
    assert total.total == 7


def test_more_ids_than_one_statement_takes(tmp_path):
    with Store.open(f"sqlite:///{tmp_path}/radrag.sqlite") as store:
        store.add_cases((sample_case(number) for number in range(1203)), corpus=DEMO, batch=1100)
        wanted = [f"demo:{number:05d}" for number in range(1203)]
        assert list(store.cases(wanted)) == wanted
        assert all(len(parts) == 3 for parts in store.sentences(iter(wanted)).values())
        assert store.case("demo:00007").images[1].view is View.LATERAL


def test_chunks_cover_everything_in_order():
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([])) == []
