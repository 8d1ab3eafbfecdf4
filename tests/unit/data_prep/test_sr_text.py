"""SR documents become sections in words."""

import pytest
from corpus_trees_own import (
    COMPREHENSIVE_SR,
    ROOT_UID,
    concept,
    content,
    section,
    write_image,
    write_sr,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset

from data_prep.report_values import Status, heading
from data_prep.sr_text import read_sr
from radrag.corpus.collection import ItemRejected

FINDINGS = section("121070", "Findings", "Clear lungs.")
IMPRESSION = section("121072", "Impressions", "Normal.")


def sections(tmp_path, items, **header):
    return read_sr(write_sr(tmp_path / "a.dcm", items, study="1", **header), "a.dcm").sections


def test_headings_make_sections_in_reading_order(tmp_path):
    items = [
        section("121060", "History", "Cough."),
        section("55111-9", "Current Procedure Descriptions", "Two views.", "LN"),
        FINDINGS,
        section("59776-5", "Findings", "Heart normal.", "LN"),
        IMPRESSION,
        section("55107-7", "Addendum", "Ribs intact.", "LN"),
    ]
    assert sections(tmp_path, items) == {
        "history": "Cough.",
        "technique": "Two views.",
        "findings": "Clear lungs.\nHeart normal.",
        "impression": "Normal.",
        "addendum": "Ribs intact.",
    }


def test_a_local_heading_is_known_by_its_words(tmp_path):
    assert sections(tmp_path, [section("X1", "IMPRESSION", "Normal.", "99HOSP")]) == {"impression": "Normal."}


def test_text_without_headings_is_parted_by_its_own_headers(tmp_path):
    words = "FINDINGS: Clear lungs.\r\nIMPRESSION: Normal."
    items = [content("TEXT", concept("X1", "Report text", "99HOSP"), words)]
    assert sections(tmp_path, items) == {"findings": "Clear lungs.", "impression": "Normal."}
    items = [
        content("TEXT", concept("121071", "Finding"), "Clear."),
        content("TEXT", concept("121073", "Impression"), "Normal."),
    ]
    assert sections(tmp_path, items) == {"findings": "Clear.", "impression": "Normal."}


def test_codes_and_numbers_are_said_and_context_is_not(tmp_path):
    number = content("NUM", concept("X2", "Cardiothoracic ratio", "99HOSP"))
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = "0.6", [concept("1", "no units", "UCUM")]
    number.MeasuredValueSequence = [measured]
    observer = content("TEXT", concept("121008", "Person Observer Name"), "Doe^John", link="HAS OBS CONTEXT")
    source = content("TEXT", concept("121071", "Finding"), "Not of the report.", link="INFERRED FROM")
    items = [
        content("CONTAINER", concept("121070", "Findings"), children=[
            observer,
            content("CODE", concept("121071", "Finding"), concept("36118008", "Pneumothorax", "SCT"), [source]),
            content("CODE", concept("X3", "Side", "99HOSP"), concept("24028007", "Right", "SCT")),
            number,
        ]),
    ]  # fmt: skip
    found = sections(tmp_path, items, SOPClassUID=COMPREHENSIVE_SR)
    assert found == {"findings": "Pneumothorax.\nSide: Right.\nCardiothoracic ratio: 0.6."}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({}, Status.FINAL),
        ({"VerificationFlag": "UNVERIFIED"}, Status.PRELIMINARY),
        ({"VerificationFlag": "UNVERIFIED", "PreliminaryFlag": "FINAL"}, Status.FINAL),
    ],
)
def test_only_verified_or_declared_final_is_final(tmp_path, header, status):
    path = write_sr(tmp_path / "a.dcm", [FINDINGS], study="1", **header)
    assert read_sr(path, "a.dcm").status is status


