"""What holds for every form: nothing unsigned says final, files are whole or not there, any report can be written."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pydicom
import pypdf
import pytest
from export_support import SECRETS, outgoing, with_sentences

from radrag.domain import ReportState
from radrag.errors import ExportError
from radrag.export.files import FORMS, file_name, write_form

UNSIGNED = [state for state in ReportState if not state.signed]


def pdf_words(content):
    document = pypdf.PdfReader(io.BytesIO(content))
    return " ".join(page.extract_text() for page in document.pages) + str(document.metadata)


def said(form, content):
    """Everything that a reader of the form could see."""
    if form == "pdf":
        return pdf_words(content)
    if form == "dicompdf":
        made = pydicom.dcmread(io.BytesIO(content))
        held = pdf_words(made.EncapsulatedDocument[: made.EncapsulatedDocumentLength])
        del made.EncapsulatedDocument
        return f"{made.to_json()} {held}"
    if form in ("sr", "sr3d"):
        return str(pydicom.dcmread(io.BytesIO(content)).to_json())
    if form == "fhir":
        resources = [entry["resource"] for entry in json.loads(content)["entry"]]
        (page,) = (one["presentedForm"][0].pop("data") for one in resources if "presentedForm" in one)
        (paper,) = (one["content"][0]["attachment"].pop("data") for one in resources if "content" in one)
        return f"{resources} {base64.b64decode(page).decode()} {pdf_words(base64.b64decode(paper))}"
    return content.decode()


@pytest.mark.parametrize("state", UNSIGNED)
@pytest.mark.parametrize("form", FORMS)
def test_nothing_unsigned_says_final_and_every_form_says_preliminary(form, state, tmp_path):
    words = said(form, FORMS[form].write(outgoing(state, tmp_path))).lower()
    assert not re.search(r"\bfinal\b", words)
    assert re.search(r"preliminary|unverified", words)
    if form == "hl7":
        assert "|P|" in FORMS[form].write(outgoing(state, tmp_path)).decode()


@pytest.mark.parametrize("form", [form for form in FORMS if form != "sr3d"])
def test_what_is_signed_says_by_whom(form, tmp_path):
    words = said(form, FORMS[form].write(outgoing(ReportState.FINAL, tmp_path)))
    assert "Dr. Ada Adams" in words
    assert not re.search(r"preliminary|unverified", words, re.IGNORECASE)


@pytest.mark.parametrize("form", FORMS)
def test_a_state_without_a_signature_is_treated_as_unsigned(form, tmp_path):
    one = outgoing(ReportState.FINAL, tmp_path)
    unsigned = replace(one, report=replace(one.report, signatures=()))
    assert not re.search(r"\bfinal\b", said(form, FORMS[form].write(unsigned)).lower())


@pytest.mark.parametrize("form", [form for form in FORMS if form != "sr3d"])
def test_no_form_quotes_what_may_not_be_passed_on(form, tmp_path):
    one = outgoing(folder=tmp_path, restricted={"iu-xray:CXR2"})
    words = " ".join(said(form, FORMS[form].write(one)).split())
    assert "No effusion." not in words
    assert form == "hl7" or "iu-xray:CXR2" in words


@pytest.mark.parametrize("form", FORMS)
def test_the_same_report_gives_the_same_bytes(form, tmp_path):
    assert FORMS[form].write(outgoing(folder=tmp_path)) == FORMS[form].write(outgoing(folder=tmp_path))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "sr3d"])
@pytest.mark.parametrize("texts", [(), ("قلب 心臓 👩‍⚕️ a\\b|^&~ <x> & \x00\x1b\u202e",)])
def test_without_images_evidence_or_plain_letters_every_form_can_be_written(form, texts):
    assert FORMS[form].write(with_sentences(outgoing(images=0), *texts))


@pytest.mark.parametrize("form", [form for form in FORMS if form != "sr3d"])
def test_without_identity_no_form_tells_a_secret(form):
    words = said(form, FORMS[form].write(outgoing(ReportState.FINAL)))
    assert not [secret for secret in SECRETS if secret in words]


def test_a_file_is_named_by_the_draft_alone(tmp_path):
    written = write_form(outgoing(folder=tmp_path), "text", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [written.path.name]
    assert written.path.name == "5d3c0f6e9a1b4c2d8e7f001122334455.txt"
    assert written.size == len(written.path.read_bytes())


@pytest.mark.parametrize("draft_id", ["../x", "", "a/b", "a" * 200, ".hidden"])
def test_an_id_that_is_no_file_name_is_refused(draft_id):
    with pytest.raises(ExportError, match="id"):
        file_name(draft_id, "text")


def test_a_form_that_cannot_be_given_leaves_nothing_behind(tmp_path):
    with pytest.raises(ExportError):
        write_form(outgoing(), "sr3d", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_a_coded_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot be written") as caught:
        write_form(outgoing(), "text", tmp_path / "file")
    assert caught.value.code == "not_writable"


def test_the_documentation_names_every_form_and_its_suffix():
    page = (Path(__file__).parents[3] / "docs" / "export.md").read_text()
    assert [form for form, made in FORMS.items() if f"`{form}`" not in page or f"`{made.suffix}`" not in page] == []
