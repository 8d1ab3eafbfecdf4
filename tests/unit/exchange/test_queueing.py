"""From report to outbox: made once, frozen, nothing unsigned by mistake, and known by what the receiver sees."""

import io
import json

import pytest
from export_support import SENTENCES
from outbox_support import DRAFT, add_to, sign, workspace_of
from pydicom import dcmread

from radrag.domain import Case
from radrag.errors import ExportError, RestrictedData, StoreError, UsageError
from radrag.exchange.destinations import read_destinations
from radrag.exchange.queueing import NotSigned, queue_report
from radrag.store.values import CorpusInfo

TABLES = {
    "pacs": {"kind": "dicom", "address": "127.0.0.1:1", "ae_title": "PACS"},
    "emr": {"kind": "fhir", "url": "http://127.0.0.1:1/r4"},
    "ris": {"kind": "mllp", "address": "127.0.0.1:1"},
    "share": {"kind": "folder", "path": "/srv/reports", "forms": ["text"]},
}
KNOWN = read_destinations(TABLES, {})


def queue(workspace, *names, **given):
    return queue_report(workspace, DRAFT, [KNOWN[name] for name in names], **given)


def contents(workspace, names):
    now = workspace.store.now()
    taken = [workspace.store.claim_message("w", name, now=now, lease=60) for name in names]
    return {(message.destination, message.form): content for message, content in taken}


def test_each_destination_gets_its_forms_under_the_names_that_are_in_the_bytes(tmp_path):
    with (made := workspace_of(tmp_path)).store:
        done = queue(made, "pacs", "emr", "ris", "share")
        assert done.failed == ()
        assert [(one.destination, one.form) for one in done.messages] == [
            *(("pacs", "sr"), ("pacs", "dicompdf"), ("emr", "fhir"), ("ris", "hl7"), ("share", "text"))
        ]
        assert {(one.report_state, one.version, one.identified) for one in done.messages} == {("final", 5, True)}
        ids = {one.form: one.identity for one in done.messages}
        held = contents(made, ["pacs", "emr", "ris", "share"])
        assert dcmread(io.BytesIO(held["pacs", "sr"])).SOPInstanceUID == ids["sr"]
        assert json.loads(held["emr", "fhir"])["id"] == ids["fhir"]
        assert held["ris", "hl7"].split(b"|")[9].decode() == ids["hl7"]
        assert ids["text"] == f"{DRAFT}.v5.txt"


def test_the_same_wish_again_and_files_that_changed_change_nothing(tmp_path):
    with (made := workspace_of(tmp_path)).store:
        first = queue(made, "share")
        made.settings = made.settings.with_changes(institution="Another Hospital")
        assert queue(made, "share") == first
        assert b"Another Hospital" not in contents(made, ["share"])["share", "text"]


def test_an_addendum_makes_a_message_of_its_own(tmp_path):
    with (made := workspace_of(tmp_path, signed=False)).store:
        draft = made.store.draft(DRAFT)
        review = sign(made.store, draft)
        (first,) = queue(made, "ris").messages
        add_to(made.store, draft, review)
        (second,) = queue(made, "ris").messages
        assert (second.version, second.report_state) == (first.version + 1, "appended")
        assert second.identity != first.identity


def test_an_unsigned_report_leaves_only_when_that_is_said_and_says_so_itself(tmp_path):
    with (made := workspace_of(tmp_path, signed=False)).store:
        with pytest.raises(NotSigned, match="not signed.*--preliminary"):
            queue(made, "ris", "share")
        assert made.store.messages() == []
        done = queue(made, "ris", "share", preliminary=True)
        assert {one.report_state for one in done.messages} == {"draft"}
        held = contents(made, ["ris", "share"])
        assert b"PRELIMINARY - UNVERIFIED" in held["share", "text"]
        assert b"|P|" in held["ris", "hl7"] and b"|F|" not in held["ris", "hl7"]


def test_named_forms_go_to_whoever_takes_them(tmp_path):
    with (made := workspace_of(tmp_path)).store:
        done = queue(made, "pacs", "ris", forms=["sr", "hl7"])
        assert [(one.destination, one.form) for one in done.messages] == [("pacs", "sr"), ("ris", "hl7")]
        with pytest.raises(UsageError, match="ris takes none of sr"):
            queue(made, "ris", forms=["sr"])
        with pytest.raises(UsageError, match="text: none of the destinations"):
            queue(made, "pacs", forms=["sr", "text"])


def test_a_form_that_the_study_has_nothing_for_is_left_out_unless_it_was_named(tmp_path):
    places = read_destinations({"pacs": TABLES["pacs"] | {"forms": ["sr", "sr3d"]}}, {})["pacs"]
    denied = tuple(one for one in SENTENCES if "pneumothorax" in one.text)
    with (made := workspace_of(tmp_path, sentences=denied)).store:
        done = queue_report(made, DRAFT, [places])
        assert ([one.form for one in done.messages], done.failed) == (["sr"], ())
        named = queue_report(made, DRAFT, [places], forms=["sr3d"])
        assert named.messages == ()
        assert [(form, error.code) for form, error in named.failed] == [("sr3d", "no_regions")]


def test_nothing_is_queued_of_a_study_whose_patient_is_not_known(tmp_path):
    with (made := workspace_of(tmp_path, images=False)).store:
        with pytest.raises(ExportError) as caught:
            queue(made, "share")
        assert caught.value.code == "no_identity"
        with pytest.raises(StoreError, match="no draft"):
            queue_report(made, "another", [KNOWN["share"]])


def test_an_unsigned_report_that_rests_on_restricted_cases_does_not_leave(tmp_path):
    with (made := workspace_of(tmp_path, signed=False)).store:
        case = Case("iu-xray:CXR1", "iu-xray", "", (), {"findings": "Old. Small left effusion."}, restricted=True)
        made.store.add_cases([(case, [])], corpus=CorpusInfo("iu-xray", restricted=True))
        with pytest.raises(RestrictedData):
            queue(made, "share", preliminary=True)
        assert made.store.messages() == []
