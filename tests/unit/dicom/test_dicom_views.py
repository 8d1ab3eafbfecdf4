"""The projection is read from the header's words, and only from whole words."""

import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radrag.dicom.views import view_in_name, view_in_text, view_of
from radrag.domain import View


@pytest.mark.parametrize(
    ("words", "view"),
    [
        ("Chest PA", View.PA),
        ("CHEST_PA_1", View.PA),
        ("Thorax p.a.", View.PA),
        ("postero-anterior", View.PA),
        ("PosteroAnterior", View.PA),
        ("W Chest A.P.", View.AP),
        ("view: AP", View.AP),
        ("portable chest, anteroposterior", View.AP),
        ("CHEST LAT", View.LATERAL),
        ("Thorax lateral", View.LATERAL),
        ("thorax profil", View.LATERAL),
        ("Thorax seitlich", View.LATERAL),
        ("PA1", View.PA),
        ("", View.UNKNOWN),
        ("CAPTION", View.UNKNOWN),
        ("PLATE 3, SPAN, MAP, LAPSE, PART, APEX", View.UNKNOWN),
        ("PA/LAT", View.UNKNOWN),
        ("CHEST 2V PA & LATERAL", View.UNKNOWN),
        ("lateral decubitus", View.UNKNOWN),
        ("PA oblique", View.UNKNOWN),
        ("bilateral", View.UNKNOWN),
    ],
)
def test_free_text(words, view):
    assert view_in_text(words) is view


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=6), st.sampled_from(["ap", "pa", "lat"]))
def test_letters_around_a_word_hide_it(letters, word):
    if letters + word not in {"llat", "rlat", "lat"}:
        assert view_in_text(f"x{letters}{word}{letters}x") is View.UNKNOWN


@pytest.mark.parametrize(
    ("name", "view"),
    [
        ("CXR1000_IM-0003-2001.png", View.UNKNOWN),
        ("case7_lateral.png", View.LATERAL),
        ("case7_L.png", View.LATERAL),
        ("case7-LAT.jpg", View.LATERAL),
        ("case7_PA.png", View.PA),
        ("00000001_AP.jpg", View.AP),
        ("L_case7.png", View.UNKNOWN),
        ("CAPTION.png", View.UNKNOWN),
        ("graphL.png", View.UNKNOWN),
    ],
)
def test_file_names(name, view):
    assert view_in_name(Path("/data/lateral") / name) is view


def header(**elements):
    dataset = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # devices write what pydicom finds invalid
        for keyword, value in elements.items():
            setattr(dataset, keyword, value)
    return dataset


def coded(value, scheme="SCT"):
    return Sequence([header(CodeValue=value, CodingSchemeDesignator=scheme)])


@pytest.mark.parametrize(
    ("dataset", "view"),
    [
        (header(ViewPosition="PA"), View.PA),
        (header(ViewPosition="ap "), View.AP),
        (header(ViewPosition="LL"), View.LATERAL),
        (header(ViewPosition="RL", SeriesDescription="PA"), View.LATERAL),
        (header(ViewPosition="RLO"), View.UNKNOWN),
        (header(ViewCodeSequence=coded("272479007")), View.PA),
        (header(ViewCodeSequence=coded("R-10206", "SRT")), View.AP),
        (header(ViewCodeSequence=coded("399173006")), View.LATERAL),
        (header(ViewCodeSequence=coded("999")), View.UNKNOWN),
        (header(ViewPosition="", SeriesDescription="view: AP", StudyDescription="chest PA"), View.AP),
        (header(SeriesDescription="CHEST", ProtocolName="Chest lat"), View.LATERAL),
        (header(PatientOrientation=["A", "F"], StudyDescription="chest PA"), View.LATERAL),
        (header(PatientOrientation=["L", "F"]), View.UNKNOWN),
        (header(PatientPosition="PA"), View.PA),
        (header(PatientPosition="XX", StudyDescription="XR chest AP portable"), View.AP),
        (header(StudyDescription="CHEST PA AND LATERAL"), View.UNKNOWN),
        (header(), View.UNKNOWN),
    ],
)
def test_headers(dataset, view):
    assert view_of(dataset) is view


def test_snomed_codes_are_those_of_pydicoms_dictionary():
    from pydicom.sr.codedict import codes

    assert view_of(header(ViewCodeSequence=coded(codes.cid4010.PosteroAnterior.value))) is View.PA
    assert view_of(header(ViewCodeSequence=coded(codes.cid4010.AnteroPosterior.value))) is View.AP
    for name in ("LeftLateral", "RightLateral", "LateralProjection"):
        assert view_of(header(ViewCodeSequence=coded(getattr(codes.cid4010, name).value))) is View.LATERAL
    from pydicom.sr.coding import Code

    older = {
        "R-40888": "PosteroAnterior",
        "R-10206": "AnteroPosterior",
        "R-10236": "LeftLateral",
        "R-10232": "RightLateral",
    }
    for old, new in older.items():
        assert Code(old, "SRT", "") == getattr(codes.cid4010, new)
        assert view_of(header(ViewCodeSequence=coded(old))) is view_of(
            header(ViewCodeSequence=coded(getattr(codes.cid4010, new).value))
        )


def test_file_name_speaks_last():
    assert view_of(header(), Path("a_PA.dcm")) is View.PA
    assert view_of(header(ViewPosition="AP"), Path("a_PA.dcm")) is View.AP
