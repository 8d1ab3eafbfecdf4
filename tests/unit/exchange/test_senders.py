"""Each way of sending: what the receiver gets, what is kept of its answer, and what a failure means for the message."""

import errno
import io
import json
import os
import stat

import pytest
from export_support import outgoing
from hl7apy.parser import parse_message
from outbox_support import (
    Archive,
    HospitalSystem,
    WebReceiver,
    a_destination,
    a_message,
    acknowledging,
    closed_port,
    multipart,
    stored,
    transacted,
)
from pydicom import dcmread

from radrag.domain import ReportState
from radrag.exchange.delivery import NotDelivered, deliver
from radrag.exchange.queueing import identity_of
from radrag.export.files import FORMS
from radrag.store.outbox_values import Trouble

AWAY, FAILED, REFUSED = Trouble


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return outgoing(ReportState.FINAL, tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def forms(report):
    return {form: FORMS[form].write(report) for form in ("sr", "fhir", "hl7", "text")}


@pytest.fixture
def send(report, forms):
    def call(destination, form, *, content=None, **values):
        identity = identity_of(report, form, forms[form], destination.kind)
        return deliver(destination, a_message(form, identity, **values), content or forms[form])

    return call


@pytest.fixture(scope="module")
def archive():
    with Archive() as one:
        yield one


def failure(send, destination, form):
    with pytest.raises(NotDelivered) as caught:
        send(destination, form)
    return caught.value.trouble, caught.value.code


def test_a_destination_gets_no_form_that_it_cannot_take(send):
    emr = a_destination(kind="fhir", url="http://127.0.0.1:1/")
    assert failure(send, emr, "sr") == (REFUSED, "wrong_form")


# C-STORE


def dicom(archive, **table):
    return a_destination(**{"kind": "dicom", "address": archive.address, "ae_title": "PACS", "timeout": 5} | table)


def test_an_archive_gets_the_data_set_as_it_was_written(send, forms):
    with Archive() as archive:
        assert send(dicom(archive, calling_ae="WARD7"), "sr") == {"status": "0000"}
    ((caller, syntax, data),) = archive.got
    assert (caller, syntax) == ("WARD7", "1.2.840.10008.1.2.1")
    assert forms["sr"].endswith(data) and len(data) > 1000


def test_an_archive_that_knows_only_the_default_syntax_gets_that(send, report):
    with Archive(classes=("1.2.840.10008.5.1.4.1.1.88.22", "1.2.840.10008.1.2")) as archive:
        assert send(dicom(archive), "sr") == {"status": "0000"}
    ((_, _, data),) = archive.got
    again = dcmread(io.BytesIO(data), force=True)
    assert again.SOPInstanceUID == report.uid("sr") and again.VerificationFlag == "VERIFIED"


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        (0x0111, None),  # it came the first time, and the answer was lost
        (0xB000, None),  # stored, with something coerced
        (0xA700, AWAY),
        (0xA7FF, AWAY),
        (0x0124, AWAY),
        (0xA900, REFUSED),
        (0xC123, REFUSED),
        (0x0122, REFUSED),
    ],
)
def test_what_a_status_of_the_archive_means(send, archive, status, meant):
    archive.status = status
    if meant is None:
        assert send(dicom(archive), "sr") == {"status": f"{status:04X}"}
    else:
        assert failure(send, dicom(archive), "sr") == (meant, f"status_{status:04x}")


def test_an_archive_that_is_away_or_does_not_know_us_is_tried_again(send):
    nobody = a_destination(kind="dicom", address=f"127.0.0.1:{closed_port()}", ae_title="PACS", timeout=5)
    assert failure(send, nobody, "sr") == (AWAY, "unreachable")
    with Archive(known=["OTHER"]) as archive:
        assert failure(send, dicom(archive), "sr") == (AWAY, "association_rejected")
        assert failure(send, dicom(archive, ae_title="ELSEWHERE"), "sr") == (AWAY, "association_rejected")


def test_an_archive_without_structured_reports_is_not_asked_again(send):
    with Archive(classes=("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.1.2.1")) as archive:
        assert failure(send, dicom(archive), "sr") == (REFUSED, "class_not_accepted")


# STOW-RS


def stow(receiver, **table):
    return a_destination(kind="stow", url=f"{receiver.url}/dicom-web/", **{"timeout": 5} | table)


def test_a_web_archive_gets_one_part_with_the_very_bytes(send, forms):
    with WebReceiver(stored) as receiver:
        assert send(stow(receiver), "sr") == {"http": 200}
    ((path, headers, body),) = receiver.got
    assert (path, headers["Accept"]) == ("/dicom-web/studies", "application/dicom+json")
    assert multipart(headers, body) == [forms["sr"]]


