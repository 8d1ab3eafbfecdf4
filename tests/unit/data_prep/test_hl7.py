"""HL7 files are parted into messages, and ORU messages read as reports, whatever sites make of the rules."""

import base64
import io

import pytest
from corpus_trees_own import escape, oru
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import hl7
from data_prep.hl7 import Delimiters, find_messages, parse_message, unescape
from data_prep.hl7_reports import reports_of
from data_prep.report_values import Status

TEXT = st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]))


def messages(data):
    return [part for _, part in find_messages(io.BytesIO(data))]


def report(text, **options):
    (found,) = reports_of(parse_message(text.encode()))
    return found


@given(TEXT)
def test_unescape_undoes_escape(text):
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (r"one\.br\two\.sp2\three", "one\ntwo\n\nthree"),
        (r"\H\bold\N\ 3 \X6d6D\ \.in+4\x", "bold 3 mm x"),
        (r"line\X0D0A\line", "line\nline"),
        (r"C:\temp\x and \Q\ and \X6\ ", r"C:\temp\x and \Q\ and \X6\ "),
        (r"\Zabc\ \C2842\ ", r"\Zabc\  "),
        (r"\.sk3\.", "   ."),
        (r"\.sp9999\.", "\n" * 20 + "."),
    ],
)
def test_escapes_of_lines_hex_and_highlight(escaped, text):
    assert unescape(escaped) == text


def test_hex_escapes_are_in_the_messages_character_set():
    assert unescape(r"Ergu\XDF\ ", Delimiters(), "iso8859-1") == "Erguß "


def test_a_batch_and_an_mllp_stream_are_parted():
    one, two = oru("A1", ["One."]).encode(), oru("A2", ["Two."]).encode()
    batch = b"FHS|^~\\&|R\rBHS|^~\\&|R\r" + one + two + b"BTS|2\rFTS|1\r"
    stream = b"\x0b" + one + b"\x1c\r\x0b" + two + b"\x1c\r"
    newlines = (one + two).replace(b"\r", b"\r\n")
    for data in (batch, stream, newlines, b"\xef\xbb\xbf" + one + two, b"\n\n" + one + two):
        found = [reports_of(parse_message(part))[0].accessions[0] for part in messages(data)]
        assert found == ["A1", "A2"]


def test_offsets_lead_back_to_the_message(monkeypatch):
    monkeypatch.setattr(hl7, "_CHUNK", 7)
    data = b"FHS|x\r" + b"".join(oru(f"A{n}", [f"Text {n}."]).encode() for n in range(5))
    found = list(find_messages(io.BytesIO(data)))
    assert len(found) == 5
    for start, part in found:
        assert data[start : start + len(part)] == part


def test_a_message_that_never_ends_is_not_held(monkeypatch):
    monkeypatch.setattr(hl7, "_CHUNK", 100)
    monkeypatch.setattr(hl7, "MAX_MESSAGE_BYTES", 1000)
    data = oru("A1", ["x" * 5000]).encode() + oru("A2", ["Two."]).encode()
    first, second = messages(data)
    assert first is None
    assert reports_of(parse_message(second))[0].accessions[0] == "A2"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_raises(data):
    content = bytearray((oru("A1", ["One \\ two.", ("IMP", "Normal.")]) + oru("A2", ["Zwei."])).encode())
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, max_size=20)):
        content[place] = byte
    cut = bytes(content[data.draw(st.integers(0, 50)) : data.draw(st.integers(50, len(content)))])
    for part in messages(cut):
        message = parse_message(part)
        for one in reports_of(message) if message else ():
            assert all(isinstance(text, str) for text in one.sections.values())


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_raise(data):
    for part in [*messages(data), b"MSH" + data]:
        message = parse_message(part)
        if message:
            reports_of(message)


def test_suffixes_make_sections_and_lines_are_joined():
    text = oru(
        "A1", ["Clear lungs.", "", "No effusion.", ("IMP", "Normal."), ("ADT", "Ribs intact."), ("TCM", "Rotated")]
    )
    found = report(text)
    expected = {"findings": "Clear lungs.\n\nNo effusion.", "impression": "Normal.", "addendum": "Ribs intact."}
    assert found.sections == expected


def test_a_whole_report_in_one_field_is_parted_by_its_headers():
    found = report(oru("A1", ["HISTORY: Cough.\nFINDINGS: Clear lungs, p < 1 & q | r.\nIMPRESSION: Normal."]))
    assert found.sections == {
        "history": "Cough.",
        "findings": "Clear lungs, p < 1 & q | r.",
        "impression": "Normal.",
    }


def test_repetitions_and_stray_line_ends_are_lines():
    text = oru("A1", ["x"]).replace("||x||", "||Clear lungs.~No effusion.\nHeart normal.||")
    assert report(text).sections == {"findings": "Clear lungs.\nNo effusion.\nHeart normal."}


def test_a_repeated_impression_header_is_no_part_of_the_impression():
    found = report(oru("A1", ["Clear.", ("IMP", "IMPRESSION: Normal.")]))
    assert found.sections["impression"] == "Normal."


