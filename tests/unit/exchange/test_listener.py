"""Who may send, what is answered, and that nothing half or foreign ever reaches the inbox."""

import hashlib
import socket
import threading

import pytest
from batch_support import write_film
from exchange_support import Running, dcmtk, send
from pydicom import dcmread

from radrag.store.job_values import JobState


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return [write_film(folder / f"{number}.dcm", number) for number in range(3)]


@pytest.fixture
def running(tmp_path):
    with Running(tmp_path / "workspace") as one:
        yield one


def test_an_image_that_is_sent_lies_in_the_inbox_under_its_hash_and_is_queued(running, films):
    assert dcmtk("echoscu", running.port).returncode == 0
    sent = dcmtk("storescu", running.port, films)
    assert sent.returncode == 0, sent.stderr
    assert len(running.inbox()) == 3
    for path in running.inbox():
        assert path.name == f"{hashlib.sha256(path.read_bytes()).hexdigest()}.dcm"
    assert {dcmread(path).PixelData for path in running.inbox()} == {dcmread(path).PixelData for path in films}
    running.until(lambda: sum(one.count for one in running.kinds("submitted")) == 3)
    (batch,) = running.queue.store.batches()
    assert running.queue.status(batch).counts[JobState.WAITING] == 3
    assert not running.quarantined()


def test_images_of_one_study_are_one_job_and_a_late_one_makes_the_whole_study_wait_again(running, films):
    one, other, late = (dcmread(films[0]) for _ in range(3))
    for number, dataset in enumerate((other, late)):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
    assert send(running.port, [one, other]) == [0, 0]
    running.until(lambda: running.kinds("submitted"))
    (batch,) = running.queue.store.batches()
    assert [len(job.source["files"]) for job in running.queue.store.iter_jobs(batch)] == [2]
    assert send(running.port, [late]) == [0]
    running.until(lambda: len(running.kinds("submitted")) == 2)
    assert [len(job.source["files"]) for job in running.queue.store.iter_jobs(batch)] == [2, 3]


def test_the_same_image_again_is_one_file_in_any_transfer_syntax(running, films):
    dataset = dcmread(films[0])
    assert send(running.port, [dataset, dataset]) == [0, 0]
    assert send(running.port, [dcmread(films[0])], syntax="1.2.840.10008.1.2") == [0]
    assert running.codes() == ["stored", "known", "known"]
    assert len(running.inbox()) == 1


def test_another_image_under_a_known_uid_is_answered_so_and_kept_apart(running, films):
    one, other = dcmread(films[0]), dcmread(films[1])
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
    assert send(running.port, [one, other]) == [0, 0x0111]
    assert len(running.inbox()) == 1
    (kept,) = (running.folder / "quarantine" / "conflicts").iterdir()
    assert dcmread(kept).PixelData == other.PixelData


def test_what_is_no_chest_radiograph_is_refused_with_its_status_and_not_kept(running, films, tmp_path):
    hand = dcmread(write_film(tmp_path / "hand.dcm", 7, body="HAND"))
    ct = dcmread(write_film(tmp_path / "ct.dcm", 8, modality="CT"))
    short = dcmread(films[0])
    short.SOPInstanceUID = short.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    del short.PixelData
    assert send(running.port, [hand, ct, short]) == [0xC010, 0xA900, 0xC011]
    assert running.codes() == ["not_chest", "wrong_modality", "no_pixel_data"]
    assert not running.inbox() and not running.quarantined()


def test_garbage_behind_a_good_announcement_is_refused(running, films):
    """A sender that announces an image and then sends anything at all."""
    from io import BytesIO

    from pynetdicom import AE
    from pynetdicom.dimse_primitives import C_STORE

    dataset = dcmread(films[0])
    entity = AE(ae_title="PACS")
    entity.add_requested_context(dataset.SOPClassUID)
    association = entity.associate("127.0.0.1", running.port, ae_title="RADRAG")
    for number, garbage in enumerate((b"\xff" * 999, b"\x08\x00\x05\x00" + b"\xff\xff\xff\x7f" * 9, b"../../etc"), 1):
        request = C_STORE()
        request.MessageID, request.Priority = number, 2
        request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = dataset.SOPClassUID, "1.2.3"
        request.DataSet = BytesIO(garbage)
        association._reactor_checkpoint.clear()
        association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        assert answer.Status >> 12 in (0xA, 0xC), hex(answer.Status)
    association.release()
    assert not running.inbox() and not running.quarantined()