def failed_item(report, reason):
    return {
        "00081198": {
            "vr": "SQ",
            "Value": [
                {
                    "00081155": {"vr": "UI", "Value": [report.uid("sr")]},
                    "00081197": {"vr": "US", "Value": [reason]},
                }
            ],
        }
    }


@pytest.mark.parametrize(
    ("status", "reason", "meant"), [(409, 0xA700, AWAY), (409, 0xC000, REFUSED), (202, 0xA900, REFUSED)]
)
def test_a_web_archive_says_for_each_object_why_it_failed(send, report, status, reason, meant):
    with WebReceiver((status, failed_item(report, reason))) as receiver:
        assert failure(send, stow(receiver), "sr") == (meant, f"status_{reason:04x}")


def test_an_object_that_is_there_already_is_delivered(send, report):
    with WebReceiver((409, failed_item(report, 0x0111))) as receiver:
        assert send(stow(receiver), "sr") == {"http": 409, "status": "0111"}


def test_a_page_that_answers_200_without_naming_the_object_is_not_believed(send):
    with WebReceiver((200, b"<html>Please log in</html>")) as receiver:
        assert failure(send, stow(receiver), "sr") == (FAILED, "bad_reply")
    with WebReceiver((200, {"00081199": {"Value": [{"00081155": {"Value": ["1.2.3"]}}]}})) as receiver:
        assert failure(send, stow(receiver), "sr") == (FAILED, "bad_reply")


# FHIR


def fhir(receiver, **table):
    return a_destination(kind="fhir", url=f"{receiver.url}/r4", **{"timeout": 5} | table)


def test_a_fhir_server_gets_one_transaction_that_is_valid_and_the_same_each_time(send, forms):
    from fhirclient.models.bundle import Bundle

    with WebReceiver(transacted) as receiver:
        first = send(fhir(receiver), "fhir")
        assert first == {"http": 200, "location": "DiagnosticReport/x0/_history/1"}
        assert send(fhir(receiver), "fhir") == first
    (path, headers, body), (_, _, again) = receiver.got
    assert (path, body, again) == ("/r4", forms["fhir"], forms["fhir"])
    assert headers["Content-Type"].startswith("application/fhir+json")
    bundle = Bundle(json.loads(body))  # raises where it is not R4
    assert bundle.type == "transaction"
    for entry in bundle.entry:  # a second time, nothing is made that is there
        assert entry.request.method == "PUT" or entry.request.ifNoneExist


def outcome(*codes):
    """What a FHIR server says, with the patient's name in its texts."""
    return {
        "resourceType": "OperationOutcome",
        "text": {"status": "generated", "div": "<div>Doe, Jane</div>"},
        "issue": [
            {"severity": "error", "code": code, "diagnostics": "Patient Doe^Jane PAT-0815", "details": {"text": "Doe"}}
            for code in codes
        ],
    }


@pytest.mark.parametrize(
    ("status", "meant"),
    [
        *((status, REFUSED) for status in (400, 412, 413, 422)),
        *((status, FAILED) for status in (409, 500, 501)),
        *((status, AWAY) for status in (302, 401, 403, 404, 429, 503, 504)),
    ],
)
def test_what_a_status_of_the_fhir_server_means(send, status, meant):
    with WebReceiver((status, outcome("invalid"))) as receiver:
        assert failure(send, fhir(receiver), "fhir") == (meant, f"http_{status}")
        assert len(receiver.got) == 1  # a redirect is not followed


def test_of_a_refusal_only_codes_are_kept(send):
    with (
        WebReceiver((422, outcome("required", "Doe Jane", "code-invalid"))) as receiver,
        pytest.raises(NotDelivered) as caught,
    ):
        send(fhir(receiver), "fhir")
    assert str(caught.value) == "The server answered 422: required, code-invalid."


@pytest.mark.parametrize(
    "answer",
    [
        {"resourceType": "Bundle", "type": "batch-response", "entry": []},
        {"resourceType": "Bundle", "type": "transaction-response"},
        ["transaction-response"],
        b"<html></html>",
        b"",
    ],
)
def test_an_answer_that_is_no_transactions_response_is_not_believed(send, answer):
    with WebReceiver((200, answer)) as receiver:
        assert failure(send, fhir(receiver), "fhir") == (FAILED, "bad_reply")


def test_a_server_that_refused_one_entry_has_not_taken_the_report(send):
    def all_but_one(*request):
        status, bundle = transacted(*request)
        bundle["entry"][3]["response"]["status"] = "422 Unprocessable Entity"
        return status, bundle

    with WebReceiver(all_but_one) as receiver:
        assert failure(send, fhir(receiver), "fhir") == (REFUSED, "entry_refused")


