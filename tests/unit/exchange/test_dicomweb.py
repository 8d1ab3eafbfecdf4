"""What a DICOMweb server may do to us, and what is said of it."""

import json

import pytest
from certificates import self_signed, server_context
from dicomweb_server import DicomWebServer, endless, html, reply

from radrag.errors import UsageError
from radrag.exchange import dicomweb
from radrag.exchange.dicomweb import DicomWeb
from radrag.exchange.pull_values import Access, DicomWebError, FoundImage, Wanted

IMAGE = FoundImage("1.2", "1.2.3", "1.2.3.4", "1.2.840.10008.5.1.4.1.1.1")
ASKED = Wanted(accession="A1")


@pytest.fixture
def server():
    with DicomWebServer([]).running() as made:
        yield made


@pytest.fixture
def client(server):
    pauses = []
    made = DicomWeb(Access(server.url), tries=3, sleep=pauses.append)
    made.pauses = pauses
    yield made
    made.close()


def code_of(call, *arguments):
    with pytest.raises(DicomWebError) as caught:
        call(*arguments)
    return caught.value.code, str(caught.value)


def test_what_fails_in_passing_is_tried_again_after_the_pause_that_the_server_asks_for(server, client):
    server.faults["studies"] = [(503, {"Retry-After": "7"}), 500]
    assert client.studies(ASKED) == []
    assert client.pauses[0] == 7 and len(client.pauses) == 2 and len(server.asked) == 3


def test_a_proxy_of_the_environment_sees_nothing(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    client = DicomWeb(Access(server.url), tries=1)
    assert client.studies(ASKED) == [] and len(server.asked) == 1
    client.close()


def test_a_server_that_stays_busy_is_given_up_and_named(server, client):
    server.faults["studies"] = [503] * 9
    code, message = code_of(client.studies, ASKED)
    assert code == "unreachable" and "HTTP 503" in message and len(server.asked) == 3


def test_a_server_that_asks_for_hours_is_not_waited_for(server, client):
    server.faults["studies"] = [(429, {"Retry-After": "7200"})]
    assert code_of(client.studies, ASKED)[0] == "unreachable" and client.pauses == []


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (403, "refused", "403"),
        (404, "not_found", "address"),
        (400, "not_dicomweb", "400"),
        ((302, {"Location": "https://elsewhere.example/"}), "redirected", "another address"),
        (html, "not_dicomweb", "text/html"),
    ],
)
def test_what_will_not_change_is_said_at_once(server, client, fault, code, words):
    server.faults["studies"] = [fault]
    found, message = code_of(client.studies, ASKED)
    assert found == code and words in message and len(server.asked) == 1
    assert "A1" not in message


def test_an_object_that_is_a_web_page_is_not_taken(server, client):
    server.faults["instances"] = [html]
    taken = []
    assert code_of(client.fetch, IMAGE, taken.append)[0] == "not_dicomweb" and taken == []


def test_credentials_are_asked_for_by_the_names_of_their_variables(server, client):
    server.authorization = "Bearer secret"
    code, message = code_of(client.studies, ASKED)
    assert code == "refused" and "RADRAG_DICOMWEB_TOKEN" in message


@pytest.mark.parametrize(
    ("environment", "sent"),
    [
        ({"RADRAG_DICOMWEB_TOKEN": "secret"}, "Bearer secret"),
        ({"RADRAG_DICOMWEB_USER": "käthe", "RADRAG_DICOMWEB_PASSWORD": "pa:ss"}, "Basic a8OkdGhlOnBhOnNz"),
    ],
)
def test_credentials_come_from_the_environment_and_are_sent(server, environment, sent):
    server.authorization = sent
    access = Access.from_environment(environment, server.url)
    client = DicomWeb(access)
    assert client.studies(ASKED) == []
    client.close()
    assert not any(secret in repr(access) for secret in environment.values())


def test_a_search_that_the_server_does_not_heed_gives_nobody_elses_studies(server, client):
    body = b'[{"0020000D": {"vr": "UI", "Value": ["1.2"]}, "00080050": {"vr": "SH", "Value": ["B2"]}}]'

    def answer(handler):
        reply(handler, 200, {"Content-Type": "application/dicom+json"}, body)

    server.faults["studies"] = [answer]
    assert code_of(client.studies, ASKED)[0] == "not_heeded"


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"no json", b'[{"0020000D": {"Value": ["../../1.2"]}}]', b"[{}]"])
def test_json_of_another_shape_is_no_dicomweb(server, client, body):
    server.faults["studies"] = [lambda one: reply(one, 200, {"Content-Type": "application/json"}, body)]
    assert code_of(client.studies, Wanted(dates="20260105"))[0] == "not_dicomweb"


