"""What every database must do with drafts and the audit log; run on SQLite, file and memory, and on PostgreSQL."""

import dataclasses
import math
import threading
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import DEMO, any_draft, sample_case, sample_draft

from radrag.domain import DraftSentence, Status, View
from radrag.errors import StoreError
from radrag.store.repository import Store
from radrag.store.values import AuditEvent


@pytest.fixture
def store(url):  # noqa: F811
    with Store.open(url, who="reader", origin="host") as opened:
        yield opened


def add(store, *numbers, corpus=DEMO, **how):
    return store.add_cases([sample_case(number, corpus.name) for number in numbers], corpus=corpus, **how)


class TestDrafts:
    def test_a_draft_comes_back_as_it_was(self, store):
        draft = sample_draft()
        assert store.save_draft(draft) is True
        assert store.draft("d1") == draft
        assert store.study_images("d1") == draft.study.images

    def test_what_a_model_was_given_is_kept_by_its_hash_until_a_corpus_it_showed_goes(self, store):
        add(store, 1)
        hit = dataclasses.replace(sample_draft().hits[0], case_id=f"{DEMO.name}:1")
        pair = {"prompt_sha256": "aa", "output_sha256": "bb"}
        for name, hits, pairs in (("shown", (hit,), [pair]), ("other", (), [{"prompt_sha256": "cc"}])):
            texts = {sha256: f"text {sha256}" for one in pairs for sha256 in one.values()}
            draft = dataclasses.replace(
                sample_draft(), draft_id=name, hits=hits, provenance={"transcripts": pairs}, transcripts=texts
            )
            store.save_draft(draft)
            store.save_draft(dataclasses.replace(draft, draft_id=f"{name} again"))  # the same prompt, once
        assert store.transcript("aa") == "text aa"
        store.remove_corpus(DEMO.name)
        assert store.transcript("cc") == "text cc"
        for sha256 in ("aa", "bb"):
            with pytest.raises(StoreError, match="No transcript"):
                store.transcript(sha256)

    def test_saving_the_same_draft_again_does_nothing(self, store):
        draft = sample_draft()
        store.save_draft(draft)
        assert store.save_draft(dataclasses.replace(draft)) is False
        assert store.count_drafts() == 1
        assert len(store.audit_entries()) == 1

    def test_a_stored_draft_never_changes(self, store):
        draft = sample_draft()
        store.save_draft(draft)
        with pytest.raises(StoreError, match="stored already, with other content"):
            store.save_draft(dataclasses.replace(draft, warnings=()))
        assert store.draft("d1") == draft

    def test_an_unknown_draft_is_an_error(self, store):
        with pytest.raises(StoreError, match="no draft 'nothere'"):
            store.draft("nothere")
        assert store.study_images("nothere") == ()

    @pytest.mark.parametrize(
        ("provenance", "message"),
        [
            ({"a": {"b": math.nan}}, r"provenance\.a\.b is not a finite number"),
            ({"a": [0, object()]}, r"provenance\.a\[1\] is a object"),
            ({"a": {1: 2}}, r"provenance\.a has a key"),
        ],
    )
    def test_provenance_that_is_not_json_is_refused_whole(self, store, provenance, message):
        with pytest.raises(StoreError, match=message):
            store.save_draft(dataclasses.replace(sample_draft(), provenance=provenance))
        assert store.count_drafts() == 0

    def test_an_age_of_nan_is_refused(self, store):
        with pytest.raises(StoreError, match="age is NaN"):
            store.save_draft(sample_draft(age=math.nan))

    def test_a_word_outside_its_list_leaves_no_trace(self, store):
        draft = sample_draft()
        broken = dataclasses.replace(draft, sentences=(DraftSentence("findings", "x", "perhaps"),))
        with pytest.raises(StoreError, match=r"'perhaps' is no Status\. One of: supported"):
            store.save_draft(broken)
        assert store.drafts() == []
        assert store.audit_entries() == []

    def test_the_worklist_says_what_a_reader_needs(self, store):
        store.save_draft(sample_draft())
        [row] = store.drafts()
        assert row.draft_id == "d1"
        assert row.study_instance_uid == "1.2"
        assert row.patient_key == "pk"
        assert row.views == (View.PA, View.LATERAL)
        assert row.created_at == "2026-01-02T03:04:05.000000+00:00"
        assert row.status == "preliminary"
        assert row.sentences == {"supported": 1, "partial": 0, "unsupported": 1, "contradicted": 0}
        assert (row.omissions, row.warnings) == (2, 1)
        assert set(row.sentences) == set(Status)

    def test_the_worklist_is_newest_first_whatever_the_time_zone(self, store):
        times = {"a": "2026-01-01T12:00:00+00:00", "b": "2026-01-01T12:30:00+01:00", "c": "2026-01-01T12:00:00.5Z"}
        for draft_id, time in times.items():
            store.save_draft(sample_draft(draft_id, created_at=time))
        store.save_draft(sample_draft("d", created_at="no time at all"))  # then the time of the save
        assert [row.draft_id for row in store.drafts()] == ["d", "c", "a", "b"]
        assert [row.draft_id for row in store.drafts(limit=2, offset=1)] == ["c", "a"]

    def test_the_worklist_can_be_narrowed(self, store):
        store.save_draft(sample_draft("a", patient_key="one"))
        store.save_draft(sample_draft("b", patient_key="two"))
        assert [row.draft_id for row in store.drafts(patient_key="two")] == ["b"]
        assert store.count_drafts(patient_key="two", study_instance_uid="1.2") == 1
        assert store.drafts(status="signed") == []

    def test_evidence_is_read_on_record_and_survives_without_its_corpus(self, store):
        add(store, 1, 2, 3)
        store.save_draft(sample_draft())
        assert list(store.read_evidence("d1")) == ["demo:00001", "demo:00002"]
        entry = store.audit_entries()[-1]
        assert (entry.what, entry.who, entry.origin, entry.patient_key) == ("evidence.read", "reader", "host", "pk")
        assert entry.payload == {"draft_id": "d1", "cases": ["demo:00001", "demo:00002"]}
        store.remove_corpus("demo")
        assert store.read_evidence("d1") == {}
        assert store.draft("d1") == sample_draft()


