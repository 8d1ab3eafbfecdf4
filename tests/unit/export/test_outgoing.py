"""What leaves is what was signed, in letters that can be shown; whose it is comes from the images, or not at all."""

import logging
from dataclasses import replace

import pytest
from export_support import (
    NAME,
    PATIENT_ID,
    SALT,
    SECRETS,
    SENTENCES,
    link,
    outgoing,
    report,
    signature,
    study,
    with_sentences,
    write_image,
)
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from radrag.domain import DraftSentence, Relation, ReportState, Status
from radrag.errors import ExportError
from radrag.export.identity import read_identity, without_identity
from radrag.export.outgoing import Outgoing
from radrag.export.plain import EPOCH, moment, printable
from radrag.export.readying import WITHHELD


def of(one):
    return Outgoing.of(one, without_identity(one.draft.study))


def test_where_signed_text_and_sentences_differ_the_signed_text_leaves_and_keeps_only_evidence_that_still_fits():
    text = {"findings": "There is a small right pleural effusion. No pneumothorax.", "impression": "Right effusion."}
    signed = signature(ReportState.CORRECTED, 7, "Side.", text)
    corrected = replace(report(ReportState.CORRECTED), signatures=(signature(ReportState.FINAL), signed))
    sentences = of(corrected).report.sentences
    assert [one.text for one in sentences] == [
        "There is a small right pleural effusion.",
        "No pneumothorax.",
        "Right effusion.",
    ]
    assert [bool(one.links) for one in sentences] == [False, True, False]


def test_an_unsigned_report_leaves_as_it_stands():
    assert of(report()).report.sentences == SENTENCES


def test_a_state_without_a_signature_does_not_count_as_signed():
    assert not of(replace(report(ReportState.FINAL), signatures=())).signed


def test_evidence_is_numbered_once_in_order_of_use():
    ready = of(report())
    assert [(one.number, one.link.case_id) for one in ready.references] == [
        (1, "iu-xray:CXR1"),
        (2, "iu-xray:CXR2"),
        (3, "iu-xray:CXR3"),
    ]
    assert ready.numbers(SENTENCES[3].links) == (1,)


def test_restricted_evidence_is_named_and_not_quoted():
    ready = outgoing(restricted={"iu-xray:CXR1"})
    quotes = {one.link.case_id: one.link.quote for one in ready.references}
    assert quotes["iu-xray:CXR1"] == WITHHELD
    assert quotes["iu-xray:CXR2"] == "No effusion."
    assert ready.withheld == 1


def test_findings_come_before_the_impression_and_other_sections_after():
    said = tuple(DraftSentence(name, name, Status.UNSUPPORTED) for name in ("comparison", "impression", "findings"))
    assert list(of(report(sentences=said)).sections) == ["findings", "impression", "comparison"]


def test_uids_are_valid_and_differ_by_form_version_and_identity(tmp_path):
    ready, named = outgoing(ReportState.FINAL), outgoing(ReportState.FINAL, tmp_path)
    uids = {ready.uid("sr"), ready.uid("pdf"), ready.uid("sr", 1), named.uid("sr")}
    assert len(uids) == 4
    assert all(len(uid) <= 64 and uid.startswith("2.25.") for uid in uids)
    assert ready.uid("sr") == outgoing(ReportState.FINAL).uid("sr")


def test_only_acts_that_add_to_a_signed_report_make_a_new_version():
    final = report(ReportState.FINAL)
    assert of(replace(final, version=9)).version == final.signatures[0].version == 6
    told = replace(final.acknowledged[0], at="2026-03-02T12:00:00+00:00")
    assert of(replace(final, version=9, acknowledged=(told,))).version == 9
    assert of(replace(report(), version=4)).version == 4


