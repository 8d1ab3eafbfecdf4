"""A hospital's images and reports meet by study UID or accession number, or are left out with a reason."""

import shutil

import pytest
from corpus_trees_own import (
    PATIENT,
    ROOT_UID,
    build_hospital,
    oru,
    section,
    write_image,
    write_sr,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_prep.kinds import Options, find_kind, kind_of
from data_prep.report_values import may_be_chest_film, names_another_examination
from radrag.corpus.collection import Rejection
from radrag.dicom.read import find_studies, load_image
from radrag.domain import Case, View
from radrag.errors import CorpusError

FINDINGS = section("121070", "Findings", "Clear lungs.")
IMPRESSION = section("121072", "Impressions", "Normal.")


def read(folder, **options):
    collection = find_kind("dicom+sr").open(folder, Options(salt="salt", **options))
    items = list(collection.items)
    return [one for one in items if isinstance(one, Case)], [one for one in items if isinstance(one, Rejection)]


def codes(rejections):
    return sorted((one.code.value, one.item) for one in rejections)


def hl7(folder, *messages, name="r.hl7"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes("".join(messages).encode())


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return build_hospital(tmp_path_factory.mktemp("export"))


def test_an_export_becomes_cases_and_a_list_of_what_was_left_out(export):
    cases, rejections = read(export)
    by_text = {case.sections.get("impression"): case for case in cases}
    assert set(by_text) == {
        "Normal chest radiograph.",
        "Pneumonia of the right lower lobe.",
        "Left pleural effusion.",
        "Cardiomegaly without edema.",
    }
    first = by_text["Normal chest radiograph."]
    assert first.sections["history"] == "Cough for two weeks."
    assert [image.view for image in first.images] == [View.PA, View.LATERAL]
    assert [image.path for image in first.images] == [
        str(export / "images/1" / f"{name}.dcm") for name in ("pa", "lateral")
    ]
    assert (first.sex, first.age, first.studied_at) == ("F", 61.0, "2024-01-31T10:15:00")
    assert first.images[0].sop_instance_uid == f"{ROOT_UID}.1.1.2"
    second = by_text["Pneumonia of the right lower lobe."]
    assert second.sections["findings"] == "Right lower lobe consolidation.\nNo pleural effusion."
    assert second.sections["addendum"] == "The lateral ribs are intact."
    assert by_text["Cardiomegaly without edema."].images == ()
    assert codes(rejections) == [
        ("ambiguous_match", "images/5.dcm"),
        ("ambiguous_match", "images/6.dcm"),
        ("ambiguous_match", "reports/A500.txt"),
        ("missing_report", "images/4.dcm"),
        ("not_chest", "images/knee.dcm"),
        ("not_chest", "reports/export.hl7:4"),
        ("not_chest", "reports/export.hl7:6"),
    ]


def test_its_images_can_be_loaded(export):
    assert load_image(export / "images" / "2.dcm").image.view is View.PA


def test_the_patient_key_is_that_of_a_drafted_study(export):
    cases, _ = read(export)
    keys = {found.study.patient_key for found in find_studies([export / "images" / "1"], salt="salt")[0]}
    assert {case.patient_key for case in cases if len(case.images) == 2} == keys


@pytest.mark.parametrize("issuer", ["", "HOSP"])
def test_a_report_without_images_has_the_key_that_its_patients_images_would_have(tmp_path, issuer):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1", IssuerOfPatientID=issuer)
    hl7(tmp_path, oru("A1", ["Clear."]), oru("A2", ["Effusion."]))
    cases, _ = read(tmp_path)
    assert [len(case.images) for case in cases] == [1, 0]
    assert cases[0].patient_key == cases[1].patient_key


def test_everything_is_restricted_and_nothing_shows_an_identifier(export):
    collection = find_kind("dicom+sr").open(export, Options(salt="salt", name="st-mary"))
    assert collection.info.restricted
    for case in collection.items:
        if isinstance(case, Case):
            assert case.restricted
            assert case.case_id.startswith("st-mary:")
            assert len(case.case_id) == len("st-mary:") + 16
            assert not any(
                number in f"{case.case_id} {case.patient_key}" for number in ("A100", "A200", PATIENT, ROOT_UID)
            )


def test_case_ids_are_stable_and_depend_on_the_salt(export):
    cases, again = read(export)[0], read(export)[0]
    assert [case.case_id for case in cases] == [case.case_id for case in again]
    other = find_kind("dicom+sr").open(export, Options(salt="other")).items
    assert not {case.case_id for case in cases} & {one.case_id for one in other if isinstance(one, Case)}


def test_the_latest_final_report_is_in_force(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    hl7(
        tmp_path,
        oru("A1", ["Corrected: effusion."], status="C", at="20240202"),
        oru("A1", ["Final: clear."], at="20240201"),
        oru("A1", ["Preliminary, late."], status="P", at="20240303"),
    )
    (case,), rejections = read(tmp_path)
    assert case.sections == {"findings": "Corrected: effusion."}
    assert rejections == []


def test_a_preliminary_report_alone_is_taken_and_told(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    hl7(tmp_path, oru("A1", ["Clear."], status="P"))
    (case,), (note,) = read(tmp_path)
    assert case.sections == {"findings": "Clear."}
    assert (note.code.value, note.item, note.kept) == ("bad_value", "r.hl7:1", True)


def test_a_report_without_body_is_taken_and_told(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    write_sr(tmp_path / "2.dcm", [section("121060", "History", "Cough.")], study="1")
    (case,), (note,) = read(tmp_path)
    assert case.sections == {"history": "Cough."}
    assert (note.code.value, note.item, note.kept) == ("missing_report", "2.dcm", True)


def test_a_withdrawn_report_is_no_report(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    hl7(tmp_path, oru("A1", ["Clear."], at="20240201"), oru("A1", [], status="X", at="20240202"))
    cases, rejections = read(tmp_path)
    assert cases == []
    assert codes(rejections) == [("missing_report", "1.dcm")]


def test_an_addendum_needs_its_report_and_belongs_to_a_version(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    hl7(tmp_path, oru("A1", [("ADT", "Old.")], at="20240101"))
    assert codes(read(tmp_path)[1]) == [("missing_report", "1.dcm")]
    hl7(tmp_path, oru("A1", ["Clear."], at="20240202"), name="s.hl7")
    assert read(tmp_path)[0][0].sections == {"findings": "Clear."}
    hl7(
        tmp_path,
        oru("A1", [("ADT", "First.")], at="20240203"),
        oru("A1", [("ADT", "Second.")], at="20240204"),
        name="t.hl7",
    )
    assert read(tmp_path)[0][0].sections == {"findings": "Clear.", "addendum": "First.\nSecond."}


def test_an_sr_document_of_another_study_is_joined_by_its_evidence(tmp_path):
    from pydicom import Dataset

    evidence = Dataset()
    evidence.StudyInstanceUID = f"{ROOT_UID}.1"
    write_image(tmp_path / "1.dcm", 1, study="1")
    write_sr(tmp_path / "sr.dcm", [FINDINGS], study="90", CurrentRequestedProcedureEvidenceSequence=[evidence])
    (case,), rejections = read(tmp_path)
    assert len(case.images) == 1
    assert rejections == []


def test_a_text_file_may_be_named_by_the_study_uid(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1")
    (tmp_path / f"{ROOT_UID}.1.txt").write_text("Clear lungs.")
    (case,), _ = read(tmp_path)
    assert case.sections == {"findings": "Clear lungs."}


def test_reports_may_lie_in_a_folder_of_their_own(tmp_path):
    write_image(tmp_path / "images" / "1.dcm", 1, study="1", accession="A1")
    hl7(tmp_path / "ris", oru("A1", ["Clear."]))
    (case,), _ = read(tmp_path / "images", reports=tmp_path / "ris")
    assert case.sections == {"findings": "Clear."}
    assert len(case.images) == 1


def test_another_patients_report_is_never_joined(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1", patient="0042")
    hl7(tmp_path, oru("A1", ["Clear."], patient="43"))
    cases, rejections = read(tmp_path)
    assert cases == []
    assert codes(rejections) == [("ambiguous_match", "1.dcm"), ("ambiguous_match", "r.hl7:1")]
    hl7(tmp_path, oru("A1", ["Clear."], patient="42"))  # one system writes leading zeros
    assert len(read(tmp_path)[0]) == 1


def test_a_study_of_two_patients_is_left_out(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1", patient="1")
    write_image(tmp_path / "2.dcm", 2, study="1", accession="A1", patient="2")
    cases, rejections = read(tmp_path)
    assert cases == []
    assert codes(rejections) == [("ambiguous_match", "1.dcm")]


def test_a_study_uid_settles_a_shared_accession_number(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    write_image(tmp_path / "2.dcm", 1, study="2", accession="A1")
    write_sr(tmp_path / "sr.dcm", [FINDINGS], study="2", AccessionNumber="A1")
    (case,), rejections = read(tmp_path)
    assert case.images[0].sop_instance_uid == f"{ROOT_UID}.2.1.1"
    assert codes(rejections) == [("missing_report", "1.dcm")]


def test_a_number_shared_with_a_study_of_another_region_is_not_enough(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    write_image(tmp_path / "2.dcm", 1, study="2", accession="A1", BodyPartExamined="KNEE", StudyDescription="KNEE")
    hl7(tmp_path, oru("A1", ["No fracture."]))
    cases, rejections = read(tmp_path)
    assert cases == []
    assert codes(rejections) == [("ambiguous_match", "1.dcm"), ("ambiguous_match", "r.hl7:1"), ("not_chest", "2.dcm")]


def test_two_different_texts_of_one_study_are_left_out_and_equal_ones_are_one(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    for folder, words in (("a", "Clear."), ("b", "Effusion.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "A1.txt").write_text(words)
    cases, rejections = read(tmp_path)
    assert cases == []
    assert codes(rejections) == [("ambiguous_match", "b/A1.txt")]
    (tmp_path / "b" / "A1.txt").write_text("Clear.")
    assert len(read(tmp_path)[0]) == 1


def test_reports_of_two_patients_under_one_number_are_left_out(tmp_path):
    hl7(tmp_path, oru("A1", ["Clear."], patient="1"), oru("A1", ["Effusion."], patient="2"))
    cases, rejections = read(tmp_path)
    assert cases == []
    assert codes(rejections) == [("ambiguous_match", "r.hl7:1")]


def test_versions_of_a_report_without_images_are_one_case(tmp_path):
    hl7(tmp_path, oru("A1", ["Early."], status="P", at="20240101"), oru("A1", ["Final."], at="20240102"))
    write_sr(tmp_path / "sr.dcm", [FINDINGS], study="1", AccessionNumber="A1", ContentDate="20240103")
    (case,), _ = read(tmp_path)
    assert case.sections == {"findings": "Clear lungs."}


def test_a_text_file_without_images_must_show_that_it_is_a_chest_report(tmp_path):
    write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    (tmp_path / "A1.txt").write_text("Clear.")
    (tmp_path / "A2.txt").write_text("TECHNIQUE: PA and lateral views.\nFINDINGS: Effusion.\nIMPRESSION: Effusion.")
    (tmp_path / "A3.txt").write_text("TECHNIQUE: CT of the abdomen.\nFINDINGS: Liver normal.\nIMPRESSION: Normal.")
    (tmp_path / "todo.txt").write_text("Call the vendor.")
    (tmp_path / "README.txt").write_text("FINDINGS: none\nIMPRESSION: none")
    cases, rejections = read(tmp_path)
    assert [case.sections["findings"] for case in cases] == ["Clear.", "Effusion."]
    assert codes(rejections) == [("no_match", "todo.txt"), ("not_chest", "A3.txt")]


def test_other_images_of_a_study_are_one_line(tmp_path):
    write_image(tmp_path / "0.dcm", 9, study="1", accession="A1")
    for number in range(5):
        write_image(tmp_path / f"ct{number}.dcm", number, study="2", accession="A2", Modality="CT")
    hl7(tmp_path, oru("A1", ["Clear."]), oru("A2", ["Nodule."], procedure=""))
    cases, rejections = read(tmp_path)
    assert len(cases) == 1
    assert codes(rejections) == [("not_chest", "ct0.dcm"), ("not_chest", "r.hl7:2")]
    assert "4 more" in rejections[0].message


def test_damaged_and_odd_files_are_named_and_the_rest_goes_on(tmp_path):
    whole = write_image(tmp_path / "1.dcm", 1, study="1", accession="A1").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.dcm").write_bytes(b"")
    (tmp_path / "false.dcm").write_bytes(b"not DICOM at all")
    (tmp_path / "false.hl7").write_bytes(b"hello")
    (tmp_path / "adt.hl7").write_bytes(oru("A1", ["x"]).replace("ORU^R01", "ADT^A08").encode())
    (tmp_path / "pdf.hl7").write_bytes(oru("A1", [], extra=["OBX|1|ED|x^y||R^AP^PDF^Base64^JVBERi0="]).encode())
    (tmp_path / "nameless.hl7").write_bytes(oru("", ["Clear."]).replace("|1|P||", "|1|||").encode())
    write_sr(tmp_path / "silent.dcm", [], study="1")
    write_sr(tmp_path / "pdf.dcm", [], study="1", SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC")
    write_sr(tmp_path / "state.dcm", [], study="1", SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1", Modality="PR")
    (tmp_path / "A1.txt").write_bytes("Kein Erguß.".encode("latin-1"))
    (tmp_path / "photo.png").write_bytes(b"\x89PNG")
    (case,), rejections = read(tmp_path)
    assert case.sections == {"findings": "Kein Erguß."}
    assert codes(rejections) == [
        ("empty_file", "empty.dcm"),
        ("missing_id", "nameless.hl7:1"),
        ("truncated_file", "cut.dcm"),
        ("unreadable_image", "false.dcm"),
        ("unreadable_report", "adt.hl7"),
        ("unreadable_report", "false.hl7"),
        ("unreadable_report", "pdf.dcm"),
        ("unreadable_report", "pdf.hl7:1"),
        ("unreadable_report", "silent.dcm"),
        ("wrong_encoding", "A1.txt"),
    ]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    outside = write_image(tmp_path / "elsewhere" / "1.dcm", 1, study="1", accession="A1")
    folder = tmp_path / "export"
    write_image(folder / "2.dcm", 1, study="2", accession="A2")
    (folder / "link.dcm").symlink_to(outside)
    _, rejections = read(folder)
    assert ("path_outside", "link.dcm") in codes(rejections)


def test_copies_of_an_image_count_once(tmp_path):
    image = write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    shutil.copy(image, tmp_path / "2.dcm")
    (tmp_path / "A1.txt").write_text("Clear.")
    assert len(read(tmp_path)[0][0].images) == 1


def test_a_folder_of_dicom_or_hl7_looks_like_it_and_others_do_not(export, tmp_path):
    assert kind_of(export).name == "dicom+sr"
    (tmp_path / "a.txt").write_text("FINDINGS: Clear.")
    with pytest.raises(CorpusError, match=r"not laid out like dicom\+sr"):
        read(tmp_path)
    hl7(tmp_path, oru("A1", ["Clear."]))
    assert kind_of(tmp_path).name == "dicom+sr"


@pytest.mark.parametrize(
    "name", ["XR CHEST 2 VIEWS", "CHEST_PA", "CXR PORTABLE", "Thorax pa", "", "XR", "RIBS W/PA CHEST"]
)
def test_names_that_may_be_a_chest_film(name):
    assert may_be_chest_film(name)


@pytest.mark.parametrize(
    ("name", "service"),
    [
        ("CT CHEST W/O", ""),
        ("XR KNEE", ""),
        ("MRI CHEST", ""),
        ("US CHEST", ""),
        ("CBC", "LAB"),
        ("", "CT"),
        ("", "LAB"),
    ],
)
def test_names_that_cannot_be_one(name, service):
    assert not may_be_chest_film(name, service)


def test_techniques_that_speak_of_something_else():
    assert names_another_examination("Axial CT images of the chest")
    assert names_another_examination("Two views of the left knee")
    assert not names_another_examination("PA and lateral views of the chest and upper abdomen")
    assert not names_another_examination("")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_raises(tmp_path, data):
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    image = write_image(tmp_path / "1.dcm", 1, study="1", accession="A1")
    sr = write_sr(tmp_path / "2.dcm", [FINDINGS, IMPRESSION], study="1")
    hl7(tmp_path, oru("A1", ["Clear."]), oru("A2", ["Effusion."]))
    path = data.draw(st.sampled_from([image, sr, tmp_path / "r.hl7"]))
    content = bytearray(path.read_bytes())
    places = st.tuples(st.integers(0, min(len(content), 3000) - 1), st.integers(0, 255))
    for place, byte in data.draw(st.lists(places, min_size=1, max_size=12)):
        content[place] = byte
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    cases, _ = read(tmp_path)
    assert all(case.sections for case in cases)
