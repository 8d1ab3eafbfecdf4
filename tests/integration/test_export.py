"""``radrag export``: drafts of a workspace to files named by the draft alone, with what left on record."""

import json

import pytest
from click.testing import CliRunner
from export_support import SALT, SECRETS, SENTENCES, draft, study
from pydicom import dcmread
from review_support import checked, event

from data_prep.hl7 import parse_message
from data_prep.hl7_reports import reports_of
from data_prep.report_values import Status
from data_prep.sr_text import read_sr
from radrag.cli.export import command
from radrag.domain import Case
from radrag.review.decisions import apply, begin
from radrag.review.signoff import ATTESTATION
from radrag.review.values import Act, sentence_to_plain
from radrag.settings import load_settings
from radrag.store.repository import Store
from radrag.store.values import CorpusInfo


@pytest.fixture
def settings(tmp_path):
    return load_settings(workspace=tmp_path / "workspace", patient_salt=SALT)


@pytest.fixture
def store(settings):
    settings.workspace.mkdir()
    with Store.open(settings.url) as opened:
        yield opened


@pytest.fixture
def export(settings, tmp_path):
    def call(*arguments):
        return CliRunner().invoke(
            command, [*arguments, "--out", str(tmp_path / "out")], obj=settings, standalone_mode=False
        )

    return call


