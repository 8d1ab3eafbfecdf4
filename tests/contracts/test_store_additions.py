"""What every database must do for an addition: whole batches, rejections on record, unfinished until the end."""

from dataclasses import replace

import pytest
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import DEMO, sample_case

from radrag.domain import StudyImage, View
from radrag.errors import CorpusError, ReportError, StoreError
from radrag.store.repository import Store
from radrag.store.values import AddReport, Arrival, CorpusInfo, Rejection

LOST = Rejection("bad_row", "t.csv:2", "the row has 1 fields, the header 2.")
NOTE = Rejection("wrong_encoding", "t.csv:9", "read as Windows-1252.", kept=True)


@pytest.fixture
def store(url):  # noqa: F811
    with Store.open(url, who="reader", origin="host") as opened:
        yield opened


def arrival(number, source="", corpus="demo", **changes):
    case, sentences = sample_case(number, corpus)
    return Arrival(replace(case, **changes), sentences, source)


def state(store):
    (demo,) = store.corpora()
    return bool(demo.finished_at), demo.cases, demo.rejected


class TestBatches:
    def test_cases_and_rejections_are_written_together(self, store):
        report = store.write_batch(DEMO, [arrival(1), arrival(2)], [LOST, NOTE], run="a")
        assert report == AddReport(added=2)
        assert store.rejections("demo") == [LOST, NOTE]
        assert store.case("demo:00001") == sample_case(1)[0]
        assert store.verify_corpus("demo") == []

    @pytest.mark.parametrize(
        ("faulty", "error"),
        [
            (arrival(3, corpus="other"), CorpusError),
            (arrival(3, licence="NUL \0"), StoreError),
            (arrival(3, sections={"findings": "Other."}), ReportError),
        ],
    )
    def test_a_faulty_case_leaves_neither_cases_nor_rejections_of_its_batch(self, store, faulty, error):
        store.write_batch(DEMO, [arrival(1)], [], run="a")
        entries = len(store.audit_entries())
        with pytest.raises(error):
            store.write_batch(DEMO, [arrival(2), faulty], [LOST], run="a")
        assert [case.case_id for case in store.iter_cases()] == ["demo:00001"]
        assert store.rejections("demo") == []
        assert len(store.audit_entries()) == entries

    def test_an_id_of_another_corpus_leaves_no_trace_either(self, store):
        store.write_batch(CorpusInfo("other"), [arrival(1, corpus="other")], [], run="a")
        store.begin_addition(DEMO)
        case, _ = sample_case(1, "other")
        stolen = Arrival(replace(case, corpus="demo"), ())
        with pytest.raises(CorpusError, match="not named after its corpus: demo:"):
            store.write_batch(DEMO, [arrival(1), stolen], [LOST], run="a")
        assert store.rejections("demo") == []
        assert store.count_cases("demo") == 0

    def test_rejections_alone_are_a_batch_and_nothing_is_too(self, store):
        assert store.write_batch(DEMO, [], [LOST], run="a") == AddReport()
        assert store.write_batch(DEMO, [], [], run="a") == AddReport()
        assert store.rejections("demo") == [LOST]
        assert [entry.what for entry in store.audit_entries()] == []

    def test_the_same_batch_twice_changes_nothing(self, store):
        for expected in (AddReport(added=2), AddReport(unchanged=2)):
            assert store.write_batch(DEMO, [arrival(1), arrival(2)], [LOST, LOST], run="a") == expected
        assert store.rejections("demo") == [LOST]
        assert len(store.audit_entries()) == 1


