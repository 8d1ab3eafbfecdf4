"""Entries of the audit log as DICOM audit messages: valid by the standard's schema, whole, of a patient key alone."""

import base64
import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import missing

from radrag.exchange.audit_events import event_of
from radrag.exchange.audit_messages import Source, message_of
from radrag.store.values import AuditEntry

SOURCE = Source("ward-3", "St. Mary")
NAMES = (
    "draft.saved draft.opened draft.exported draft.sent evidence.read case.read review.sign review.accept review.edit "
    "lease.taken_over login login.failed logout logout.everywhere account.added account.role_changed account.locked "
    "corpus.changed corpus.removed study.pulled images.deidentified something.new"
)


@pytest.fixture(scope="module")
def schema():
    """The schema of PS3.15 A.5.1, as a function that validates."""
    if importlib.util.find_spec("lxml") is None:
        missing("lxml")
    from lxml import etree

    rules = etree.RelaxNG(etree.parse(Path(__file__).parents[2] / "audit_message.rng"))

    def validate(message):
        rules.assertValid(etree.fromstring(message))

    return validate


def entry(what, payload=None, **values):
    given = {"who": "reader1", "origin": "10.0.0.7", "patient_key": "ab12", "position": 7}
    at = "2026-11-22T20:15:00.123456+00:00"
    return AuditEntry(what, **(given | values), at=at, payload=payload or {}, previous="0" * 64, hash="f" * 64)


def read(message):
    return ElementTree.fromstring(message)


@pytest.mark.parametrize("what", NAMES.split())
def test_every_kind_of_entry_is_valid_by_the_schema(schema, what):
    payload = {"draft_id": "d1", "account": "reader2", "server": "pacs/dicom-web", "destination": "archive", "n": [1]}
    schema(message_of(entry(what, payload), SOURCE))
    schema(message_of(entry(what, patient_key="", who="", origin=""), Source("s")))


_text = st.text(max_size=20)


@given(
    what=st.one_of(st.sampled_from(NAMES.split()), _text),
    payload=st.dictionaries(_text, st.one_of(_text, st.integers(), st.lists(_text, max_size=3)), max_size=4),
    named=st.fixed_dictionaries({"who": _text, "origin": _text, "patient_key": _text}),
    source=st.builds(Source, _text, _text),
)
def test_whatever_an_entry_holds_the_message_is_valid_and_one_line(schema, what, payload, named, source):
    message = message_of(entry(what, payload, **named), source)
    schema(message)
    assert b"\n" not in message


def test_all_of_the_payload_arrives():
    payload = {"draft_id": "d1", "version": 3, "files": {"pdf": "aé"}}
    details = read(message_of(entry("draft.exported", payload), SOURCE)).iter("ParticipantObjectDetail")
    found = {one.get("type"): base64.b64decode(one.get("value")).decode() for one in details}
    assert found == {
        **{"draft_id": "d1", "version": "3", "files": '{"pdf": "aé"}'},
        **{"hash": "f" * 64, "previous": "0" * 64},
    }


def test_who_what_when_where_and_whose_record():
    message = read(message_of(entry("review.sign", {"draft_id": "d1"}), SOURCE))
    event = message.find("EventIdentification")
    assert event.attrib == {
        "EventActionCode": "U",
        "EventDateTime": "2026-11-22T20:15:00.123456+00:00",
        "EventOutcomeIndicator": "0",
    }
    assert event.find("EventID").attrib == {
        "csd-code": "110110",
        "codeSystemName": "DCM",
        "originalText": "Patient Record",
    }
    asking = [one for one in message.iter("ActiveParticipant") if one.get("UserIsRequestor") == "true"]
    assert [
        (one.get("UserID"), one.get("NetworkAccessPointID"), one.get("NetworkAccessPointTypeCode")) for one in asking
    ] == [("reader1", "10.0.0.7", "2")]
    objects = {one.get("ParticipantObjectID"): one for one in message.iter("ParticipantObjectIdentification")}
    assert objects["ab12"].get("ParticipantObjectTypeCodeRole") == "1"
    assert objects["d1"].get("ParticipantObjectDataLifeCycle") == "4"  # verification
    assert message.find("AuditSourceIdentification").get("AuditEnterpriseSiteID") == "St. Mary"


def test_an_export_names_source_and_destination():
    message = read(message_of(entry("draft.sent", {"draft_id": "d1", "destination": "archive"}), SOURCE))
    roles = {one.get("UserID"): one.find("RoleIDCode").get("csd-code") for one in message.iter("ActiveParticipant")}
    assert roles["reader1"] == "110153" and roles["archive"] == "110154"
    assert message.find("EventIdentification/EventID").get("csd-code") == "110106"


def test_a_log_in_that_failed_is_a_failure_and_names_no_patient():
    message = read(message_of(entry("login.failed", {"account": "x"}, patient_key=""), SOURCE))
    event = message.find("EventIdentification")
    assert event.get("EventOutcomeIndicator") == "4"
    assert [one.get("csd-code") for one in event.iter("EventTypeCode")] == ["110122", "login.failed"]


def test_every_name_that_the_log_is_written_with_has_an_event():
    folder = Path(__file__).parents[3] / "radrag"
    written = set()
    for path in (*folder.rglob("*.py"), *(folder.parent / "ui").glob("*.py")):
        text = path.read_text()
        written |= set(re.findall(r'(?:AuditEvent|_event|_put_on_record)\(\s*(?:session, )?"([a-z_.]+)"', text))
    assert {"draft.saved", "login", "study.pulled"} <= written
    names = [name for name in sorted(written) if "." in name or name.startswith("log")]
    assert [name for name in names if event_of(name).id is None] == []
