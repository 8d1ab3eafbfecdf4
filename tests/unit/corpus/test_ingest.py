"""Adding a collection: once, whole, in any number of processes, with every rejected item on record."""

from dataclasses import replace

import pytest

from radrag.corpus import ingest as ingesting
from radrag.corpus.collection import Collection, Merge, Rejection, RejectionCode
from radrag.corpus.ingest import ingest
from radrag.domain import Case, StudyImage, View
from radrag.errors import CorpusError, UsageError
from radrag.store.repository import Store
from radrag.store.values import AddReport, CorpusInfo

INFO = CorpusInfo("demo", title="Demonstration")


def case(number, text="", **changes):
    made = Case(
        case_id=f"demo:{number}",
        corpus="demo",
        patient_key=f"p{number}",
        images=(),
        sections={"findings": text or f"There is a nodule in zone {number}. No effusion."},
    )
    return replace(made, **changes)


def collection(items, merge=Merge.REPLACE, root=None):
    return Collection(INFO, items, merge=merge, root=root)


@pytest.fixture
def store():
    with Store.open("sqlite://") as opened:
        yield opened


def add(store, items, *, merge=Merge.REPLACE, root=None, **how):
    return ingest(collection(items, merge, root), store, **({"workers": 0} | how))


def test_cases_are_stored_with_their_sentences_and_findings(store):
    report = add(store, [case(1)])
    assert report.cases == AddReport(added=1)
    sentences = store.sentences(["demo:1"])["demo:1"]
    assert [[f.label for f in one.findings] for one in sentences] == [["Nodule"], ["Pleural Effusion"]]


def test_a_second_run_adds_nothing_and_reads_nothing(store, monkeypatch):
    add(store, [case(n) for n in range(5)])
    entries = len(store.audit_entries())
    monkeypatch.setattr(ingesting.Preparer, "__call__", None)  # whoever prepares now, fails
    assert add(store, [case(n) for n in range(5)]).cases == AddReport(unchanged=5)
    assert len(store.audit_entries()) == entries


def test_a_changed_report_replaces_the_case_and_the_rest_is_passed_over(store):
    add(store, [case(1), case(2)])
    assert add(store, [case(1, "Clear lungs."), case(2)]).cases == AddReport(unchanged=1, updated=1)
    assert store.case("demo:1").sections == {"findings": "Clear lungs."}


def test_an_id_given_twice_keeps_the_first_and_is_reported(store):
    report = add(store, [case(1, "First."), case(2), case(1, "Second."), case(2)])
    assert (report.cases, report.rejected) == (AddReport(added=2, unchanged=1), {"duplicate_id": 1})
    assert store.case("demo:1").sections == {"findings": "First."}
    assert [(one.code, one.item) for one in store.rejections("demo")] == [("duplicate_id", "demo:1")]


def test_duplicates_far_apart_are_found_too(store, monkeypatch):
    monkeypatch.setattr(ingesting, "TASK", 2)
    monkeypatch.setattr(ingesting, "BATCH", 3)
    items = [case(n) for n in range(20)] + [case(3, "Another text.")]
    assert add(store, items).rejected == {"duplicate_id": 1}


def test_rejections_of_the_reader_are_kept_until_a_run_does_not_meet_them(store):
    lost = Rejection(RejectionCode.BROKEN_XML, "a.xml", "it is not XML.")
    note = Rejection(RejectionCode.WRONG_ENCODING, "b.txt", "it was read as UTF-16.", kept=True)
    report = add(store, [lost, case(1), note])
    assert (report.rejected, report.kept, report.examples) == ({"broken_xml": 1}, {"wrong_encoding": 1}, [lost])
    assert store.rejections("demo") == [lost, note]
    assert store.corpora()[0].rejected == 1
    add(store, [case(1), note])
    assert store.rejections("demo") == [note]


def test_a_missing_image_is_reported_each_time_until_it_is_there(store, sample_radiograph, tmp_path):
    image = StudyImage("1.2.3", View.PA, 0, 0, path=str(tmp_path / "images" / "a.dcm"))
    with_image = case(1, images=(image,))
    for _ in range(2):
        report = add(store, [with_image], root=tmp_path)
        assert report.rejected == {"missing_image": 1}
        assert [one.item for one in store.rejections("demo")] == ["images/a.dcm"]
        assert store.case("demo:1").images == ()
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.dcm").write_bytes(sample_radiograph.read_bytes())
    report = add(store, [with_image], root=tmp_path)
    assert (report.cases, report.rejected) == (AddReport(updated=1), {})
    held = store.case("demo:1").images[0]
    assert (held.sop_instance_uid, held.view, held.rows, held.columns) == ("1.2.3", View.PA, 1955, 1841)
    assert held.file_sha256 and held.pixel_sha256 and held.perceptual_hash
    assert store.rejections("demo") == []


def test_without_reading_images_they_are_kept_as_the_source_has_them(store, tmp_path):
    image = StudyImage("1.2.3", View.PA, 0, 0, path=str(tmp_path / "not-there.dcm"))
    assert add(store, [case(1, images=(image,))], read_images=False).rejected == {}
    assert store.case("demo:1").images == (image,)


def test_update_and_fill_join_two_sources_of_one_case(store):
    add(store, [case(1, "Clear lungs.", labels=("normal",))])
    new = replace(case(1, "Lungs are clear."), sections={"findings": "Lungs are clear.", "impression": "Normal."})
    add(store, [new], merge=Merge.FILL)
    assert store.case("demo:1").sections == {"findings": "Clear lungs.", "impression": "Normal."}
    add(store, [new], merge=Merge.UPDATE)
    assert store.case("demo:1").sections == {"findings": "Lungs are clear.", "impression": "Normal."}
    assert store.case("demo:1").labels == ("normal",)


def test_processes_change_nothing_but_the_speed(store, monkeypatch):
    monkeypatch.setattr(ingesting, "TASK", 10)
    items = [case(n) for n in range(45)]
    with Store.open("sqlite://") as other:
        assert add(store, items, workers=2).cases == add(other, items).cases == AddReport(added=45)
        assert store.corpus_fingerprint() == other.corpus_fingerprint()
        assert [one.case_id for one in store.iter_cases()] == [one.case_id for one in items]


def test_progress_counts_every_case_once(store):
    counted = []
    add(store, [case(1), case(2), case(1)], progress=counted.append)
    assert sum(counted) == 3
    counted.clear()
    add(store, [case(1), case(2)], progress=counted.append)
    assert sum(counted) == 2


def test_what_was_written_before_the_source_failed_stays_and_the_corpus_counts_as_unfinished(store, monkeypatch):
    monkeypatch.setattr(ingesting, "TASK", 2)
    monkeypatch.setattr(ingesting, "BATCH", 2)

    def broken():
        yield from (case(n) for n in range(10))
        raise CorpusError("The disk is gone.")

    with pytest.raises(CorpusError, match="disk is gone"):
        add(store, broken())
    assert store.count_cases() > 0
    assert store.corpora()[0].finished_at == ""
    assert add(store, [case(n) for n in range(10)]).cases.total == 10
    assert store.count_cases() == 10
    assert store.corpora()[0].finished_at


def test_a_case_of_labels_alone_has_sentences_to_cite(store):
    add(store, [replace(case(1), sections={"labels": "Cardiomegaly. No pleural effusion."})])
    found = store.sentences(["demo:1"])["demo:1"]
    assert [one.section for one in found] == ["labels", "labels"]


def test_a_negative_number_of_workers_is_refused(store):
    with pytest.raises(UsageError, match="workers is -1"):
        add(store, [case(1)], workers=-1)
