"""Storage commitment says of each image whether it is here, by either way the standard allows, and says it once."""

import threading

import pytest
from batch_support import write_film
from exchange_support import Running, free_port, send
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from radrag.exchange import commitment
from radrag.exchange.commitment import COMMITMENT, INSTANCE


@pytest.fixture
def film(tmp_path):
    return dcmread(write_film(tmp_path / "film.dcm", 1))


def request(items):
    information = Dataset()
    information.TransactionUID = generate_uid()
    information.ReferencedSOPSequence = []
    for sop_class, sop_instance in items:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        information.ReferencedSOPSequence.append(item)
    return information


class Heard:
    """Takes reports of commitment, as a modality does."""

    def __init__(self):
        self.reports = []
        self.came = threading.Event()

    def __call__(self, event):
        self.reports.append((event.event_type, event.event_information))
        self.came.set()
        return 0x0000, None


def ask(port, information, heard=None, *, stay=False):
    """Send a request; return its status, after waiting for the report on the same association with ``stay``."""
    from pynetdicom import AE, evt

    entity = AE(ae_title="PACS")
    entity.add_requested_context(COMMITMENT)
    handlers = [(evt.EVT_N_EVENT_REPORT, heard)] if heard else []
    association = entity.associate("127.0.0.1", port, ae_title="RADRAG", evt_handlers=handlers)
    status, _ = association.send_n_action(information, 1, COMMITMENT, INSTANCE)
    if stay:
        assert heard.came.wait(15)
    association.release()
    return status.Status


def uids(information, sequence):
    return [str(item.ReferencedSOPInstanceUID) for item in information.get(sequence, ())]


def test_the_report_comes_over_the_same_association_and_tells_what_is_here_and_what_is_not(tmp_path, film):
    heard = Heard()
    with Running(tmp_path / "workspace") as running:
        assert send(running.port, [film]) == [0]
        asked = request([(film.SOPClassUID, film.SOPInstanceUID), (film.SOPClassUID, "1.2.3")])
        asked.ReferencedSOPSequence.append(Dataset())
        asked.ReferencedSOPSequence[2].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        asked.ReferencedSOPSequence[2].ReferencedSOPInstanceUID = film.SOPInstanceUID
        assert ask(running.port, asked, heard, stay=True) == 0
        running.until(lambda: running.kinds("commitment"))
    ((kind, information),) = heard.reports
    assert kind == 2 and information.TransactionUID == asked.TransactionUID
    assert uids(information, "ReferencedSOPSequence") == [film.SOPInstanceUID]
    assert uids(information, "FailedSOPSequence") == ["1.2.3", film.SOPInstanceUID]
    assert [item.FailureReason for item in information.FailedSOPSequence] == [0x0112, 0x0119]


def test_an_image_that_somebody_removed_is_not_committed_to_and_can_be_sent_again(tmp_path, film):
    heard = Heard()
    with Running(tmp_path / "workspace") as running:
        send(running.port, [film])
        running.inbox()[0].unlink()
        ask(running.port, request([(film.SOPClassUID, film.SOPInstanceUID)]), heard, stay=True)
        assert heard.reports[0][0] == 2
        assert send(running.port, [film]) == [0]
        assert len(running.inbox()) == 1


def test_a_peer_with_a_port_is_called_and_called_again_while_it_is_down(tmp_path, film, monkeypatch):
    from pynetdicom import AE, evt

    monkeypatch.setattr(commitment, "FIRST_WAIT", 0.2)
    heard, port = Heard(), free_port()
    asked = request([(film.SOPClassUID, film.SOPInstanceUID)])
    with Running(tmp_path / "workspace", peers=(f"PACS@127.0.0.1:{port}",)) as running:
        send(running.port, [film])
        assert ask(running.port, asked) == 0
        running.until(lambda: any(one.code == "not_delivered" for one in running.kinds("commitment")))
    entity = AE(ae_title="PACS")
    entity.add_supported_context(COMMITMENT, scu_role=False, scp_role=True)
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, heard)])
    try:
        with Running(tmp_path / "workspace", peers=(f"PACS@127.0.0.1:{port}",)) as running:  # after a restart, too
            assert heard.came.wait(15)
            running.until(lambda: not running.service.arrivals.ledger.asked())
    finally:
        server.shutdown()
    ((kind, information),) = heard.reports
    assert kind == 1 and information.TransactionUID == asked.TransactionUID
    assert uids(information, "ReferencedSOPSequence") == [film.SOPInstanceUID]


def test_a_request_for_nothing_is_refused(tmp_path):
    with Running(tmp_path / "workspace") as running:
        assert ask(running.port, request([])) == 0x0115