@given(st.text())
def test_text_is_made_printable_on_one_line_and_a_second_time_nothing_changes(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert not set(shown) & set("\n\r\x00\x1b\u202e")
    shown.encode()


def test_a_control_character_is_shown_not_dropped():
    assert printable("no\x00 effusion\u202e") == "no[U+0000] effusion[U+202E]"
    assert printable("a \t\n b") == "a b"
    assert printable("Плевральный выпот ✓ 👩‍⚕️") == "Плевральный выпот ✓ 👩‍⚕️"


def test_identity_is_read_from_the_images(tmp_path):
    who = read_identity(study(tmp_path), salt=SALT)
    assert (who.patient_id, who.patient_name, who.known) == (PATIENT_ID, NAME, True)
    assert len(who.images) == 2


def test_without_image_files_the_identity_is_missed_by_code_and_the_way_out_is_named():
    with pytest.raises(ExportError, match="--without-identity") as caught:
        read_identity(study(), salt=SALT)
    assert caught.value.code == "no_identity"


@pytest.mark.parametrize("change", [{"PatientID": "SOMEONE-ELSE"}, {"StudyInstanceUID": "1.2.3"}])
def test_files_that_became_another_patients_are_refused_without_naming_anyone(tmp_path, change):
    drafted = study(tmp_path)
    write_image(tmp_path / "image0.dcm", **change)
    with pytest.raises(ExportError) as caught:
        read_identity(drafted, salt=SALT)
    assert caught.value.code == "other_patient"
    assert not [secret for secret in (*SECRETS, "SOMEONE-ELSE") if secret in str(caught.value)]


def test_a_file_without_preamble_is_read_too(tmp_path):
    drafted = study(tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[132:])
    assert read_identity(drafted, salt=SALT).patient_id == PATIENT_ID


def test_pictures_are_nobodys(tmp_path):
    drafted = study(tmp_path)
    for path in tmp_path.iterdir():
        Image.new("L", (80, 80)).save(path, "PNG")
    with pytest.raises(ExportError, match="--without-identity"):
        read_identity(drafted, salt=SALT)
    assert without_identity(drafted).images == ()


def test_a_sentence_of_white_space_says_nothing():
    said = (DraftSentence("findings", " \n\t", Status.UNSUPPORTED), SENTENCES[0])
    assert [one.text for one in of(report(sentences=said)).report.sentences] == [SENTENCES[0].text]


def test_a_time_that_is_none_becomes_no_present_time():
    assert moment("") == moment("soon") == moment("0001-01-01T00:00:00+10:00") == EPOCH
    assert moment("2026-03-02T12:30:00.5+01:00").isoformat() == "2026-03-02T11:30:00+00:00"


def test_a_file_that_holds_another_image_now_does_not_count(tmp_path):
    drafted = study(tmp_path)
    write_image(tmp_path / "image1.dcm", SOPInstanceUID="1.2.3.4")
    assert len(read_identity(drafted, salt=SALT).images) == 1


def test_without_identity_nothing_of_the_patient_is_left(tmp_path):
    who = without_identity(study(tmp_path))
    values = [str(getattr(who, name)) for name in who.__slots__]
    assert not [secret for secret in SECRETS for value in values if secret in value]
    assert len(who.images) == 2


def test_an_identity_does_not_show_itself(tmp_path, caplog):
    with caplog.at_level(logging.DEBUG):
        shown = repr(outgoing(folder=tmp_path)) + caplog.text
    assert not [secret for secret in (PATIENT_ID, "Doe", "19550102", "Roe") if secret in shown]


def test_relations_of_one_evidence_sentence_to_two_sentences_may_differ():
    said = (
        DraftSentence("findings", "Effusion.", Status.SUPPORTED, links=(link(),)),
        DraftSentence("findings", "No effusion.", Status.CONTRADICTED, links=(link(relation=Relation.CONTRADICTS),)),
    )
    ready = of(report(sentences=said))
    assert len(ready.references) == 1
    assert [one.links[0].relation for one in ready.report.sentences] == [Relation.SUPPORTS, Relation.CONTRADICTS]


def test_other_sentences_can_be_put_in():
    assert [one.text for one in with_sentences(outgoing(), "One.", "Two.").report.sentences] == ["One.", "Two."]