def test_a_server_that_is_silent_or_away_is_tried_again(send):
    with WebReceiver(None) as receiver:
        assert failure(send, fhir(receiver, timeout=0.2), "fhir") == (AWAY, "timed_out")
    nobody = a_destination(kind="fhir", url=f"http://127.0.0.1:{closed_port()}/r4")
    assert failure(send, nobody, "fhir") == (AWAY, "unreachable")


def test_a_server_is_shown_our_password_or_token(send, monkeypatch):
    with WebReceiver(transacted) as receiver:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # nobody else gets to see the patient
        monkeypatch.setenv("RADRAG_PASSWORD_THERE", "sesame")
        from radrag.exchange.destinations import read_destinations

        table = {"kind": "fhir", "url": receiver.url}
        send(read_destinations({"there": table | {"user": "radrag"}})["there"], "fhir")
        monkeypatch.setenv("RADRAG_TOKEN_THERE", "open")
        send(read_destinations({"there": table})["there"], "fhir")
    assert [headers["Authorization"] for _, headers, _ in receiver.got] == ["Basic cmFkcmFnOnNlc2FtZQ==", "Bearer open"]


# MLLP


def mllp(system, **table):
    return a_destination(kind="mllp", address=system.address, **{"timeout": 5} | table)


def test_a_hospital_system_gets_the_message_in_its_frame_and_its_code_is_kept(send, forms, report):
    with HospitalSystem() as system:
        said = send(mllp(system), "hl7")
    (message,) = system.got
    assert message == forms["hl7"]
    parsed = parse_message(message.decode(), find_groups=False)
    assert said == {"ack": "AA", "control_id": parsed.msh.msh_10.value}


@pytest.mark.parametrize(("code", "meant"), [("AE", FAILED), ("AR", REFUSED), ("CE", FAILED), ("CR", REFUSED)])
def test_a_negative_acknowledgement_is_kept_by_its_codes(send, code, meant):
    rest = "ERR||PID^1^5|204^Unknown key identifier^HL70357|E||||Doe^Jane is unknown\r"
    with HospitalSystem(acknowledging(code, rest=rest)) as system:
        with pytest.raises(NotDelivered) as caught:
            send(mllp(system), "hl7")
        assert (caught.value.trouble, caught.value.code) == (meant, f"ack_{code.lower()}")
        assert str(caught.value) == f"The receiver answered {code} with error 204."


@pytest.mark.parametrize(
    ("reply", "meant"),
    [
        (lambda _: None, (AWAY, "broken_off")),
        (lambda _: b"\x0bMSH|^~\\&|half an answer", (AWAY, "broken_off")),
        (lambda _: b"\x0bhello\x1c\x0d", (FAILED, "bad_reply")),
        (acknowledging("XX"), (FAILED, "bad_reply")),
        (acknowledging("AA", of="ANOTHER"), (FAILED, "bad_reply")),
    ],
)
def test_what_is_no_acknowledgement_of_this_message_is_not_believed(send, reply, meant):
    with HospitalSystem(reply) as system:
        assert failure(send, mllp(system), "hl7") == meant


def test_a_hospital_system_that_is_away_is_tried_again(send):
    assert failure(send, a_destination(kind="mllp", address=f"127.0.0.1:{closed_port()}"), "hl7") == (
        AWAY,
        "unreachable",
    )


# Folder


def test_a_folder_gets_whole_files_and_a_second_delivery_leaves_one(send, forms, tmp_path):
    folder = a_destination(kind="folder", path=str(tmp_path), forms=["text"])
    assert send(folder, "text")["sha256"] == "ab" * 32
    (tmp_path / ".5d3c0f6e9a1b4c2d8e7f001122334455.v6.txt.1.part").write_bytes(b"half")  # of a sender that was killed
    send(folder, "text", attempts=2)
    (only,) = tmp_path.iterdir()
    assert (only.name, only.read_bytes()) == ("5d3c0f6e9a1b4c2d8e7f001122334455.v6.txt", forms["text"])


def test_a_folder_knows_a_file_by_its_name_after_a_power_cut_and_a_share_that_cannot_does_not_matter(
    send, tmp_path, monkeypatch
):
    synced, sync = [], os.fsync

    def sync_but_no_folder(descriptor):
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        if synced[-1]:
            raise OSError(errno.EINVAL, "Invalid argument")
        sync(descriptor)

    monkeypatch.setattr("os.fsync", sync_but_no_folder)
    assert send(a_destination(kind="folder", path=str(tmp_path)), "text")
    assert synced == [False, True]


def test_a_share_that_is_not_there_is_not_made(send, tmp_path):
    away = a_destination(kind="folder", path=str(tmp_path / "share"))
    assert failure(send, away, "text") == (AWAY, "folder_away")
    assert not (tmp_path / "share").exists()
    (tmp_path / "file").touch()
    assert failure(send, a_destination(kind="folder", path=str(tmp_path / "file")), "text") == (AWAY, "folder_away")
