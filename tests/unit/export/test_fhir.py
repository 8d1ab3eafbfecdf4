"""The FHIR bundle is valid R4 by two libraries, hangs together, says what is signed, and its page links to images."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import fhirkit
import pypdf
import pytest
from export_support import IMAGE_UIDS, SECRETS, SENTENCES, SERIES_UIDS, STUDY_UID, outgoing, with_sentences
from fhirclient.models.bundle import Bundle
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.domain import DraftSentence, Finding, ReportState, Status
from radrag.export.fhir import report_to_fhir
from radrag.export.plain import printable
from radrag.export.report_html import report_to_html

STATES = {
    ReportState.DRAFT: ("preliminary", "preliminary", "preliminary"),
    ReportState.PRELIMINARY: ("preliminary", "preliminary", "preliminary"),
    ReportState.FINAL: ("final", "final", "final"),
    ReportState.ADDENDED: ("appended", "final", "amended"),
    ReportState.CORRECTED: ("corrected", "corrected", "amended"),
}


def bundle(one):
    return json.loads(report_to_fhir(one))


def of_kind(made, kind):
    return [entry["resource"] for entry in made["entry"] if entry["resource"]["resourceType"] == kind]


def with_sender(one, **values):
    return replace(one, sender=replace(one.sender, **values))


class Page(HTMLParser):
    """Collects the links, ids and text of a page, and whether all tags are closed."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.words, self.open, self.sources = [], set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a":
            self.links.append(found)
        self.sources += [value for name, value in attributes if name in ("src", "href") and tag != "a"]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("identified", [True, False])
@pytest.mark.parametrize("state", list(ReportState))
def test_two_libraries_of_the_r4_definitions_find_nothing_wrong(state, identified, tmp_path):
    made = bundle(outgoing(state, tmp_path if identified else None))
    assert [str(issue) for issue in fhirkit.validate(made)] == []
    Bundle(made)  # raises for unknown, missing and misshapen elements


def test_odd_and_empty_reports_are_valid(tmp_path):
    for texts in ((), ("قلب 心臓 👩‍⚕️ a\\b <x> & \x00",), ("w" * 10_000,), tuple(f"Sentence {n}." for n in range(40))):
        made = bundle(with_sentences(outgoing(), *texts))
        assert [str(issue) for issue in fhirkit.validate(made)] == []
    assert fhirkit.validate(bundle(outgoing(images=0))) == []
    assert fhirkit.validate(bundle(with_sender(outgoing(folder=tmp_path), wado_url="https://pacs/dicom-web"))) == []


@pytest.mark.parametrize("state", list(ReportState))
def test_state_of_report_findings_and_document(state):
    made = bundle(outgoing(state))
    (report,), (document,) = of_kind(made, "DiagnosticReport"), of_kind(made, "DocumentReference")
    observed = {one["status"] for one in of_kind(made, "Observation")}
    assert (report["status"], *observed, document["docStatus"]) == STATES[state]
    if not state.signed:
        assert '"final"' not in json.dumps(made)


def test_every_reference_leads_to_an_entry_of_the_bundle(tmp_path):
    made = bundle(with_sender(outgoing(ReportState.FINAL, tmp_path), wado_url="https://pacs/dicom-web"))
    known = {entry["fullUrl"] for entry in made["entry"]}
    referred = set(re.findall(r'"reference": "([^"]+)"', json.dumps(made)))
    assert referred <= known
    assert len(known) == len(made["entry"])


def test_each_finding_is_one_observation_that_says_whether_it_is_there():
    observed = of_kind(bundle(outgoing()), "Observation")
    found = {
        one["code"]["text"]: one["valueCodeableConcept"]["text"] for one in observed if "valueCodeableConcept" in one
    }
    assert found == {"Pleural effusion": "Present", "Pneumothorax": "Absent", "Nodule": "Undetermined"}
    effusion = next(one for one in observed if one["code"].get("text") == "Pleural effusion")
    assert [part["valueCodeableConcept"]["text"] for part in effusion["component"]] == ["Left", "Mild"]
    assert [note["text"] for note in effusion["note"]] == [SENTENCES[0].text, SENTENCES[3].text]


def test_a_finding_that_no_code_is_sure_for_goes_in_words():
    said = (DraftSentence("findings", "A tube.", Status.UNSUPPORTED, (Finding("Support Devices"),)),)
    made = bundle(outgoing(sentences=said))
    assert {"text": "Support Devices"} in [one["code"] for one in of_kind(made, "Observation")]
    assert "99RADRAG" not in json.dumps(made)