class TestRejections:
    def test_they_come_by_item_and_can_be_asked_for_by_code(self, store):
        others = [Rejection("bad_row", "a.csv:3", "x"), Rejection("missing_image", "t.csv:2", "y")]
        store.write_batch(DEMO, [], [NOTE, *others, LOST], run="a")
        assert store.rejections("demo") == [others[0], LOST, others[1], NOTE]
        assert store.rejections("demo", code="bad_row") == [others[0], LOST]
        assert store.rejections("demo", code="no_such_code") == []

    def test_notes_on_kept_items_are_on_record_but_not_counted_as_lost(self, store):
        store.write_batch(DEMO, [], [LOST, NOTE], run="a")
        assert state(store)[2] == 1
        assert [one.kept for one in store.rejections("demo")] == [False, True]

    def test_a_later_word_on_the_same_item_and_code_wins(self, store):
        store.write_batch(DEMO, [], [LOST], run="a")
        store.write_batch(DEMO, [], [LOST, replace(LOST, message="new", kept=True)], run="a")
        assert store.rejections("demo") == [replace(LOST, message="new", kept=True)]

    def test_what_the_next_run_no_longer_meets_is_forgotten_at_its_end(self, store):
        store.write_batch(DEMO, [], [LOST, NOTE], run="a")
        store.finish_addition("demo", run="a")
        store.begin_addition(DEMO)
        store.write_batch(DEMO, [], [NOTE], run="b")
        assert store.rejections("demo") == [LOST, NOTE]  # b may still meet it
        store.finish_addition("demo", run="b")
        assert store.rejections("demo") == [NOTE]

    def test_other_corpora_keep_theirs(self, store):
        other = CorpusInfo("other")
        store.write_batch(other, [], [LOST], run="a")
        store.write_batch(DEMO, [], [LOST], run="b")
        store.finish_addition("demo", run="b")
        assert store.rejections("other") == [LOST]
        store.remove_corpus("demo")
        assert store.rejections("other") == [LOST]
        store.begin_addition(DEMO)
        assert store.rejections("demo") == []

    def test_many_are_written_at_once(self, store):
        many = [Rejection("bad_row", f"t.csv:{number:05d}", "x") for number in range(1500)]
        store.write_batch(DEMO, [], many, run="a")
        store.write_batch(DEMO, [], many, run="b")
        store.finish_addition("demo", run="b")
        assert store.rejections("demo") == many

    def test_a_file_name_that_is_not_unicode_can_be_reported(self, store):
        store.write_batch(DEMO, [], [Rejection("missing_report", "caf\udce9\0.txt", "half \ud800.")], run="a")
        assert store.rejections("demo") == [Rejection("missing_report", "caf\ufffd\ufffd.txt", "half \ufffd.")]

    def test_an_unknown_corpus_is_an_error(self, store):
        with pytest.raises(CorpusError, match="no corpus 'demo'"):
            store.rejections("demo")


class TestRuns:
    def test_an_addition_is_unfinished_until_it_is_finished(self, store):
        store.begin_addition(DEMO)
        assert state(store) == (False, 0, 0)
        store.write_batch(DEMO, [arrival(1)], [LOST], run="a")
        assert state(store) == (False, 1, 1)
        store.finish_addition("demo", run="a")
        assert state(store) == (True, 1, 1)

    def test_a_run_that_was_cut_off_shows_and_the_next_one_ends_it(self, store):
        store.begin_addition(DEMO)
        store.write_batch(DEMO, [arrival(1)], [LOST], run="cut off")
        store.begin_addition(DEMO)
        store.write_batch(DEMO, [arrival(1), arrival(2)], [], run="next")
        assert not state(store)[0]
        store.finish_addition("demo", run="next")
        assert state(store) == (True, 2, 0)

    def test_two_runs_in_turn_leave_the_corpus_as_the_last_one_that_ended(self, store):
        store.begin_addition(DEMO)
        store.write_batch(DEMO, [arrival(1)], [LOST], run="a")
        store.begin_addition(DEMO)
        store.write_batch(DEMO, [arrival(2)], [NOTE], run="b")
        store.finish_addition("demo", run="a")
        assert store.rejections("demo") == [LOST]
        store.write_batch(DEMO, [arrival(3)], [NOTE], run="b")  # b goes on: the corpus is open again
        assert state(store) == (False, 3, 1)
        store.finish_addition("demo", run="b")
        assert state(store) == (True, 3, 0)
        assert store.rejections("demo") == [NOTE]
        assert store.verify_corpus("demo") == []

    def test_adding_cases_by_hand_keeps_what_an_addition_rejected(self, store):
        store.write_batch(DEMO, [], [LOST], run="a")
        store.add_cases([sample_case(1)], corpus=DEMO)
        assert state(store) == (True, 1, 1)


