"""A real PACS, and a sender that is killed: what was drafted from a study comes back to it, and no message is lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest
from batch_support import write_film
from exchange_support import Running, free_port
from export_support import draft as drafted
from export_support import outgoing
from orthanc_server import orthanc_with_dicomweb
from outbox_support import DRAFT, HospitalSystem, acknowledging, sign, workspace_of
from pydicom import dcmread
from sqlalchemy import text
from support import missing

from radrag.cli.inputs import read_one_study
from radrag.domain import ReportState
from radrag.exchange.courier import Courier
from radrag.exchange.destinations import read_destinations
from radrag.exchange.queueing import queue_report
from radrag.export.hl7 import report_to_hl7
from radrag.settings import load_settings
from radrag.store.outbox_values import MessageState, NewMessage
from radrag.workspace import Workspace

START = """
import sys
from pathlib import Path
from radrag.cli.send import command
from radrag.settings import load_settings
sys.exit(command.main(args=sys.argv[2:], obj=load_settings(workspace=Path(sys.argv[1])), standalone_mode=False))
"""
COUNT = 12


def fetched(server, path):
    with urllib.request.urlopen(f"{server._rest}{path}", timeout=30) as answer:
        return answer.read()


def test_a_study_of_the_pacs_comes_back_as_signed_report(tmp_path):
    if shutil.which("dciodvfy") is None:
        missing("dciodvfy (Debian package dicom3tools)")
    film = write_film(tmp_path / "film.dcm", 7)
    dicom = free_port()
    configured = {"DicomServerEnabled": True, "DicomPort": dicom, "DicomAet": "ORTHANC", "DicomCheckCalledAet": True}
    with orthanc_with_dicomweb(tmp_path, **configured, DicomModalitiesInDatabase=True) as pacs:
        (image,) = [pacs.rest("/instances", film.read_bytes())["ID"]]
        workspace = Workspace(load_settings(workspace=tmp_path / "workspace"))
        with Running(tmp_path / "workspace", peers=("ORTHANC@127.0.0.1",)) as running:
            modality = {"AET": "RADRAG", "Host": "127.0.0.1", "Port": running.port}
            put = urllib.request.Request(
                f"{pacs._rest}/modalities/radrag", data=json.dumps(modality).encode(), method="PUT"
            )
            urllib.request.urlopen(put, timeout=30).close()
            pacs.rest("/modalities/radrag/store", json.dumps(image).encode())
            (arrived,) = running.inbox()

        draft = drafted(read_one_study(arrived, salt=workspace.settings.salt()).study)
        workspace.store.save_draft(draft)
        sign(workspace.store, draft)
        tables = {
            "pacs": {"kind": "dicom", "address": f"127.0.0.1:{dicom}", "ae_title": "ORTHANC", "forms": ["sr"]},
            "web": {"kind": "stow", "url": pacs.url, "forms": ["dicompdf"]},
        }
        known = list(read_destinations(tables, {}).values())
        queue_report(workspace, draft.draft_id, known)
        Courier(workspace.store, known).run_once()
        by_form = {one.form: one for one in workspace.store.messages()}
        assert {form: (one.state, one.error) for form, one in by_form.items()} == dict.fromkeys(
            ("sr", "dicompdf"), (MessageState.DELIVERED, "")
        )
        assert by_form["sr"].acknowledgement == {"status": "0000"}
        assert by_form["dicompdf"].acknowledgement["http"] == 200

        # Once more, as after an answer that was lost: the PACS knows them.
        queue_report(workspace, draft.draft_id, known)
        with workspace.store._database.writing() as session:
            assert session.execute(text("select count(*) from outbox")).scalar() == 2
        (study,) = pacs.rest("/studies")
        instances = [one["ID"] for one in pacs.rest(f"/studies/{study}/instances")]
        assert len(instances) == 3
        came_back = {}
        for number, one in enumerate(instances):
            path = tmp_path / f"back{number}.dcm"
            path.write_bytes(fetched(pacs, f"/instances/{one}/file"))
            held = dcmread(path)
            came_back[held.Modality] = held
            if held.Modality != "CR":
                told = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False).stderr
                assert [line for line in told.splitlines() if line.startswith("Error")] == []
        structured, printed = came_back["SR"], came_back["DOC"]
        assert structured.VerificationFlag == "VERIFIED"
        assert structured.SOPInstanceUID == by_form["sr"].identity
        assert printed.EncapsulatedDocument.startswith(b"%PDF")
        assert structured.PatientID == printed.PatientID == came_back["CR"].PatientID
    workspace.store.close()


def start(workspace, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", START, str(workspace), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        text=True,
    )


def test_a_sender_that_is_killed_again_and_again_delivers_each_message_in_order_and_recognisably(tmp_path):
    workspace = workspace_of(tmp_path)
    store = workspace.store
    template = report_to_hl7(outgoing(ReportState.FINAL))
    own_id = template.split(b"|")[9]
    queued = [
        NewMessage(DRAFT, n, "final", True, "hl7", "ris", "mllp", f"M{n:03}", template.replace(own_id, b"M%03d" % n))
        for n in range(COUNT)
    ]
    store.queue_messages(queued, now=store.now())
    to_kill = {2, 6, 9}
    running = []

    def reply(message):
        number = int(message.split(b"|")[9][1:])
        if number in to_kill:  # it has the message, and its sender will never hear of it
            to_kill.remove(number)
            running[-1].send_signal(signal.SIGKILL)
            running[-1].wait(20)
        return acknowledging("AA")(message)

    with HospitalSystem(reply) as ris:
        (workspace.settings.workspace / "radrag.toml").write_text(
            f'[destinations.ris]\nkind = "mllp"\naddress = "{ris.address}"\n'
        )
        for kills in (3, 2, 1):
            assert len(to_kill) == kills
            running.append(start(workspace.settings.workspace, "--pending"))
            assert running[-1].wait(60) == -signal.SIGKILL
            assert [one.state for one in store.messages()].count(MessageState.SENDING) == 1
            with store._database.writing() as session:  # its lease ends
                session.execute(text("UPDATE outbox SET lease_until = '' WHERE state = 'sending'"))
            assert store.claim_message("other", "ris", now=store.now(), lease=60) is None
            assert len(store.retry_messages()) == 1  # nor do we wait for the next try
        running.append(start(workspace.settings.workspace, "--watch", "--json"))
        for line in running[-1].stdout:
            if json.loads(line)["id"] == store.messages()[-1].id:
                break
        running[-1].send_signal(signal.SIGTERM)
        assert running[-1].wait(60) == 0
    assert {one.state for one in store.messages()} == {MessageState.DELIVERED}
    ids = [message.split(b"|")[9].decode() for message in ris.got]
    assert ids == [f"M{n:03}" for n in sorted([*range(COUNT), 2, 6, 9])]  # each in its turn, three of them twice
    assert len(set(ris.got)) == COUNT  # the second time to the byte as the first
    assert [entry.what for entry in store.audit_entries()].count("draft.sent") == COUNT
    store.close()


@pytest.mark.parametrize("form", ["--pending", "--watch"])
def test_a_sender_that_is_told_to_stop_ends_the_delivery_in_hand(tmp_path, form):
    workspace = workspace_of(tmp_path)
    store = workspace.store
    new = [
        NewMessage(DRAFT, n, "final", True, "hl7", "ris", "mllp", f"M{n}", b"MSH|" * 9 + b"M%d|" % n) for n in (1, 2)
    ]
    store.queue_messages(new, now=store.now())
    running = []

    def reply(message):
        running[0].send_signal(signal.SIGTERM)
        return acknowledging("AA")(message)

    with HospitalSystem(reply) as ris:
        (workspace.settings.workspace / "radrag.toml").write_text(
            f'[destinations.ris]\nkind = "mllp"\naddress = "{ris.address}"\n'
        )
        running.append(start(workspace.settings.workspace, form))
        assert running[0].wait(60) == (1 if form == "--pending" else 0)  # one is left
    assert [one.state for one in store.messages()] == [MessageState.DELIVERED, MessageState.WAITING]
    store.close()