def test_the_studies_of_the_evidence_and_of_the_request_are_named(tmp_path):
    evidence, request = Dataset(), Dataset()
    evidence.StudyInstanceUID = f"{ROOT_UID}.5"
    request.StudyInstanceUID, request.AccessionNumber = f"{ROOT_UID}.6", "A600"
    path = write_sr(
        tmp_path / "a.dcm",
        [FINDINGS],
        study="1",
        CurrentRequestedProcedureEvidenceSequence=[evidence],
        ReferencedRequestSequence=[request],
        AccessionNumber="A100",
        StudyDescription="CHEST",
    )
    report = read_sr(path, "a.dcm")
    assert report.study_uids == tuple(f"{ROOT_UID}.{study}" for study in (1, 6, 5))
    assert report.accessions == ("A100", "A600")
    assert (report.procedure, report.when, report.sex, report.age) == ("CHEST", "20240131113000", "F", 61.0)


def test_a_dose_report_is_none(tmp_path):
    title = [concept("113701", "X-Ray Radiation Dose Report")]
    path = write_sr(tmp_path / "a.dcm", [FINDINGS], study="1", ConceptNameCodeSequence=title)
    assert read_sr(path, "a.dcm") is None


def test_nested_too_deep_is_cut_and_not_followed(tmp_path):
    item = content("TEXT", concept("121071", "Finding"), "Deep.")
    for _ in range(60):
        item = content("CONTAINER", concept("121070", "Findings"), children=[item])
    assert sections(tmp_path, [item, IMPRESSION]) == {"impression": "Normal."}


def test_an_enhanced_sr_of_highdicom_is_read(tmp_path):
    highdicom = pytest.importorskip("highdicom")
    from highdicom.sr import CodedConcept, ContainerContentItem, RelationshipTypeValues, TextContentItem
    from pydicom import dcmread

    image = dcmread(write_image(tmp_path / "i.dcm", 1, study="1", accession="A1"))
    root = ContainerContentItem(CodedConcept("18748-4", "LN", "Diagnostic Imaging Report"), template_id="2000")
    part = ContainerContentItem(
        CodedConcept("121070", "DCM", "Findings"), relationship_type=RelationshipTypeValues.CONTAINS
    )
    text = TextContentItem(
        CodedConcept("121071", "DCM", "Finding"), "Clear lungs.", relationship_type=RelationshipTypeValues.CONTAINS
    )
    part.ContentSequence = [text]
    root.ContentSequence = [part]
    document = highdicom.sr.EnhancedSR(
        evidence=[image],
        content=root,
        series_instance_uid=highdicom.UID(),
        series_number=9,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="radrag",
    )
    document.save_as(tmp_path / "sr.dcm")
    report = read_sr(tmp_path / "sr.dcm", "sr.dcm")
    assert report.sections == {"findings": "Clear lungs."}
    assert report.study_uids == (f"{ROOT_UID}.1",)
    assert report.accessions == ("A1",)


@pytest.mark.parametrize("code", ["121070", "121071", "59776-5"])
def test_findings_have_three_codes(code):
    assert heading(code) == "findings"


def test_every_heading_of_cid_7001_with_narrative_is_known():
    from pydicom.sr.codedict import codes

    silent = {"KeyImages", "Complications"}
    named = [(name, getattr(codes.cid7001, name)) for name in codes.cid7001.dir() if name not in silent]
    assert len(named) > 10
    unknown = [name for name, code in named if not heading(code.value)]
    assert unknown == []


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_rejection_or_less_text(tmp_path, data):
    path = write_sr(tmp_path / "a.dcm", [FINDINGS, IMPRESSION], study="1")
    content = bytearray(path.read_bytes())
    places = st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, max_size=10)):
        content[place] = byte
    path.write_bytes(content[: data.draw(st.integers(140, len(content)))])
    try:
        report = read_sr(path, "a.dcm")
    except ItemRejected as rejected:
        assert rejected.code == "unreadable_report"
    else:
        assert report is None or all(isinstance(text, str) for text in report.sections.values())
