"""What is refused, with which code, and what is only warned of."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from radrag.dicom.read import find_studies, load_image
from radrag.errors import StudyRefused


def refused(path):
    with pytest.raises(StudyRefused) as refusal:
        load_image(path)
    assert "SECRET" not in str(refusal.value).upper().replace(str(path).upper(), "")
    studies, refusals = find_studies([path], salt="s")
    assert [one.code for one in refusals] in ([refusal.value.code], [])
    assert bool(studies) is not bool(refusals)
    return refusal.value.code


def codes(path):
    return {warning.code for warning in load_image(path).warnings}


@pytest.mark.parametrize(
    "modality", ["CT", "MR", "US", "MG", "PX", "XA", "RF", "NM", "PT", "XC", "SR", "PR", "ODD^ONE"]
)
def test_other_modalities_are_refused(make_dicom, modality):
    assert refused(make_dicom(Modality=modality)) == "wrong_modality"


@pytest.mark.parametrize("modality", ["CR", "DX", "RG", "DR", "OT", "SC", None])
def test_radiographs_and_secondary_captures_are_accepted(make_dicom, modality):
    path = make_dicom(Modality=modality, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    assert load_image(path).pixels.shape == (96, 80)


@pytest.mark.parametrize("sop_class", ["2", "2.1", "4", "6.1", "20", "128", "1.2", "12.1", "77.1.4"])
def test_unnamed_modality_with_another_sop_class_is_refused(make_dicom, sop_class):
    assert refused(make_dicom(Modality=None, SOPClassUID=f"1.2.840.10008.5.1.4.1.1.{sop_class}")) == "wrong_modality"


@pytest.mark.parametrize(
    "elements",
    [
        {"BodyPartExamined": "EXTREMITY"},
        {"BodyPartExamined": "SKULL"},
        {"BodyPartExamined": "CSPINE"},
        {"BodyPartExamined": "TSPINE"},
        {"BodyPartExamined": "THORACIC SPINE"},
        {"BodyPartExamined": "THORACOLUMBAR"},
        {"BodyPartExamined": "PELVIS", "StudyDescription": "trauma chest pelvis"},
        {"BodyPartExamined": "ABDOMEN"},
        {"BodyPartExamined": None, "StudyDescription": "Left knee"},
        {"BodyPartExamined": "", "SeriesDescription": "HAND PA"},
        {"BodyPartExamined": "OTHER", "ProtocolName": "LOWER_LEG"},
        {"BodyPartExamined": None, "StudyDescription": "Brustwirbelsäule lumbar"},
        {"BodyPartExamined": None, "StudyDescription": "T-SPINE AP"},
    ],
)
def test_other_body_parts_are_refused(make_dicom, elements):
    assert refused(make_dicom(SpecificCharacterSet="ISO_IR 192", **elements)) == "not_chest"


@pytest.mark.parametrize(
    ("elements", "warning"),
    [
        ({"BodyPartExamined": "CHEST"}, ""),
        ({"BodyPartExamined": "THORAX"}, ""),
        ({"BodyPartExamined": "CHEST ABDOMEN"}, ""),
        ({"BodyPartExamined": "PORT CHEST"}, ""),
        ({"BodyPartExamined": None, "StudyDescription": "XR CHEST 2 VIEWS"}, ""),
        ({"BodyPartExamined": None, "StudyDescription": "Röntgen-Thorax"}, ""),
        ({"BodyPartExamined": "CHEST", "StudyDescription": "No Finding"}, ""),
        ({"BodyPartExamined": "CHEST", "StudyDescription": "Abdomen supine"}, "body_part_conflict"),
        ({"BodyPartExamined": "RIBCAGE"}, "rib_technique"),
        ({"BodyPartExamined": "RIB"}, "rib_technique"),
        ({"BodyPartExamined": None}, "body_part_unknown"),
        ({"BodyPartExamined": "XYZ", "StudyDescription": "Cardiomegaly"}, "body_part_unknown"),
    ],
)
def test_chest_is_accepted_with_the_right_warning(make_dicom, elements, warning):
    found = codes(make_dicom(SpecificCharacterSet="ISO_IR 192", **elements))
    parts = {"body_part_conflict", "rib_technique", "body_part_unknown"}
    assert found & parts == ({warning} if warning else set())


def test_anatomic_region_sequence_speaks_where_the_body_part_is_silent(make_dicom):
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "72696002", "Knee"
    assert refused(make_dicom(BodyPartExamined=None, AnatomicRegionSequence=Sequence([item]))) == "not_chest"


def test_several_frames_are_refused(make_dicom, phantom):
    assert refused(make_dicom(NumberOfFrames=2, PixelData=phantom.tobytes() * 2)) == "multi_frame"


def test_no_pixel_data(make_dicom):
    assert refused(make_dicom(PixelData=None)) == "no_pixel_data"


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.94", "1.2.3.4"])
def test_unsupported_transfer_syntax_is_named(make_dicom, syntax):
    path = make_dicom(syntax=syntax, frame=b"\0\0\1\xba" * 100)
    assert refused(path) == "unsupported_syntax"
    with pytest.raises(StudyRefused, match=syntax):
        load_image(path)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(0, 0), (63, 96), (20_001, 20_000), (65_535, 65_535), (12_000, 12_000), (64, 400), (None, 96), (96, None)],
)
def test_impossible_dimensions_are_refused(make_dicom, rows, columns):
    assert refused(make_dicom(Rows=rows, Columns=columns)) == "bad_dimensions"


@pytest.mark.parametrize(
    "elements",
    [
        {"BitsAllocated": 12},
        {"BitsAllocated": 64},
        {"BitsAllocated": 1, "BitsStored": 1},
        {"BitsStored": 17},
        {"BitsStored": 0},
        {"HighBit": 3},
        {"HighBit": 40},
        {"SamplesPerPixel": 2},
        {"PixelRepresentation": 7},
    ],
)
def test_impossible_bit_depths_are_bad_headers(make_dicom, elements):
    assert refused(make_dicom(**elements)) == "bad_header"


@pytest.mark.parametrize(
    ("elements", "warning"),
    [
        ({"LossyImageCompression": "01"}, "lossy_compression"),
        ({"BurnedInAnnotation": "YES"}, "burned_in_annotation"),
        ({"PresentationIntentType": "FOR PROCESSING"}, "for_processing"),
        ({"ViewPosition": None}, "view_unknown"),
        ({"WindowCenter": 2000, "WindowWidth": 65000}, "low_contrast"),
        ({}, "low_resolution"),
    ],
)
def test_warnings(make_dicom, elements, warning):
    assert warning in codes(make_dicom(**elements))


def test_a_good_image_has_no_warnings(make_dicom, phantom):
    big = np.kron(phantom, np.ones((8, 8), np.uint16))
    assert codes(make_dicom(pixels=big, WindowCenter=2000, WindowWidth=4000)) == set()
