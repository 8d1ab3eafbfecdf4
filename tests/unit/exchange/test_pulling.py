"""What a DICOMweb server has comes in once, whole, with the patient's earlier studies, and nobody else's."""

import json
from datetime import date
from pathlib import Path
from unittest import mock

import pytest
from batch_support import queue_of, write_film
from click.testing import CliRunner
from dicomweb_server import DicomWebServer
from exchange_support import Running
from pydicom import dcmread

from radrag.batch.submission import paths_of, prior_of
from radrag.cli.pull import command, read_dates
from radrag.errors import RadragError, UsageError
from radrag.exchange import dicomweb
from radrag.settings import load_settings
from radrag.store.job_values import JobState


def film(folder, number, *, patient="P1", day="20260105", body="CHEST"):
    """Write a film of some patient and day; its accession number is A with its number."""
    path = write_film(folder / f"{number}.dcm", number, body=body)
    dataset = dcmread(path)
    dataset.PatientID, dataset.StudyDate, dataset.AccessionNumber = patient, day, f"A{number}"
    dataset.save_as(path)
    return path


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    return [
        film(folder, 1, day="20260105"),
        film(folder, 2, day="20250105"),
        film(folder, 3, day="20240105"),
        film(folder, 4, day="20250601", body="KNEE"),
        film(folder, 5, day="20260201"),  # later than the first
        film(folder, 6, patient="P2", day="20230101"),
    ]


@pytest.fixture
def server(films, monkeypatch):
    monkeypatch.setattr(dicomweb, "LONGEST_PAUSE", 0.0)
    with DicomWebServer(films).running() as made:
        yield made


@pytest.fixture
def pull(tmp_path, server):
    """Return what runs the command for a workspace that has no index; its studies are submitted all the same."""

    def run(*arguments, url=server.url):
        queue = queue_of(tmp_path / "workspace")
        settings = load_settings(workspace=tmp_path / "workspace")
        with mock.patch("radrag.batch.queue.versions_of", lambda _: queue.versions):
            result = CliRunner().invoke(command, [url, "--json", *arguments], obj=settings, standalone_mode=False)
        if result.exception:
            raise result.exception
        assert not any(word in result.output for word in ("P1", "P2", "A1", "Jane"))
        run.jobs = sum(queue.store.batch_status(one).counts[JobState.WAITING] for one in queue.store.batches())
        run.records = [one for one in queue.store.audit_entries() if one.what == "study.pulled"]
        return result.return_value, [json.loads(line) for line in result.stdout.splitlines()]

    return run


def test_a_study_is_fetched_once_and_submitted(pull, server, tmp_path, films):
    code, (one,) = pull("--accession", "A1")
    assert (code, one["stored"], one["priors"], pull.jobs) == (0, 1, [], 1)
    (path,) = one["files"]
    assert Path(path).read_bytes() == films[0].read_bytes()
    code, (again,) = pull("--accession", "A1")
    assert (code, again["stored"], again["skipped"], again["files"]) == (0, 0, 1, one["files"])
    assert server.objects_sent() == 1 and pull.jobs == 1


def test_priors_are_the_latest_earlier_chest_films_of_the_same_patient(pull, films):
    code, (one,) = pull("--accession", "A1", "--priors", "2")
    found = [Path(path).read_bytes() for (path,) in one["priors"]]
    assert found == [films[1].read_bytes(), films[2].read_bytes()]  # not the knee, the later one, or another patient's
    assert (code, one["stored"], one["refused"], pull.jobs) == (0, 3, 1, 3)
    assert one["patient_key"] == pull.records[-1].patient_key != ""


def test_a_study_is_drafted_beside_its_latest_prior_also_when_that_is_asked_for_later(pull, tmp_path, films):
    pull("--accession", "A1")
    assert compared(tmp_path) == []
    _, (one,) = pull("--accession", "A1", "--priors", "2")
    assert compared(tmp_path) == [(one["files"], one["priors"][0])]
    pull("--accession", "A1", "--priors", "2")
    assert len(compared(tmp_path)) == 1


def compared(tmp_path):
    """Return files and prior's files of the jobs that have a prior."""
    store = queue_of(tmp_path / "workspace").store
    sources = [job.source for batch in store.batches() for job in store.iter_jobs(batch)]
    return [
        ([str(path) for path in paths_of(one)], [str(path) for path in prior_of(one)])
        for one in sources
        if prior_of(one)
    ]


def test_fewer_priors_end_the_search_early(pull, server):
    _, (one,) = pull("--accession", "A1", "--priors", "1")
    assert len(one["priors"]) == 1 and server.objects_sent() == 3  # the knee was looked at


