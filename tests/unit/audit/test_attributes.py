"""Attributes come from a manifest's columns under the names that tables have, and from DICOM headers."""

import pydicom
import pytest

from radrag.audit.attributes import Attributes, band, read_attributes
from radrag.evaluation.manifest import read_query_manifest


def attributes(path):
    return list(read_attributes(path, read_query_manifest(path)).values())


def test_columns_are_read_under_the_names_of_known_tables(tmp_path):
    path = tmp_path / "queries.csv"
    path.write_text(
        "text,patient,Edema,Patient Gender,Patient Age,View Position,StudyDate,Manufacturer,site\n"
        "x,1,1,F,058Y,PA,20240131,Maker,east\n"
        "x,2,1,male,17,AP,2024-02-03,,\n"
        "x,3,1,?,411,sideways,soon,,\n"
    )
    assert attributes(path) == [
        Attributes("F", "40–59", "PA", "Maker", "east", "2024-01-31"),
        Attributes("M", "0–17", "AP", "", "", "2024-02-03"),
        Attributes(),
    ]


def test_of_two_columns_with_one_meaning_the_first_name_counts(tmp_path):
    path = tmp_path / "queries.csv"
    path.write_text("text,patient,Edema,case,study_id\nx,1,1,c:s7,s7\n")
    assert attributes(path)[0].study == "s7"


def test_what_no_column_says_is_read_from_the_header(tmp_path, sample_radiograph):
    path = tmp_path / "queries.csv"
    path.write_text(f"image,patient,Edema,sex\n{sample_radiograph},1,1,M\ngone.dcm,2,1,\n")
    found, gone = attributes(path)
    header = pydicom.dcmread(sample_radiograph, stop_before_pixels=True)
    assert (found.sex, found.age, found.view) == ("M", "60–79", "PA")  # the column wins over the header's F
    assert found.manufacturer == header.Manufacturer
    assert gone == Attributes()


@pytest.mark.parametrize(
    ("age", "expected"), [(0, "0–17"), (17.9, "0–17"), (18, "18–39"), (80, "80+"), (None, ""), (400, "")]
)
def test_bands_have_no_gap_and_unknown_ages_no_band(age, expected):
    assert band(age) == expected
