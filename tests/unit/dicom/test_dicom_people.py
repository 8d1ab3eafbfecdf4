"""Ages, dates, sex and patient keys from what headers really hold."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from radrag.dicom.deidentify import patient_key, safe_name
from radrag.dicom.people import acquired_at, age_of, iso, sex_of, studied_at


def header(**elements):
    dataset = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # devices write what pydicom finds invalid
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("elements", "age"),
    [
        ({"PatientAge": "068Y"}, 68),
        ({"PatientAge": "68"}, 68),
        ({"PatientAge": "68Y"}, 68),
        ({"PatientAge": "006M"}, 0.5),
        ({"PatientAge": "003W"}, 0.057),
        ({"PatientAge": "010D"}, 0.027),
        ({"PatientAge": "999Y"}, None),
        ({"PatientAge": "old"}, None),
        ({}, None),
        ({"PatientBirthDate": "19400305", "StudyDate": "20040826"}, 64),
        ({"PatientBirthDate": "19400826", "StudyDate": "20040826"}, 64),
        ({"PatientBirthDate": "19400827", "StudyDate": "20040826"}, 63),
        ({"PatientBirthDate": "20040226", "StudyDate": "20040826"}, 0.498),
        ({"PatientBirthDate": "20050101", "StudyDate": "20040826"}, None),
        ({"PatientBirthDate": "20050101"}, None),
        ({"PatientBirthDate": "99999999", "StudyDate": "20040826"}, None),
    ],
)
def test_age(elements, age):
    assert age_of(header(**elements)) == age


def test_dates_are_iso():
    assert iso("20040826") == "2004-08-26"
    assert iso("2004.08.26", "185059.123") == "2004-08-26T18:50:59"
    assert iso("20040826", "18") == "2004-08-26T18:00:00"
    assert iso("20040826", "999999") == "2004-08-26"
    assert iso("20040826", "abc") == "2004-08-26"
    assert iso("20041399", "185059") == ""
    assert iso("") == ""
    assert studied_at(header(StudyDate="20040826", StudyTime="185059")) == "2004-08-26T18:50:59"


def test_acquisition_time_falls_back_to_content_series_and_study():
    assert (
        acquired_at(header(AcquisitionDateTime="20040826185059.1+0100", StudyDate="20000101")) == "2004-08-26T18:50:59"
    )
    assert acquired_at(header(ContentDate="20040826", StudyDate="20000101")) == "2004-08-26"
    assert acquired_at(header(SeriesDate="", StudyDate="20000101")) == "2000-01-01"
    assert acquired_at(header()) == ""


def test_sex():
    assert [sex_of(header(PatientSex=sex)) for sex in ("F", "m", "O", "", "X")] == ["F", "M", "O", "", ""]


@given(st.text(min_size=1), st.text())
def test_the_key_is_stable_salted_and_tells_nothing(patient_id, issuer):
    key = patient_key("salt", patient_id, issuer)
    if not patient_id.strip():
        assert key == ""
        return
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")
    assert key == patient_key("salt", f" {patient_id} ", issuer)
    assert key != patient_key("other", patient_id, issuer)


def test_issuer_and_id_do_not_run_together():
    assert patient_key("s", "ab", "c") != patient_key("s", "b", "ca")
    assert patient_key("s", "1", "hospital a") != patient_key("s", "1", "hospital b")


def test_file_names_are_neutral():
    name = safe_name("1.2.840.113619.2.20040826.185059", ".json")
    assert name.startswith("study-")
    assert name.endswith(".json")
    assert "2004" not in name.removeprefix("study-") or name == safe_name("1.2.840.113619.2.20040826.185059", ".json")
    assert "/" not in safe_name("../../etc", "/../x")
