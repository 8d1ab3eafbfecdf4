"""What every database behind the store must do; run on a SQLite file, on SQLite in memory and on PostgreSQL."""

import dataclasses

import pytest
from store_databases import postgres_server, postgres_url, url  # noqa: F401 - fixtures
from store_support import DEMO, sample_case

from radrag.domain import Case, Polarity
from radrag.errors import CorpusError, ReportError, StoreError, UsageError
from radrag.store.repository import Store
from radrag.store.values import AddReport, CorpusInfo


@pytest.fixture
def store(url):  # noqa: F811
    with Store.open(url, who="reader", origin="host") as opened:
        yield opened


def add(store, *numbers, corpus=DEMO, **how):
    return store.add_cases([sample_case(number, corpus.name) for number in numbers], corpus=corpus, **how)


class TestCorpora:
    def test_cases_and_sentences_come_back_as_they_were(self, store):
        assert add(store, 1, 2, 3) == AddReport(added=3)
        for number in (1, 2, 3):
            case, sentences = sample_case(number)
            assert store.case(case.case_id) == case
            assert list(store.case(case.case_id).sections) == list(case.sections)
            assert store.sentences([case.case_id]) == {case.case_id: sentences}

    def test_adding_twice_changes_nothing(self, store):
        add(store, 1, 2)
        entries = len(store.audit_entries())
        assert add(store, 1, 2, 3) == AddReport(added=1, unchanged=2)
        assert add(store, 1, 2, 3) == AddReport(unchanged=3)
        assert store.count_cases() == 3
        assert len(store.audit_entries()) == entries + 1  # nothing happened, nothing is on record

    def test_changed_content_replaces_the_case_in_its_place(self, store):
        add(store, 1, 2)
        changed = sample_case(1, text="Large effusion. Heart is big.")
        assert store.add_cases([changed], corpus=DEMO) == AddReport(updated=1)
        assert store.case("demo:00001") == changed[0]
        assert store.sentences(["demo:00001"])["demo:00001"] == changed[1]
        assert [case.case_id for case in store.iter_cases()] == ["demo:00001", "demo:00002"]
        assert store.verify_corpus("demo") == []

    def test_a_case_without_images_sections_or_sentences_is_kept(self, store):
        bare = Case("demo:bare", "demo", "", (), {})
        store.add_cases([(bare, ())], corpus=DEMO)
        assert store.case("demo:bare") == bare
        assert store.sentences(["demo:bare"]) == {"demo:bare": ()}

    def test_the_list_counts_what_is_there(self, store):
        add(store, 1, 2, 3)
        add(store, 1, corpus=CorpusInfo("another"))
        another, demo = store.corpora()
        assert (another.name, another.cases) == ("another", 1)
        assert (demo.title, demo.licence, demo.restricted, demo.source) == (
            "Demonstration",
            "CC-BY-4.0",
            False,
            "tests",
        )
        assert (demo.cases, demo.patients, demo.images, demo.sentences) == (3, 2, 6, 9)
        assert store.count_cases() == 4
        assert store.count_cases("another") == 1

    def test_an_empty_corpus_is_listed_and_its_metadata_can_change(self, store):
        store.add_cases([], corpus=DEMO)
        first = store.corpora()[0]
        store.add_cases([], corpus=dataclasses.replace(DEMO, title="Other"))
        second = store.corpora()[0]
        assert second == dataclasses.replace(first, title="Other", finished_at=second.finished_at)
        assert first.cases == first.images == 0

    def test_removal_leaves_other_corpora_alone(self, store):
        add(store, 1, 2)
        add(store, 1, corpus=CorpusInfo("another"))
        assert store.remove_corpus("demo") == 2
        assert [corpus.name for corpus in store.corpora()] == ["another"]
        assert store.sentences(["demo:00001"]) == {}
        assert [sentence.case_id for sentence in store.sentences_with("edema")] == ["another:00001"]
        assert add(store, 1, 2) == AddReport(added=2)

    @pytest.mark.parametrize("ask", [Store.remove_corpus, Store.verify_corpus])
    def test_an_unknown_corpus_is_an_error_that_lists_the_known(self, store, ask):
        add(store, 1)
        with pytest.raises(CorpusError, match=r"no corpus 'nothere'.*demo"):
            ask(store, "nothere")

    def test_an_unknown_case_is_an_error(self, store):
        with pytest.raises(CorpusError, match="no case 'demo:9'"):
            store.case("demo:9")

    def test_many_ids_come_in_the_order_asked_for_without_the_unknown(self, store):
        add(store, 1, 2, 3)
        asked = ["demo:00003", "demo:9", "demo:00001", "demo:00003"]
        assert list(store.cases(asked)) == ["demo:00003", "demo:00001"]
        assert list(store.sentences(asked)) == ["demo:00003", "demo:00001"]

    def test_streams_keep_the_order_of_arrival_across_batches(self, store):
        add(store, 5, 1, 4, 2, 3, batch=2)
        add(store, 1, corpus=CorpusInfo("another"))
        numbers = [case.case_id for case in store.iter_cases("demo", batch=2)]
        assert numbers == ["demo:00005", "demo:00001", "demo:00004", "demo:00002", "demo:00003"]
        assert len(list(store.iter_cases())) == 6
        expected = [sentence for number in (5, 1, 4, 2, 3) for sentence in sample_case(number)[1]]
        assert list(store.iter_sentences("demo", batch=2)) == expected

    def test_writing_while_reading_a_stream_works(self, store):
        add(store, 1, 2)
        for number, _ in enumerate(store.iter_cases(batch=1), start=10):
            if number < 12:
                add(store, number)
        assert store.count_cases() == 4

    def test_sentences_are_found_by_finding_and_polarity(self, store):
        add(store, 1, 2)
        assert [s.text for s in store.sentences_with("effusion")] == ["No effusion.", "Effusion möglich."] * 2
        uncertain = store.sentences_with("effusion", Polarity.UNCERTAIN)
        assert uncertain == [sample_case(1)[1][2], sample_case(2)[1][2]]
        assert store.sentences_with("effusion", limit=1, offset=1) == uncertain[:1]
        assert store.sentences_with("effusion", Polarity.POSITIVE) == []
        assert store.sentences_with("effusion", corpus="another") == []

    def test_the_fingerprint_depends_on_content_not_on_order_of_arrival(self, store):
        empty = store.corpus_fingerprint()
        add(store, 1)
        one = store.corpus_fingerprint()
        add(store, 2)
        both = store.corpus_fingerprint()
        assert len({empty, one, both}) == 3
        store.remove_corpus("demo")
        assert store.corpus_fingerprint() == empty
        add(store, 2, 1)
        assert store.corpus_fingerprint() == store.corpus_fingerprint("demo") == both

    def test_damage_is_found(self, store):
        add(store, 1, 2)
        with store._database.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE sections SET text = 'Is effusion. Heart size is normal.' WHERE position = 0"
            )
            connection.exec_driver_sql("UPDATE cases SET content_sha256 = 'x' WHERE case_id = 'demo:00002'")
        assert store.verify_corpus("demo") == ["demo:00001", "demo:00002"]


