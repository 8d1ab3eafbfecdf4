"""A real PACS with DICOMweb: what `radrag pull` takes from it is what was put in, and is drafted from there."""

import json

import pytest
from batch_support import write_film
from click.testing import CliRunner
from orthanc_server import orthanc_with_dicomweb
from pydicom import dcmread

from radrag.cli.pull import command
from radrag.exchange.dicomweb import DicomWeb
from radrag.exchange.pull_values import Access, DicomWebError, Wanted
from radrag.settings import load_settings


def pull(workspace, url, *arguments):
    settings = load_settings(workspace=workspace)
    result = CliRunner().invoke(command, [url, "--json", *arguments], obj=settings)
    assert not result.exception or isinstance(result.exception, SystemExit), result.output
    return [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def test_orthanc_gives_a_study_and_its_priors_as_they_were_put_in(tmp_path):
    put = []
    for number, day in enumerate(("20240105", "20250105", "20260105")):
        path = write_film(tmp_path / "films" / f"{number}.dcm", number)
        dataset = dcmread(path)
        dataset.PatientID, dataset.StudyDate, dataset.AccessionNumber = "P 1", day, f"A{number}"
        dataset.save_as(path)
        put.append(dataset)
    other = write_film(tmp_path / "films" / "other.dcm", 9)
    with orthanc_with_dicomweb(tmp_path) as server:
        for path in (*sorted((tmp_path / "films").iterdir()), other):
            server.rest("/instances", path.read_bytes())
        (one,), said = pull(tmp_path / "workspace", server.url, "--accession", "A2", "--priors", "1")
        (again,), _ = pull(tmp_path / "workspace", server.url, "--study", put[2].StudyInstanceUID, "--priors", "2")
    assert (one["stored"], len(one["priors"]), again["stored"], again["skipped"]) == (2, 1, 1, 2)
    for paths, dataset in ((again["files"], put[2]), *zip(again["priors"], put[1::-1], strict=True)):
        (path,) = paths
        found = dcmread(path)
        assert found.SOPInstanceUID == dataset.SOPInstanceUID and found.PixelData == dataset.PixelData
    assert "Not submitted yet" in said  # there is no index: it waits, and nothing is lost


def test_orthanc_lets_in_who_has_the_password(tmp_path):
    users = {"AuthenticationEnabled": True, "RegisteredUsers": {"jane": "s3cret"}}
    with orthanc_with_dicomweb(tmp_path, **users) as server:
        for password, code in (("s3cret", ""), ("other", "refused"), ("", "refused")):
            client = DicomWeb(Access(server.url, user="jane" if password else "", password=password))
            try:
                assert client.studies(Wanted(accession="A1")) == [] and not code
            except DicomWebError as error:
                assert error.code == code
            client.close()
        wrong = DicomWeb(Access(server.url.replace("dicom-web", "dicom"), user="jane", password="s3cret"))
        with pytest.raises(DicomWebError) as caught:
            wrong.studies(Wanted(accession="A1"))
        assert caught.value.code == "not_found"