def test_an_object_without_end_is_cut_off_at_the_limit(server, client, monkeypatch):
    monkeypatch.setattr(dicomweb._limited, "__defaults__", (2**20,))
    kind = 'multipart/related; type="application/dicom"; boundary=b'
    server.faults["instances"] = [endless(kind, b"--b\r\nContent-Type: application/dicom\r\n\r\n")]
    sizes = []
    code, _ = code_of(client.fetch, IMAGE, lambda pieces: sizes.extend(map(len, pieces)))
    assert code == "too_large" and sum(sizes) <= 2**20


def test_matches_without_end_are_given_up(server, client, monkeypatch):
    monkeypatch.setattr(dicomweb, "MOST_JSON_BYTES", 2**18)
    server.faults["studies"] = [endless("application/dicom+json", b"[")]
    with pytest.raises(DicomWebError):
        client.studies(ASKED)


@pytest.mark.parametrize(
    "url",
    [
        "http://pacs.example.org/dicom-web",
        "ftp://127.0.0.1/",
        "pacs",
        "https://",
        "https://jane:secret@pacs.example.org/",
        "https://pacs.example.org/?x=1",
        "http://127.0.0.1:99999/",
        "https://pacs..example.org/",
        "http://127.0.0.1.example.org/",
    ],
)
def test_an_address_that_is_none_or_not_safe_is_refused_before_anything_is_sent(url):
    with pytest.raises(UsageError) as caught:
        Access(url).checked_url()
    assert "secret" not in str(caught.value)


def test_plain_http_to_another_machine_is_a_choice():
    assert Access("http://pacs.example.org/dicom-web/", insecure=True).checked_url() == (
        "http://pacs.example.org/dicom-web"
    )


@pytest.mark.parametrize(
    "environment",
    [{"USER": "jane"}, {"TOKEN": "t", "USER": "jane", "PASSWORD": "p"}, {"TOKEN": "t\n"}, {"TOKEN": "\xe9"}],
)
def test_half_double_or_unsendable_credentials_are_a_usage_error(environment):
    named = {f"RADRAG_DICOMWEB_{name}": value for name, value in environment.items()}
    with pytest.raises(UsageError):
        Access.from_environment(named, "https://pacs.example.org")


@pytest.mark.parametrize(
    "asked", [{}, {"study": "1.2/../3"}, {"patient": "*"}, {"accession": "A?"}, {"modalities": ("CR",)}]
)
def test_studies_of_people_who_were_not_named_cannot_be_asked_for(asked):
    with pytest.raises(UsageError):
        Wanted(**asked)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    certificate, key = self_signed(tmp_path)
    server = DicomWebServer([])
    server.encrypt(server_context(certificate, key))
    with server.running():
        client = DicomWeb(Access(server.url), tries=1)
        assert code_of(client.studies, ASKED)[0] == "certificate"
        client.close()
        trusting = DicomWeb(Access(server.url, authorities=certificate), tries=1)
        assert trusting.studies(ASKED) == []
        trusting.close()


def test_a_server_that_does_not_decode_its_query_is_asked_with_wildcards_and_matched_exactly(server, client, tmp_path):
    matches = [
        {"0020000D": {"Value": [f"1.{n}"]}, "00100020": {"Value": [who]}} for n, who in enumerate(("P 1", "P11"))
    ]
    found = json.dumps(matches).encode()
    kind = {"Content-Type": "application/dicom+json"}
    server.faults["studies"] = [204, lambda one: reply(one, 200, kind, found)]
    assert [one.uid for one in client.studies(Wanted(patient="P 1"))] == ["1.0"]
    assert [query["PatientID"] for _, query, _ in server.asked] == ["P 1", "P*1"]


def test_a_server_that_gives_fewer_than_asked_for_is_asked_for_the_rest(server, client):
    def page(number, **headers):
        body = b'[{"0020000D": {"Value": ["1.%d"]}}]' % number
        return lambda one: reply(one, 200, {"Content-Type": "application/dicom+json", **headers}, body)

    server.faults["studies"] = [page(1, Warning="299 pacs: There are additional results"), page(2)]
    assert [one.uid for one in client.studies(Wanted(dates="20260105"))] == ["1.1", "1.2"]
    assert [query["offset"] for _, query, _ in server.asked] == ["0", "1"]


def test_an_answer_with_several_objects_or_none_is_refused(server, client):
    kind = {"Content-Type": "multipart/related; boundary=b"}
    for body in (b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--", b"--b--"):
        server.faults["instances"] = [lambda one, body=body: reply(one, 200, kind, body)]
        assert code_of(client.fetch, IMAGE, b"".join)[0] == "not_dicomweb"