class TestSources:
    def test_each_case_knows_what_it_was_made_from(self, store):
        store.write_batch(DEMO, [arrival(1, "s1"), arrival(2)], [], run="a")
        asked = ["demo:00001", "demo:00002", "demo:00003"]
        assert store.source_digests(asked) == {"demo:00001": "s1", "demo:00002": ""}
        assert store.source_digests([]) == {}

    def test_the_same_content_from_another_source_is_unchanged_but_remembers_it(self, store):
        store.write_batch(DEMO, [arrival(1, "s1")], [], run="a")
        assert store.write_batch(DEMO, [arrival(1, "s2")], [], run="b") == AddReport(unchanged=1)
        assert store.source_digests(["demo:00001"]) == {"demo:00001": "s2"}
        assert store.write_batch(DEMO, [arrival(1, "s3", sex="F")], [], run="b") == AddReport(updated=1)
        assert store.source_digests(["demo:00001"]) == {"demo:00001": "s3"}

    def test_many_are_looked_up_at_once(self, store):
        store.write_batch(DEMO, [arrival(1, "s1")], [], run="a")
        asked = [f"demo:{number:05d}" for number in range(2500)]
        assert store.source_digests(iter(asked)) == {"demo:00001": "s1"}


class TestStreams:
    def test_images_come_with_their_owner_in_order_of_arrival(self, store):
        images = (StudyImage("9", View.LATERAL, 1, 2, "/l.png", "p", "2020", "f", "h"), StudyImage("8", View.PA, 3, 4))
        store.write_batch(
            DEMO, [arrival(5, images=images, split="val"), arrival(2), arrival(4, images=())], [], run="a"
        )
        store.write_batch(CorpusInfo("other"), [arrival(1, corpus="other")], [], run="a")
        found = list(store.iter_images("demo", batch=1))
        assert [record.case_id for record in found] == ["demo:00005"] * 2 + ["demo:00002"] * 2
        assert tuple(record.image for record in found[:2]) == images
        assert (found[0].corpus, found[0].patient_key, found[0].split) == ("demo", "patient-2", "val")
        assert len(list(store.iter_images())) == 6

    def test_patients_come_with_the_split_as_given(self, store):
        store.write_batch(DEMO, [arrival(5, split="val"), arrival(1)], [], run="a")
        store.write_batch(CorpusInfo("other"), [arrival(1, corpus="other")], [], run="a")
        assert list(store.iter_patients("demo")) == [
            ("demo:00005", "patient-2", "val"),
            ("demo:00001", "patient-0", ""),
        ]
        assert len(list(store.iter_patients())) == 3


class TestRestriction:
    SECRET = CorpusInfo("demo", restricted=True)

    def test_a_restricted_corpus_takes_no_case_that_is_not_marked(self, store):
        with pytest.raises(CorpusError, match="not marked restricted"):
            store.write_batch(self.SECRET, [arrival(1)], [LOST], run="a")
        assert store.corpora() == []

    def test_the_mark_of_a_corpus_stays_until_it_is_removed(self, store):
        store.write_batch(self.SECRET, [arrival(1, restricted=True)], [], run="a")
        store.begin_addition(DEMO)
        store.write_batch(DEMO, [arrival(2)], [], run="b")
        assert store.corpora()[0].restricted
        assert store.corpora()[0].title == DEMO.title
        assert store.restricted_cases(["demo:00002", "demo:00001", "demo:9"]) == {"demo:00001", "demo:00002"}
        store.remove_corpus("demo")
        store.begin_addition(DEMO)
        assert not store.corpora()[0].restricted

    def test_the_mark_of_a_case_stays_and_its_checksum_holds(self, store):
        store.write_batch(DEMO, [arrival(1, restricted=True), arrival(2)], [], run="a")
        assert store.write_batch(DEMO, [arrival(1), arrival(2)], [], run="b") == AddReport(unchanged=2)
        assert store.write_batch(DEMO, [arrival(1, sex="F")], [], run="b") == AddReport(updated=1)
        assert store.restricted_cases(["demo:00001", "demo:00002"]) == {"demo:00001"}
        assert store.verify_corpus("demo") == []

    def test_images_of_restricted_cases_are_known_by_uid_file_and_pixels(self, store):
        image = StudyImage("1.9", View.PA, 1, 1, "/a.png", pixel_sha256="p", file_sha256="f")
        store.write_batch(DEMO, [arrival(1, restricted=True, images=(image,)), arrival(2)], [], run="a")
        bare = StudyImage("", View.PA, 1, 1)
        for same in (
            replace(bare, sop_instance_uid="1.9"),
            replace(bare, pixel_sha256="p"),
            replace(bare, file_sha256="f"),
        ):
            assert store.restricted_images([bare, same]) == {"demo:00001"}
        free = sample_case(2)[0].images[0]
        assert store.restricted_images([free, bare, replace(bare, path="/a.png")]) == frozenset()
        assert store.restricted_images([]) == frozenset()