def test_what_was_refused_for_good_is_not_fetched_again(pull, server):
    assert pull("--accession", "A4")[0] == 0
    _, (again,) = pull("--accession", "A4")
    assert (again["skipped"], server.objects_sent()) == (1, 1)


def test_a_prior_of_another_hospitals_patient_with_the_same_id_stays_there(pull, server):
    for number, (dataset, _) in enumerate(server.datasets):
        dataset.IssuerOfPatientID = "H2" if number else "H1"
    _, (one,) = pull("--accession", "A1", "--priors", "2")
    assert one["priors"] == [] and one["stored"] == 1


@pytest.mark.parametrize("patient", ["", "P*", "P?"])
def test_without_a_patient_id_that_names_one_person_no_priors_are_looked_for(pull, server, patient):
    server.datasets[0][0].PatientID = patient
    _, (one,) = pull("--accession", "A1", "--priors", "2")
    assert one["priors"] == [] and one["stored"] == 1
    assert not any("PatientID" in query for _, query, _ in server.asked)


def test_a_connection_that_breaks_in_an_image_is_tried_again_and_leaves_no_half(pull, server, tmp_path):
    server.cut = [0, 100, 20_000]
    code, (one,) = pull("--accession", "A1")
    assert (code, one["stored"], server.objects_sent()) == (0, 1, 4)
    assert not list((tmp_path / "workspace" / "quarantine").glob("*.part"))


def test_after_a_server_that_went_away_the_same_command_goes_on(pull, server):
    server.faults[server.datasets[0][0].SOPInstanceUID] = [503] * 5
    with pytest.raises(RadragError, match="HTTP 503"):
        pull("--accession", "A1", "--priors", "1")
    sent = server.objects_sent()
    code, (one,) = pull("--accession", "A1", "--priors", "1")
    assert (code, one["stored"]) == (0, 1) and len(one["priors"]) == 1
    assert server.objects_sent() == sent + 1  # the prior was here


def test_another_object_than_the_one_asked_for_is_not_taken(pull, server):
    (mine, _), (_, other) = server.datasets[0], server.datasets[5]
    server.datasets[0] = (mine, other)
    code, (one,) = pull("--accession", "A1")
    assert (code, one["files"], one["refused"]) == (1, [], 1)


def test_a_study_that_the_server_lost_meanwhile_does_not_end_the_others(pull, server):
    server.faults[f"/studies/{server.datasets[1][0].StudyInstanceUID}/"] = [404]
    code, found = pull("--patient", "P1", "--date", "2025-01-01..2026-01-31")
    assert code == 1 and sum(one["stored"] for one in found) == 1 and sum(one["failed"] for one in found) == 1


def test_a_day_and_a_modality_are_searched_for(pull, server):
    code, found = pull("--date", "2026-01-05", "--modality", "CR", "--modality", "DX")
    assert len(found) == 1 and code == 0
    assert [query["ModalitiesInStudy"] for path, query, _ in server.asked if path.endswith("/studies")] == ["CR", "DX"]


def test_nothing_found_is_exit_code_one(pull):
    assert pull("--accession", "none") == (1, [])


def test_more_matches_than_a_page_are_all_found(pull, server, monkeypatch):
    monkeypatch.setattr(dicomweb, "PAGE", 2)
    assert len(pull("--patient", "P1")[1]) == 5


def test_a_server_without_the_search_key_gives_nothing(pull, server):
    server.ignored = {"PatientID"}
    with pytest.raises(RadragError, match="PatientID"):
        pull("--patient", "P2")
    assert server.objects_sent() == 0


def test_while_a_listener_receives_for_the_workspace_nothing_is_pulled(pull, tmp_path, server):
    with Running(tmp_path / "workspace"), pytest.raises(RadragError, match="Another process"):
        pull("--accession", "A1")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ""),
        ("2026-11-22", "20261122"),
        ("today", "20261122"),
        ("yesterday..today", "20261121-20261122"),
        ("2026-11-01..2026-11-22", "20261101-20261122"),
    ],
)
def test_days_are_written_as_dicom_matches_them(text, found):
    assert read_dates(text, date(2026, 11, 22)) == found


@pytest.mark.parametrize("text", ["22.11.2026", "2026-13-01", "2026-11-02..2026-11-01", "..2026-11-01", "x..today"])
def test_what_is_no_day_is_a_usage_error(text):
    with pytest.raises(UsageError):
        read_dates(text, date(2026, 11, 22))