class TestRefusedCases:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"text": "No Effusion."}, "not section"),
            ({"end": 11}, "not section"),
            ({"end": 1000}, "outside 0:34"),
            ({"start": -1}, "outside"),
            ({"section": "history"}, "no such section"),
            ({"case_id": "demo:2"}, "another case"),
            ({"number": 1}, "twice"),
        ],
    )
    def test_a_sentence_that_does_not_fit_its_section(self, store, change, message):
        case, sentences = sample_case(1)
        broken = dataclasses.replace(sentences[0], **change)
        with pytest.raises(ReportError, match=message):
            store.add_cases([(case, (broken, *sentences[1:]))], corpus=DEMO)
        assert store.count_cases() == 0

    def test_a_finding_outside_its_section(self, store):
        case, sentences = sample_case(1)
        finding = dataclasses.replace(sentences[0].findings[0], end=35)
        with pytest.raises(ReportError, match="outside the section"):
            store.add_cases([(case, (dataclasses.replace(sentences[0], findings=(finding,)),))], corpus=DEMO)

    def test_a_case_of_another_corpus(self, store):
        with pytest.raises(CorpusError, match="added to 'demo'"):
            store.add_cases([sample_case(1, "another")], corpus=DEMO)

    def test_an_id_that_another_corpus_has(self, store):
        add(store, 1)
        case, _ = sample_case(1)
        with pytest.raises(CorpusError, match="not named after its corpus: two:"):
            store.add_cases([(dataclasses.replace(case, corpus="two"), ())], corpus=CorpusInfo("two"))
        assert store.case("demo:00001") == case

    def test_an_unrestricted_case_in_a_restricted_corpus(self, store):
        with pytest.raises(CorpusError, match="not marked restricted"):
            add(store, 1, corpus=dataclasses.replace(DEMO, restricted=True))

    def test_one_id_with_two_contents(self, store):
        with pytest.raises(CorpusError, match="twice, with different content"):
            store.add_cases([sample_case(1), sample_case(1, text="Other.")], corpus=DEMO)
        assert store.add_cases([sample_case(1), sample_case(1)], corpus=DEMO) == AddReport(added=1, unchanged=1)

    def test_a_batch_of_nothing(self, store):
        with pytest.raises(UsageError):
            add(store, 1, batch=0)

    @pytest.mark.parametrize("text", ["NUL \x00 here.", "half \ud800 pair."])
    def test_text_that_a_database_cannot_hold(self, store, text):
        with pytest.raises(StoreError, match=r"NUL|surrogate"):
            store.add_cases([sample_case(1), sample_case(2, text=text)], corpus=DEMO)
        assert store.count_cases() == 0

    def test_a_failing_batch_leaves_no_trace_and_earlier_ones_stay(self, store):
        def stream():
            yield from (sample_case(number) for number in range(1, 6))
            raise RuntimeError("the source broke")

        with pytest.raises(RuntimeError, match="the source broke"):
            store.add_cases(stream(), corpus=DEMO, batch=2)
        assert [case.case_id for case in store.iter_cases()] == [f"demo:{number:05d}" for number in range(1, 5)]
        assert store.verify_corpus("demo") == []