class TestAuditLog:
    def test_what_is_done_is_on_record(self, store):
        add(store, 1)
        store.save_draft(sample_draft())
        store.remove_corpus("demo")
        entries = store.audit_entries()
        assert [entry.what for entry in entries] == ["corpus.changed", "draft.saved", "corpus.removed"]
        assert [entry.position for entry in entries] == [1, 2, 3]
        assert [entry.patient_key for entry in entries] == ["", "pk", ""]
        assert all(entry.at.endswith("+00:00") for entry in entries)
        assert store.verify_audit_log() == []
        assert store.audit_head() == (3, entries[-1].hash)
        assert store.audit_entries(after=1, limit=1) == [entries[1]]

    def test_the_log_refuses_changes(self, store):
        store.record(AuditEvent("test", "a", "b"))
        for statement in ("UPDATE audit_log SET who = 'x'", "DELETE FROM audit_log"):
            with pytest.raises(Exception, match="append-only"), store._database.engine.begin() as connection:
                connection.exec_driver_sql(statement)
        assert len(store.audit_entries()) == 1

    def test_threads_share_a_store(self, store):
        def work(number):
            add(store, number)
            store.save_draft(sample_draft(f"d{number}"))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.count_cases() == store.count_drafts() == 4
        assert store.verify_audit_log() == []


class TestAnyDraft:
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(draft=any_draft)
    def test_survives_being_saved(self, store, draft):
        draft = dataclasses.replace(draft, draft_id=f"{uuid.uuid4()} {draft.draft_id}")  # examples share the store
        store.save_draft(draft)
        loaded = store.draft(draft.draft_id)
        assert loaded == draft
        assert store.save_draft(loaded) is False
