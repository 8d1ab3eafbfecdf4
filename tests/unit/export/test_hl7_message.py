"""The HL7 message parses strictly in another library, escapes what it must, and says P, F or C as the report stands."""

import pytest
from export_support import SECRETS, SENTENCES, outgoing, with_sentences
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message
from hypothesis import given, settings
from hypothesis import strategies as st

from radrag.domain import ReportState
from radrag.export.hl7 import control_id, escaped, report_to_hl7
from radrag.export.plain import printable

SEPARATORS = {"\\F\\": "|", "\\S\\": "^", "\\T\\": "&", "\\R\\": "~", "\\E\\": "\\"}


def text_of(one):
    return report_to_hl7(one).decode()


def strictly(one):
    """The message as hl7apy reads it, every segment, field and cardinality checked."""
    message = parse_message(text_of(one), validation_level=VALIDATION_LEVEL.STRICT, force_validation=True)
    assert message.validate()
    return message


def observations(message):
    group = message.oru_r01_patient_result.oru_r01_order_observation
    return [part.obx for part in group.oru_r01_observation] if "OBX" in message.to_er7() else []


def unescaped(text):
    """Undo the escapes one by one from the left, as chapter 2.7 has it."""
    out, place = "", 0
    while place < len(text):
        mark = text[place : place + 3]
        out += SEPARATORS.get(mark, text[place])
        place += 3 if mark in SEPARATORS else 1
    return out


@pytest.mark.parametrize("identified", [True, False])
@pytest.mark.parametrize("state", list(ReportState))
def test_hl7apy_parses_it_strictly(state, identified, tmp_path):
    message = strictly(outgoing(state, tmp_path if identified else None))
    assert message.msh.msh_9.to_er7() == "ORU^R01^ORU_R01"
    assert message.msh.msh_12.to_er7() == "2.5.1"
    assert message.msh.msh_18.to_er7() == "UNICODE UTF-8"


@pytest.mark.parametrize(
    ("state", "report", "sentences"),
    [
        (ReportState.DRAFT, "P", "P"),
        (ReportState.PRELIMINARY, "P", "P"),
        (ReportState.FINAL, "F", "F"),
        (ReportState.ADDENDED, "C", "F"),
        (ReportState.CORRECTED, "C", "C"),
    ],
)
def test_states_of_report_and_sentences(state, report, sentences):
    message = strictly(outgoing(state))
    assert message.oru_r01_patient_result.oru_r01_order_observation.obr.obr_25.to_er7() == report
    assert {one.obx_11.to_er7() for one in observations(message)} == {sentences}


def test_sentences_come_in_order_under_the_codes_of_their_sections():
    found = observations(strictly(outgoing(ReportState.ADDENDED)))
    assert [one.obx_5.to_er7() for one in found[:4]] == [sentence.text for sentence in SENTENCES]
    codes = [one.obx_3.obx_3_1.to_er7() for one in found]
    assert codes == ["59776-5", "59776-5", "59776-5", "19005-8", "55107-7", "73568-8"]
    assert found[4].obx_5.to_er7() == "Discussed by telephone."
    assert [one.obx_1.to_er7() for one in found] == [str(number) for number in range(1, 7)]


def test_what_nobody_signed_says_so_in_words():
    note = strictly(outgoing()).oru_r01_patient_result.oru_r01_order_observation.nte
    assert note.nte_3.to_er7().startswith("PRELIMINARY - UNVERIFIED DRAFT")
    assert "FINAL" not in text_of(outgoing()).upper()


def test_patient_order_and_reader_have_their_fields(tmp_path):
    message = strictly(outgoing(ReportState.FINAL, tmp_path))
    patient = message.oru_r01_patient_result.oru_r01_patient
    order = message.oru_r01_patient_result.oru_r01_order_observation
    assert patient.pid.pid_3.to_er7() == "PAT-0815^^^GENERAL^MR"
    assert patient.pid.pid_5.to_er7() == "Doe^Jane^Q"
    assert (patient.pid.pid_7.to_er7(), patient.pid.pid_8.to_er7()) == ("19550102", "F")
    assert patient.oru_r01_visit.pv1.pv1_8.to_er7() == "^Roe^Richard"
    assert order.orc.orc_3.to_er7() == order.obr.obr_3.to_er7() == "ACC-4711"
    assert order.obr.obr_7.to_er7() == "20260301"
    assert order.obr.obr_22.to_er7() == "20260302113000+0000"
    assert order.obr.obr_32.to_er7() == "&Dr. Ada Adams"


def test_without_identity_the_name_is_a_pseudonym_and_no_secret_is_told():
    one = outgoing(ReportState.FINAL)
    patient = strictly(one).oru_r01_patient_result.oru_r01_patient
    assert patient.pid.pid_3.to_er7() == f"{one.draft.study.patient_key}^^^^AN"
    assert patient.pid.pid_5.to_er7() == "^^^^^^S"
    assert not [secret for secret in SECRETS if secret in text_of(one)]


def test_prefix_and_suffix_change_places():
    from radrag.export.hl7 import _name

    assert _name("Doe^Jane^Q^Dr^MD=ドー^ジェーン") == "Doe^Jane^Q^MD^Dr"


def test_a_message_sent_twice_is_known_as_one_and_a_new_version_as_another():
    final = outgoing(ReportState.FINAL)
    assert control_id(final) == control_id(outgoing(ReportState.FINAL))
    assert report_to_hl7(final) == report_to_hl7(outgoing(ReportState.FINAL))
    assert control_id(final) != control_id(outgoing(ReportState.CORRECTED))
    assert len(control_id(final)) == 20


@pytest.mark.parametrize("texts", [(), tuple(f"Sentence {n}." for n in range(40))])
def test_empty_and_many_parse(texts):
    assert len(observations(strictly(with_sentences(outgoing(), *texts)))) == len(texts)


def test_a_sentence_of_any_length_is_one_observation():
    """TX holds 65,536 letters; hl7apy, which does not look at OBX-2, takes every OBX-5 for an ST of 199 when strict."""
    message = parse_message(text_of(with_sentences(outgoing(), "w" * 10_000)), find_groups=True)
    assert observations(message)[0].obx_5.to_er7() == "w" * 10_000


def test_no_images_and_no_evidence_parse():
    strictly(with_sentences(outgoing(images=0), "Lungs are clear."))


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_delimiters_are_escaped_so_that_no_text_can_make_a_field(text):
    shown = printable(text)
    assert unescaped(escaped(shown)) == shown
    segments = text_of(with_sentences(outgoing(), text)).split("\r")
    sentence = [one.split("|") for one in segments if one.startswith("OBX|1|")]
    if shown:
        assert unescaped(sentence[0][5]) == shown
        assert sentence[0][11] == "P"
