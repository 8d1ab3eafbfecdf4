"""Destinations in radrag.toml: what is wrong is named, secrets stay out of the file and out of sight."""

import re
import tomllib
from pathlib import Path

import pytest

from radrag.errors import UsageError
from radrag.exchange.destinations import choose, read_destinations
from radrag.settings import load_settings

TABLES = {
    "pacs": {"kind": "dicom", "address": "pacs.hospital.example:104", "ae_title": "PACS"},
    "web": {"kind": "stow", "url": "https://pacs.hospital.example/dicom-web", "forms": ["sr3d"]},
    "emr": {"kind": "fhir", "url": "https://fhir.hospital.example/r4"},
    "ris": {"kind": "mllp", "address": "[fd00::7]:2575"},
    "share": {"kind": "folder", "path": "/srv/reports", "forms": ["pdf", "text"]},
}


def read(environment=None, **table):
    return read_destinations({"there": table}, environment or {})["there"]


def test_the_file_of_the_workspace_says_where_reports_go(tmp_path):
    (tmp_path / "radrag.toml").write_text(
        '[destinations.pacs]\nkind = "dicom"\naddress = "10.0.0.7:104"\nae_title = "PACS"\n'
    )
    (found,) = read_destinations(load_settings(workspace=tmp_path).destinations, {}).values()
    assert (found.name, found.place, found.calling_ae, found.wanted) == (
        "pacs",
        ("10.0.0.7", 104),
        "RADRAG",
        ("sr", "dicompdf"),
    )


def test_the_tables_in_the_documentation_are_read():
    page = (Path(__file__).parents[3] / "docs" / "exchange.md").read_text()
    (block,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    found = read_destinations(tomllib.loads(block)["destinations"], {"RADRAG_PASSWORD_WEB": "sesame"})
    assert [one.kind for one in found.values()] == ["dicom", "stow", "fhir", "mllp", "folder"]


def test_each_kind_has_forms_of_its_own():
    found = read_destinations(TABLES, {})
    assert {name: one.wanted for name, one in found.items()} == {
        "pacs": ("sr", "dicompdf"),
        "web": ("sr3d",),
        "emr": ("fhir",),
        "ris": ("hl7",),
        "share": ("pdf", "text"),
    }
    assert found["ris"].place == ("fd00::7", 2575)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({}, "destinations.there"),
        ({"kind": "fax"}, "fax|kind"),
        ({"kind": "dicom", "address": "pacs:104"}, "destinations.there.ae_title: Field required"),
        ({"kind": "dicom", "address": "pacs", "ae_title": "P"}, "destinations.there.address.*host:port"),
        ({"kind": "dicom", "address": "pacs:70000", "ae_title": "P"}, "destinations.there.address"),
        ({"kind": "dicom", "address": "pacs:104", "ae_title": "SEVENTEEN LETTERS"}, "there.ae_title.*16"),
        ({"kind": "dicom", "address": "p:1", "ae_title": "P", "forms": ["hl7"]}, "forms.*hl7 cannot be sent there"),
        ({"kind": "stow", "url": "ftp://pacs"}, "destinations.there.url"),
        ({"kind": "stow", "url": "https://adams:sesame@pacs/"}, "destinations.there.url"),
        ({"kind": "mllp", "address": "ris:2575", "adress": "x"}, "destinations.there.adress"),
        ({"kind": "folder", "path": "reports"}, "destinations.there.path.*whole path"),
        ({"kind": "fhir", "url": "https://f/", "password": "sesame"}, "RADRAG_PASSWORD_THERE"),
        ({"kind": "fhir", "url": "https://f/", "user": "radrag"}, "RADRAG_PASSWORD_THERE"),
        ({"kind": "mllp", "address": "ris:2575", "timeout": 0}, "destinations.there.timeout"),
        ({"kind": "mllp", "address": "ris..example:2575"}, "destinations.there.address"),
        ({"kind": "mllp", "address": "[fd00::7::1]:2575"}, "destinations.there.address"),
        ({"kind": "fhir", "url": "https://fhir.example:port/r4"}, "destinations.there.url"),
        ({"kind": "fhir", "url": f"https://{'x' * 64}.example/r4"}, "destinations.there.url"),
        ({"kind": "fhir", "url": "https://[fd00::7::1]/r4"}, "destinations.there.url"),
        ({"kind": "mllp", "address": "ris:2575", "authorities": "/ca.pem"}, "destinations.there: .*tls = true"),
        ({"kind": "stow", "url": "http://pacs/", "authorities": "/ca.pem"}, "destinations.there: .*https"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_without_its_value(table, named):
    with pytest.raises(UsageError, match=named) as caught:
        read(**table)
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "../x", "7pacs", "x" * 41])
def test_a_name_that_could_not_be_typed_is_refused(name):
    with pytest.raises(UsageError, match="a name has letters"):
        read_destinations({name: TABLES["emr"]}, {})


def test_secrets_come_from_the_environment_and_are_not_shown():
    web = {"kind": "stow", "url": "https://pacs/"}
    by_password = read({"RADRAG_PASSWORD_THERE": "sesame"}, **web, user="radrag")
    by_token = read({"RADRAG_TOKEN_THERE": "sesame"}, **web)
    assert by_password.authorization == ("radrag", "sesame")
    assert by_token.authorization == "sesame"
    assert read(**web).authorization is None
    assert "sesame" not in repr(by_password) + repr(by_token) + by_token.model_dump_json()


def test_a_secret_is_not_sent_in_the_clear_to_another_machine():
    variables = {"RADRAG_TOKEN_THERE": "sesame"}
    with pytest.raises(UsageError, match="unencrypted"):
        read(variables, kind="fhir", url="http://fhir.hospital.example/r4")
    assert read(variables, kind="fhir", url="http://127.0.0.1:8080/r4").authorization == "sesame"


@pytest.mark.parametrize("token", ["sesame\n", "open sesame", "s\xe9same"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token):
    with pytest.raises(UsageError, match="RADRAG_TOKEN_THERE holds") as caught:
        read({"RADRAG_TOKEN_THERE": token}, kind="fhir", url="https://fhir.hospital.example/r4")
    assert token.strip() not in str(caught.value)


def test_no_two_destinations_are_sent_the_same_secret():
    with pytest.raises(UsageError, match=r"destinations\.e-mr: .* destinations\.E_MR"):
        read_destinations({"E_MR": TABLES["emr"], "e-mr": TABLES["emr"]}, {})


def test_an_unknown_name_is_answered_with_the_known_ones():
    known = read_destinations(TABLES, {})
    assert [one.name for one in choose(known, ["ris", "pacs", "ris"])] == ["ris", "pacs"]
    with pytest.raises(UsageError, match=r"archive is no destination\. There are: pacs, web"):
        choose(known, ["pacs", "archive"])
    with pytest.raises(UsageError, match="None is configured"):
        choose({}, ["pacs"])


def test_tls_files_that_cannot_be_read_are_named_by_their_destination(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    broken = read(kind="mllp", address="ris:2575", tls=True, authorities=str(tmp_path / "empty.pem"))
    half = read(kind="mllp", address="ris:2575", tls=True, certificate=str(tmp_path / "empty.pem"))
    with pytest.raises(UsageError, match=r"destinations\.there: a PEM file"):
        broken.context()
    with pytest.raises(UsageError, match="go together"):
        half.context()
    assert read(kind="mllp", address="ris:2575").context() is None