def test_a_second_version_replaces_the_first_and_makes_no_second_patient(tmp_path):
    first, second = (bundle(outgoing(state, tmp_path)) for state in (ReportState.FINAL, ReportState.CORRECTED))
    assert [entry["request"] for entry in first["entry"]] == [entry["request"] for entry in second["entry"]]
    requests = {entry["resource"]["resourceType"]: entry["request"] for entry in first["entry"]}
    assert requests["DiagnosticReport"]["method"] == "PUT"
    # without a numbering, only identifiers without one may match: another hospital's PAT-0815 is someone else
    assert requests["Patient"] == {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=%7CPAT-0815"}


def test_with_a_numbering_the_patient_is_sought_by_it(tmp_path):
    made = bundle(with_sender(outgoing(folder=tmp_path), patient_system="urn:oid:1.2.3"))
    assert of_kind(made, "Patient")[0]["identifier"][0]["system"] == "urn:oid:1.2.3"
    request = next(entry["request"] for entry in made["entry"] if entry["resource"]["resourceType"] == "Patient")
    assert request["ifNoneExist"] == "identifier=urn%3Aoid%3A1.2.3%7CPAT-0815"


def test_patient_and_study_are_those_of_the_images(tmp_path):
    made = bundle(outgoing(ReportState.FINAL, tmp_path))
    (patient,), (study,) = of_kind(made, "Patient"), of_kind(made, "ImagingStudy")
    assert patient["name"][0] == {"text": "Jane Q Doe", "family": "Doe", "given": ["Jane", "Q"]}
    assert (patient["gender"], patient["birthDate"]) == ("female", "1955-01-02")
    assert study["identifier"][0]["value"] == f"urn:oid:{STUDY_UID}"
    assert [one["instance"][0]["uid"] for one in study["series"]] == list(IMAGE_UIDS)
    assert of_kind(made, "Practitioner")[0]["name"] == [{"text": "Dr. Ada Adams"}]
    assert of_kind(made, "ServiceRequest")[0]["identifier"][0]["value"] == "ACC-4711"


def test_without_identity_no_secret_is_in_the_bundle_or_its_documents():
    made = bundle(outgoing(ReportState.FINAL))
    (report,) = of_kind(made, "DiagnosticReport")
    page = base64.b64decode(report["presentedForm"][0]["data"]).decode()
    assert not [secret for secret in SECRETS if secret in json.dumps(made) or secret in page]
    assert not of_kind(made, "ServiceRequest")


def test_the_documents_have_size_and_hash_and_are_the_printed_ones(tmp_path):
    one = outgoing(ReportState.FINAL, tmp_path)
    made = bundle(one)
    (report,), (document,) = of_kind(made, "DiagnosticReport"), of_kind(made, "DocumentReference")
    page, paper = report["presentedForm"][0], document["content"][0]["attachment"]
    for held in (page, paper):
        data = base64.b64decode(held["data"])
        assert held["size"] == len(data)
        assert base64.b64decode(held["hash"]) == hashlib.sha1(data).digest()
    assert base64.b64decode(page["data"]).decode() == report_to_html(one)
    assert pypdf.PdfReader(io.BytesIO(base64.b64decode(paper["data"]))).pages


def test_provenance_names_software_reader_and_the_cases_that_the_draft_rests_on():
    (made,) = of_kind(bundle(outgoing(ReportState.FINAL)), "Provenance")
    assert [agent["type"]["coding"][0]["code"] for agent in made["agent"]] == ["assembler", "verifier"]
    assert [one["what"]["identifier"]["value"] for one in made["entity"]] == [f"iu-xray:CXR{n}" for n in (1, 2, 3)]
    (draft,) = of_kind(bundle(outgoing(ReportState.PRELIMINARY)), "Provenance")
    assert [agent["type"]["coding"][0]["code"] for agent in draft["agent"]] == ["assembler", "performer"]


def test_the_same_report_gives_the_same_bytes(tmp_path):
    first, second = (report_to_fhir(outgoing(ReportState.FINAL, tmp_path)) for _ in range(2))
    assert first == second


def test_a_placed_sentence_links_to_its_picture_and_every_number_to_its_evidence(tmp_path):
    page = Page(report_to_html(outgoing(folder=tmp_path)))
    assert page.open == []
    assert {link["href"].removeprefix("#") for link in page.links} <= page.ids
    (image,) = (link for link in page.links if link["href"] == "#image-1")
    assert image["data-instance-uid"] == IMAGE_UIDS[0]
    assert all(source.startswith("data:") for source in page.sources)  # nothing is loaded from outside


def test_with_a_dicomweb_server_the_link_leads_to_the_rendered_image(tmp_path):
    one = with_sender(outgoing(folder=tmp_path), wado_url="https://pacs/dicom-web/")
    address = f"https://pacs/dicom-web/studies/{STUDY_UID}/series/{SERIES_UIDS[0]}/instances/{IMAGE_UIDS[0]}/rendered"
    assert address in [link["href"] for link in Page(report_to_html(one)).links]
    assert of_kind(bundle(one), "Endpoint")[0]["address"] == "https://pacs/dicom-web/"


@pytest.mark.parametrize("state", list(ReportState))
def test_the_page_says_where_the_report_stands(state):
    words = " ".join(Page(report_to_html(outgoing(state))).words)
    assert ("PRELIMINARY" in words) != state.signed
    assert ("Not signed" in words) != state.signed


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=80), max_size=4))
def test_markup_in_a_sentence_is_text_on_the_page(texts):
    page = Page(report_to_html(with_sentences(outgoing(), *texts)))
    assert page.open == []
    words = "".join(page.words)
    for text in texts:
        assert printable(text) in words