@pytest.fixture
def drafted(store, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    made = draft(study(folder))
    store.save_draft(made)
    return made


SIGNING = {"attestation": ATTESTATION, "name": "Dr. Ada Adams"}


def act(store, made, review, kind, **payload):
    done = event(review, kind, **payload)
    after = apply(review, done)
    store.add_review_event(made.draft_id, done, status=after.state.value)
    return after


def sign(store, made):
    review = begin(made)
    for item in review.items:
        review = act(store, made, review, Act.ACCEPT, item=item.key)
    return act(store, made, review, Act.SIGN, **SIGNING)


def test_the_draft_leaves_as_files_named_by_its_id(export, drafted, tmp_path):
    done = export(drafted.draft_id, "--format", "text", "--json")
    assert done.return_value == 0, done.output
    said = json.loads(done.stdout)
    assert (said["state"], said["signed"], said["identified"]) == ("draft", False, True)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [f"{drafted.draft_id}.txt"]


def test_no_identifier_is_in_file_names_messages_or_the_audit_log(export, drafted, store, tmp_path, caplog):
    with caplog.at_level("DEBUG"):
        done = export(drafted.draft_id)
    names = " ".join(path.name for path in (tmp_path / "out").iterdir())
    entries = " ".join(map(str, store.audit_entries()))
    told = done.output.replace(str(tmp_path), "") + names + entries + caplog.text
    assert not [secret for secret in SECRETS if secret in told]
    assert not list((tmp_path / "out").glob("*.part"))


def test_what_left_is_on_record(export, drafted, store):
    said = json.loads(export(drafted.draft_id, "--format", "text", "--json").stdout)
    entry = store.audit_entries()[-1]
    assert entry.what == "draft.exported"
    assert entry.payload["files"] == {one["form"]: one["sha256"] for one in said["files"]}
    assert entry.patient_key == drafted.study.patient_key


def test_a_signed_report_is_named_as_such_and_a_draft_is_not(export, drafted, store, tmp_path):
    assert "Nobody has signed" in export(drafted.draft_id, "--format", "text").stderr
    sign(store, drafted)
    done = export(drafted.draft_id, "--format", "text")
    assert "Nobody has signed" not in done.stderr
    assert "FINAL. Signed by Dr. Ada Adams" in (tmp_path / "out" / f"{drafted.draft_id}.txt").read_text()


def test_a_corrected_report_leaves_with_the_corrected_words_and_names_the_document_it_follows(
    export, drafted, store, tmp_path
):
    review = sign(store, drafted)
    path = tmp_path / "out" / f"{drafted.draft_id}.sr.dcm"
    export(drafted.draft_id, "--format", "sr")
    first = dcmread(path)
    right = (checked("There is a small right pleural effusion.", "Pleural Effusion"),)
    sentences = [sentence_to_plain(one) for one in right]
    act(store, drafted, review, Act.CORRECT, sentences=sentences, text="Side was wrong.", **SIGNING)
    export(drafted.draft_id, "--format", "sr,text")
    second = dcmread(path)
    earlier = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    assert earlier.ReferencedSOPInstanceUID == first.SOPInstanceUID
    text = path.with_name(f"{drafted.draft_id}.txt").read_text()
    assert "There is a small right pleural effusion." in text
    assert "left" not in text
    assert "Side was wrong." in text


def test_when_the_images_are_gone_only_the_export_without_identity_is_left(export, drafted, tmp_path):
    for path in (tmp_path / "images").iterdir():
        path.unlink()
    refused = export(drafted.draft_id, "--format", "text")
    assert "--without-identity" in str(refused.exception)
    assert not (tmp_path / "out").exists()
    done = export(drafted.draft_id, "--format", "text", "--without-identity")
    assert done.return_value == 0
    text = (tmp_path / "out" / f"{drafted.draft_id}.txt").read_text()
    assert drafted.study.patient_key in text
    assert not [secret for secret in SECRETS if secret in text]


def test_without_a_list_all_forms_are_written_and_a_second_time_they_are_the_same(export, drafted, tmp_path):
    first, second = (json.loads(export(drafted.draft_id, "--json").stdout)["files"] for _ in range(2))
    assert first == second
    suffixes = {path.name.removeprefix(drafted.draft_id) for path in (tmp_path / "out").iterdir()}
    assert suffixes == {".txt", ".pdf", ".sr.dcm", ".sr3d.dcm", ".pdf.dcm", ".fhir.json", ".hl7"}


def test_a_form_that_a_study_has_nothing_for_is_an_error_only_when_it_was_asked_for(export, store):
    made = draft(study(patient_key="0" * 32))
    store.save_draft(made)
    every = export(made.draft_id, "--without-identity", "--json")
    assert every.return_value == 0
    assert "sr3d: The study's first image is no DICOM file" in every.stderr
    assert len(json.loads(every.stdout)["files"]) == 6
    named = export(made.draft_id, "--without-identity", "--format", "text,sr3d", "--json")
    assert named.return_value == 1
    told = json.loads(named.stdout)
    assert [one["form"] for one in told["files"]] == ["text"]
    assert [(one["form"], one["code"]) for one in told["failed"]] == [("sr3d", "no_images")]


def test_the_sender_is_the_settings_or_the_one_named(export, drafted, tmp_path):
    export(drafted.draft_id, "--format", "text", "--institution", "General Hospital")
    assert "General Hospital" in (tmp_path / "out" / f"{drafted.draft_id}.txt").read_text()


def test_radrag_reads_what_it_wrote_and_takes_no_code_or_evidence_for_a_sentence(export, drafted, store, tmp_path):
    sign(store, drafted)
    export(drafted.draft_id, "--format", "sr,hl7")
    out = tmp_path / "out" / drafted.draft_id
    read = [read_sr(out.with_suffix(".sr.dcm"), "sr"), *reports_of(parse_message(out.with_suffix(".hl7").read_bytes()))]
    assert len(read) == 2
    for one in read:
        words = {name: text.split("\n") for name, text in one.sections.items() if name != "indication"}
        assert words == {
            "findings": [sentence.text for sentence in SENTENCES[:3]],
            "impression": [SENTENCES[3].text],
        }
        assert one.status is Status.FINAL
        assert one.accessions[0] == "ACC-4711"


def test_an_unknown_form_is_a_usage_error_that_lists_the_known(export, drafted):
    assert "Forms: text" in str(export(drafted.draft_id, "--format", "text,fax").exception)


def test_an_unknown_draft_is_an_error(export, store):
    assert "There is no draft 'nothing'" in str(export("nothing").exception)


def test_drafts_from_restricted_evidence_stay_until_someone_signs_and_then_leave_without_its_words(
    export, drafted, store, tmp_path
):
    case = Case("iu-xray:CXR1", "iu-xray", "p", (), {"findings": "Small left effusion."}, restricted=True)
    store.add_cases([(case, ())], corpus=CorpusInfo("iu-xray", restricted=True))
    refused = str(export(drafted.draft_id, "--format", "text").exception)
    assert "forbid passing" in refused
    assert "--quote-restricted" in refused
    sign(store, drafted)
    path = tmp_path / "out" / f"{drafted.draft_id}.txt"
    assert "named, not quoted" in export(drafted.draft_id, "--format", "text").stderr
    assert 'CXR1 findings: "[not quoted' in path.read_text()
    export(drafted.draft_id, "--format", "text", "--quote-restricted")
    assert 'CXR1 findings: "Small left effusion."' in path.read_text()
