"""The DICOM documents pass other people's validators and readers, and never say more than is signed."""

import io
import shutil
import subprocess
from dataclasses import replace

import pydicom
import pypdf
import pytest
from export_support import (
    IMAGE_UIDS,
    PATIENT_ID,
    SECRETS,
    SENTENCES,
    SIGNED,
    STUDY_UID,
    outgoing,
    with_sentences,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from support import missing

from radrag.domain import DraftSentence, Finding, ReportState, Status
from radrag.errors import ExportError
from radrag.export.codes import OWN_SCHEME
from radrag.export.dicom_pdf import report_to_dicom_pdf
from radrag.export.dicom_sr import report_to_sr
from radrag.export.dicom_sr3d import report_to_sr3d
from radrag.export.outgoing import Sender
from radrag.export.plain import printable
from radrag.reports.vocabulary import NAMES

WRITERS = {"sr": report_to_sr, "sr3d": report_to_sr3d, "dicompdf": report_to_dicom_pdf}
ODD = ("Плевральный выпот слева.", "心臓は正常 👩‍⚕️ قلب", "a\\b ^ = \x00 \x1b$B & <x>", "w" * 10_000)


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


def items(item):
    return list(item.get("ContentSequence", ()))


def meaning(item):
    return item.ConceptNameCodeSequence[0].CodeMeaning


def run(program, path, *options):
    if shutil.which(program) is None:
        missing(f"{program} (Debian packages dicom3tools and dcmtk)")
    done = subprocess.run([program, *options, str(path)], capture_output=True, text=True, errors="replace", check=False)
    return done.returncode, done.stdout + done.stderr


def unexpected(told):
    """What dciodvfy says but for two warnings: private coding schemes are allowed, and an export without identity has
    no study date for a DICOMDIR."""
    lines = [line for line in told.splitlines() if line.startswith(("Error", "Warning"))]
    return [line for line in lines if OWN_SCHEME not in line and "build DICOMDIR" not in line]


@pytest.mark.parametrize("identified", [True, False])
@pytest.mark.parametrize("state", list(ReportState))
@pytest.mark.parametrize("form", WRITERS)
def test_dciodvfy_finds_nothing_wrong(form, state, identified, tmp_path):
    one = outgoing(state, tmp_path) if identified or form == "sr3d" else outgoing(state)
    path = tmp_path / "out.dcm"
    path.write_bytes(WRITERS[form](one))
    assert unexpected(run("dciodvfy", path)[1]) == []


@pytest.mark.parametrize("form", ["sr", "sr3d"])
def test_dcmtk_reads_the_structured_reports(form, tmp_path):
    path = tmp_path / "out.dcm"
    path.write_bytes(WRITERS[form](outgoing(ReportState.ADDENDED, tmp_path)))
    code, told = run("dsrdump", path, "-Ec")  # every constraint is checked
    assert (code, [line for line in told.splitlines() if line.startswith("E:")]) == (0, [])
    assert "pleural effusion" in told.lower()


@pytest.mark.parametrize("form", ["sr", "sr3d"])
def test_highdicom_reads_the_structured_reports(form, tmp_path):
    from highdicom.sr import srread

    path = tmp_path / "out.dcm"
    path.write_bytes(WRITERS[form](outgoing(ReportState.FINAL, tmp_path)))
    read_back = srread(path)
    if form == "sr":
        assert len(read_back.content) == 1
        return
    (group,) = read_back.content.get_planar_roi_measurement_groups()
    assert group.finding_type.meaning == "Pleural effusion"
    region = group.roi
    assert region.value.tolist() == [[10, 40], [30, 40], [30, 60], [10, 60], [10, 40]]
    assert group.get_measurements()[0].value == 91.0


@pytest.mark.parametrize("texts", [(), ODD, tuple(f"Sentence {n}." for n in range(40))])
def test_odd_empty_and_long_reports_pass_dciodvfy(texts, tmp_path):
    one = with_sentences(outgoing(folder=tmp_path), *texts)
    for form in ("sr", "dicompdf"):
        path = tmp_path / f"{form}.dcm"
        path.write_bytes(WRITERS[form](one))
        assert [line for line in unexpected(run("dciodvfy", path)[1]) if line.startswith("Error")] == []


def test_sentences_findings_and_evidence_come_back_as_they_went(tmp_path):
    one = outgoing(ReportState.FINAL, tmp_path)
    root = read(report_to_sr(one))
    sections = {meaning(item): items(item) for item in items(root) if item.ValueType == "CONTAINER"}
    told = [*sections["Findings"], *sections["Impressions"]]
    assert [item.TextValue for item in told] == [sentence.text for sentence in SENTENCES]
    for item, sentence in zip(told, SENTENCES, strict=True):
        quotes = [one for one in items(item) if meaning(one) == "Sentence of another report"]
        assert [quote.TextValue for quote in quotes] == [link.quote for link in sentence.links]
        for quote, link in zip(quotes, sentence.links, strict=True):
            case, relation, strength = items(quote)
            assert case.TextValue == f"{link.case_id} {link.section}[{link.start}:{link.end}]"
            assert relation.ConceptCodeSequence[0].CodeMeaning == link.relation.value
            assert float(strength.MeasuredValueSequence[0].NumericValue) == link.strength


def test_a_denied_finding_is_coded_as_absent_and_a_stated_one_with_side_and_severity():
    root = read(report_to_sr(outgoing()))
    findings = next(item for item in items(root) if item.ValueType == "CONTAINER" and meaning(item) == "Findings")
    coded = {}
    for sentence in items(findings):
        for item in items(sentence):
            coded[meaning(item)] = item
    assert coded["Pneumothorax"].ConceptCodeSequence[0].CodeMeaning == "Absent"
    assert coded["Nodule"].ConceptCodeSequence[0].CodeMeaning == "Undetermined"
    effusion = coded["Pleural effusion"]
    assert effusion.ConceptNameCodeSequence[0].CodeValue == "60046008"
    assert effusion.ConceptCodeSequence[0].CodeMeaning == "Present"
    assert [item.ConceptCodeSequence[0].CodeMeaning for item in items(effusion)] == ["Left", "Mild"]


def test_every_image_is_listed_and_the_placed_sentence_refers_to_the_first(tmp_path):
    made = read(report_to_sr(outgoing(folder=tmp_path)))
    (listed,) = made.CurrentRequestedProcedureEvidenceSequence
    assert listed.StudyInstanceUID == STUDY_UID
    uids = [
        instance.ReferencedSOPInstanceUID
        for series in listed.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    ]
    assert uids == list(IMAGE_UIDS)
    text = report_to_sr(outgoing(folder=tmp_path))
    assert text.count(IMAGE_UIDS[0].encode()) == 2  # in the list, and below the sentence


def test_the_order_is_named_by_its_accession_number(tmp_path):
    (order,) = read(report_to_sr(outgoing(folder=tmp_path))).ReferencedRequestSequence
    assert (order.AccessionNumber, order.StudyInstanceUID) == ("ACC-4711", STUDY_UID)


def test_an_institution_with_a_backslash_stays_one_value(tmp_path):
    one = outgoing(ReportState.FINAL, tmp_path)
    made = read(report_to_sr(replace(one, sender=Sender("A\\B"))))
    assert made.InstitutionName == made.VerifyingObserverSequence[0].VerifyingOrganization == "A/B"


@pytest.mark.parametrize("state", list(ReportState))
@pytest.mark.parametrize("form", WRITERS)
def test_only_what_is_signed_is_verified(form, state, tmp_path):
    made = read(WRITERS[form](outgoing(state, tmp_path)))
    verified = state.signed and form != "sr3d"  # nobody signs boxes and certainties
    assert made.VerificationFlag == ("VERIFIED" if verified else "UNVERIFIED")
    if form != "dicompdf":
        assert made.PreliminaryFlag == ("FINAL" if verified else "PRELIMINARY")
        assert ("VerifyingObserverSequence" in made) == verified
    if not state.signed:
        assert b"FINAL" not in WRITERS[form](outgoing(state, tmp_path)).split(b"%PDF")[0].upper()


def test_who_verified_and_when_is_told(tmp_path):
    made = read(report_to_sr(outgoing(ReportState.FINAL, tmp_path)))
    (observer,) = made.VerifyingObserverSequence
    assert observer.VerifyingObserverName.family_name == "Dr. Ada Adams"
    assert observer.VerifyingOrganization == "General Hospital"
    assert str(observer.VerificationDateTime) == "20260302113000+0000"
    assert SIGNED.startswith("2026-03-02T11:30")


@pytest.mark.parametrize("state", [ReportState.ADDENDED, ReportState.CORRECTED])
def test_a_later_version_names_the_document_it_follows(state, tmp_path):
    final, later = (outgoing(one, tmp_path) for one in (ReportState.FINAL, state))
    before, after = read(report_to_sr(final)), read(report_to_sr(later))
    (study,) = after.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    (earlier,) = series.ReferencedSOPSequence
    assert earlier.ReferencedSOPInstanceUID == before.SOPInstanceUID != after.SOPInstanceUID
    assert series.SeriesInstanceUID == before.SeriesInstanceUID == after.SeriesInstanceUID
    assert "PredecessorDocumentsSequence" not in before


@pytest.mark.parametrize("form", WRITERS)
def test_patient_and_study_are_those_of_the_images_or_nobodys(form, tmp_path):
    named = read(WRITERS[form](outgoing(folder=tmp_path)))
    assert (named.PatientID, str(named.PatientName), named.AccessionNumber) == (PATIENT_ID, "Doe^Jane^Q", "ACC-4711")
    assert (named.StudyInstanceUID, named.StudyDate, named.SpecificCharacterSet) == (
        STUDY_UID,
        "20260301",
        "ISO_IR 192",
    )
    if form == "sr3d":
        return
    content = WRITERS[form](outgoing())
    nobody = read(content)
    assert nobody.PatientID == outgoing().draft.study.patient_key
    assert not [secret for secret in SECRETS if secret.encode() in content]


@pytest.mark.parametrize("form", WRITERS)
def test_the_same_report_gives_the_same_bytes(form, tmp_path):
    first, second = (WRITERS[form](outgoing(ReportState.FINAL, tmp_path)) for _ in range(2))
    assert first == second


def test_the_encapsulated_pdf_is_the_printed_report(tmp_path):
    one = outgoing(ReportState.FINAL, tmp_path)
    made = read(report_to_dicom_pdf(one))
    held = made.EncapsulatedDocument[: made.EncapsulatedDocumentLength]
    assert held == one.pdf
    assert pypdf.PdfReader(io.BytesIO(held)).pages


def test_without_dicom_images_nothing_can_be_placed():
    with pytest.raises(ExportError) as caught:
        report_to_sr3d(outgoing())
    assert caught.value.code == "no_images"


def test_without_places_there_is_nothing_to_place(tmp_path):
    one = outgoing(folder=tmp_path)
    bare = replace(one.report, draft=replace(one.draft, image_findings=()))
    with pytest.raises(ExportError) as caught:
        report_to_sr3d(replace(one, report=bare))
    assert caught.value.code == "no_regions"


def test_a_place_that_the_signed_report_does_not_state_is_not_sent(tmp_path):
    denied = (DraftSentence("findings", "Lungs are clear.", Status.SUPPORTED),)
    report_to_sr3d(outgoing(ReportState.DRAFT, tmp_path, denied))
    with pytest.raises(ExportError, match="place"):
        report_to_sr3d(outgoing(ReportState.FINAL, tmp_path, denied))


def test_every_label_has_a_code_that_fits_its_attributes_and_no_two_share_one():
    sentences = (DraftSentence("findings", "All.", Status.UNSUPPORTED, tuple(Finding(name) for name in NAMES)),)
    root = read(report_to_sr(outgoing(sentences=sentences)))
    (findings,) = (item for item in items(root) if item.ValueType == "CONTAINER")
    names = [item.ConceptNameCodeSequence[0] for item in items(items(findings)[0])[1:]]
    codes = {(name.CodeValue, name.CodingSchemeDesignator) for name in names}
    assert len(codes) == len(NAMES)
    assert all(len(name.CodeValue) <= 16 and len(name.CodeMeaning) <= 64 for name in names)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=80).filter(printable), max_size=4))
def test_any_sentence_comes_back_byte_for_byte(texts):
    root = read(report_to_sr(with_sentences(outgoing(), *texts)))
    told = [
        item.TextValue
        for section in items(root)
        if section.ValueType == "CONTAINER" and meaning(section) == "Findings"
        for item in items(section)
    ]
    assert told == [printable(text) for text in texts]