@pytest.mark.parametrize(("title", "called"), [("OTHER", "RADRAG"), ("PACS", "OTHER")])
def test_nobody_unknown_gets_an_association(running, films, title, called):
    assert send(running.port, [dcmread(films[0])], title=title, called=called) is None
    assert not running.inbox()


def test_a_known_title_from_another_address_is_hung_up_on(tmp_path, films):
    with Running(tmp_path / "workspace", peers=("PACS@10.0.0.7", "OTHER@127.0.0.1")) as running:
        assert send(running.port, [dcmread(films[0])], title="PACS") is None
        assert send(running.port, [dcmread(films[0])], title="OTHER") == [0]


def test_an_unknown_address_is_not_even_read(tmp_path):
    with (
        Running(tmp_path / "workspace", peers=("PACS@10.0.0.7",)) as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=5) as peer,
    ):
        assert peer.recv(1) == b""


def test_a_ct_is_turned_away_before_it_is_sent(running, films):
    from pynetdicom import AE

    entity = AE(ae_title="PACS")
    entity.add_requested_context("1.2.840.10008.5.1.4.1.1.2")  # CT Image Storage
    entity.add_requested_context("1.2.840.10008.1.1")
    association = entity.associate("127.0.0.1", running.port, ae_title="RADRAG")
    assert [str(one.abstract_syntax) for one in association.rejected_contexts] == ["1.2.840.10008.5.1.4.1.1.2"]
    association.release()


def test_a_sender_that_breaks_off_leaves_nothing_and_disturbs_nobody(running, films):
    """Drop the connection at many places of the transfer; another sender is served meanwhile."""
    stream = recorded(running, films[0])
    before = len(running.inbox())
    for share in (0.01, 0.2, 0.5, 0.9, 0.999):
        with socket.create_connection(("127.0.0.1", running.port), timeout=5) as peer:
            associate, rest = stream
            peer.sendall(associate)
            peer.recv(4096)
            peer.sendall(rest[: int(len(rest) * share)])
    assert send(running.port, [dcmread(films[1])]) == [0]
    assert len(running.inbox()) == before + 1 and not running.quarantined()


def recorded(running, film):
    """Return what a sender puts on the wire: its association request, and its message with the image."""
    from pynetdicom import AE, evt

    sent = []
    dataset = dcmread(film)
    entity = AE(ae_title="PACS")
    entity.add_requested_context(dataset.SOPClassUID, "1.2.840.10008.1.2.1")
    record = [(evt.EVT_DATA_SENT, lambda event: sent.append(event.data))]
    association = entity.associate("127.0.0.1", running.port, ae_title="RADRAG", evt_handlers=record)
    assert association.send_c_store(dataset).Status == 0
    associate, *rest = sent
    association.release()
    return associate, b"".join(rest)


def test_a_full_disk_is_answered_as_such_and_the_image_is_taken_later(running, films, monkeypatch):
    import errno
    import os

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert send(running.port, [dcmread(films[0])]) == [0xA700]
    assert not running.inbox() and not running.quarantined()
    assert send(running.port, [dcmread(films[0])]) == [0]


def test_a_data_set_that_does_not_end_is_hung_up_on(running, films, monkeypatch):
    monkeypatch.setattr("radrag.exchange.listener.MOST_BYTES", 20_000)
    assert send(running.port, [dcmread(films[0])]) == [None]
    running.until(lambda: "too_large" in running.codes())
    assert not running.inbox() and not running.quarantined()


def test_a_hundred_senders_at_once_lose_nothing(tmp_path, films):
    datasets = []
    for number in range(100):
        dataset = dcmread(films[number % 3])
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        datasets.append(dataset)
    answers = {}
    with Running(tmp_path / "workspace") as running:
        gate = threading.Barrier(100)

        def one(number):
            gate.wait()
            answers[number] = send(running.port, [datasets[number]])

        threads = [threading.Thread(target=one, args=(number,)) for number in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert [answers[number] for number in range(100)] == [[0]] * 100
        assert len(running.inbox()) == 100 and not running.quarantined()
        running.until(lambda: not running.service.arrivals.ledger.waiting())


def test_the_log_names_no_patient_study_or_file(running, films):
    dataset = dcmread(films[0])
    send(running.port, [dataset])
    send(running.port, [dataset], title="DOE^JANE")
    log = repr([one.record() for one in running.told])
    for secret in (dataset.PatientID, "Doe", "DOE", dataset.SOPInstanceUID, dataset.StudyInstanceUID):
        assert str(secret) not in log


def test_only_one_process_receives_for_a_workspace(running):
    from radrag.exchange.arrivals import Arrivals, ListenError

    with pytest.raises(ListenError, match="Another process"):
        Arrivals(running.folder, salt="salt")