def test_loinc_headings_and_their_names_make_sections():
    text = oru("A1", ["Clear.", "Normal."]).replace("71046&GDT^XR CHEST 2 VIEWS^CPT", "19005-8^Impression^LN", 2)
    assert report(text).sections == {"impression": "Clear.\nNormal."}


def test_the_number_of_the_study_is_sought_in_order():
    found = report(oru("F1", ["Clear."]).replace("|RAD|F", "|RAD|F", 1), extra=())
    assert found.accessions == ("F1", "PF1")
    with_ihe = oru("F1", ["Clear."]).split("\r")
    fields = with_ihe[2].split("|")
    fields[18] = "ACC1"
    with_ihe[2] = "|".join(fields)
    assert report("\r".join(with_ihe)).accessions == ("ACC1", "F1", "PF1")


@pytest.mark.parametrize(
    "segment",
    [
        "ZDS|1.2.3^RIS^Application^DICOM",
        "IPC|A1|RP1|1.2.3^RIS",
        "OBX|9|ST|110180^Study Instance UID^DCM||1.2.3||||||F",
        "OBX|9|ST|113014^DICOM Study^DCM||1.2.3||||||F",
    ],
)
def test_study_uids_are_found_wherever_sites_put_them(segment):
    found = report(oru("A1", ["Clear."], extra=[segment]))
    assert found.study_uids == ("1.2.3",)
    assert found.sections == {"findings": "Clear."}


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ("F", Status.FINAL),
        ("C", Status.FINAL),
        ("P", Status.PRELIMINARY),
        ("R", Status.PRELIMINARY),
        ("X", Status.WITHDRAWN),
        ("D", Status.PRELIMINARY),
        ("", Status.FINAL),
    ],
)
def test_the_status_is_of_the_order(result, status):
    found = oru("A1", ["Clear."]).replace("|RAD|F", f"|RAD|{result}")
    assert report(found).status is status


def test_withdrawn_lines_are_no_text():
    text = oru("A1", ["Effusion.", "Clear."]).replace("Effusion.||||||F", "Effusion.||||||W")
    assert report(text).sections == {"findings": "Clear."}
    assert report(text.replace("Clear.||||||F", "Clear.||||||D")).status is Status.WITHDRAWN


def test_the_medical_record_number_comes_first():
    text = oru("A1", ["Clear."], patient="123^^^INS^NI~456")
    assert report(text).patients == ("456", "123")


def test_sex_age_and_date_are_read():
    found = report(oru("A1", ["Clear."]))
    assert (found.sex, found.age, found.studied_at, found.when) == ("F", 61.0, "2024-01-31T10:15:00", "20240131120000")


def test_character_sets_are_believed_unless_they_cannot_be():
    german = oru("A1", ["Kein Erguß."], charset="8859/1")
    assert reports_of(parse_message(german.encode("latin-1")))[0].sections == {"findings": "Kein Erguß."}
    for charset, encoding in (("UNICODE UTF-8", "latin-1"), ("", "utf-8"), ("", "cp1252"), ("NONSENSE", "utf-8")):
        text = oru("A1", ["Kein Erguß."], charset=charset)
        assert reports_of(parse_message(text.encode(encoding)))[0].sections == {"findings": "Kein Erguß."}


def test_other_delimiters_are_honoured():
    text = "MSH$%*!@$RIS$HOSP$R$H$20240101$$ORU%R01\rPID$1$$P7%%%H%MR\rOBR$1$$A1$x%CHEST\rOBX$1$TX$1@IMP%x$$A!F!B*C"
    found = report(text)
    assert (found.accessions, found.patients, found.sections) == (("A1",), ("P7",), {"impression": "A$B\nC"})


def test_embedded_text_is_read_and_an_embedded_pdf_is_told():
    plain = base64.b64encode(b"FINDINGS: Clear.").decode()
    line = "OBX|1|ED|18748-4^Report^LN||RIS^{}^Base64^{}||||||F"
    found = report(oru("A1", [], extra=[line.format("text^plain", plain)]))
    assert (found.sections, found.attached) == ({"findings": "Clear."}, False)
    found = report(oru("A1", [], extra=[line.format("AP^PDF", "JVBERi0=")]))
    assert (found.sections, found.attached) == ({}, True)


def test_each_order_with_text_is_a_report_and_other_messages_are_none():
    text = (
        oru("A1", ["Clear."])
        + oru("A2", ["Opacity."]).partition("OBR")[1]
        + oru("A2", ["Opacity."]).partition("OBR")[2]
    )
    assert [one.accessions[0] for one in reports_of(parse_message(text.encode()))] == ["A1", "A2"]
    assert reports_of(parse_message(oru("A1", ["Clear."]).replace("ORU^R01", "ADT^A08").encode())) == []


def test_the_reason_for_the_study_is_the_indication():
    text = oru("A1", ["Clear."]).replace("|RAD|F", "|RAD|F||||||R05^Cough", 1)
    assert report(text).sections == {"indication": "Cough", "findings": "Clear."}
