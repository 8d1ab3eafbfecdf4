"""The leak test: of what is planted in a film, its pixels and its report nothing is left, and the film is still one."""

import importlib.util
import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from batch_support import write_film
from click.testing import CliRunner
from PIL import Image, ImageDraw, ImageFont
from planted import plant
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import EncapsulatedPDFStorage, ImplicitVRLittleEndian, JPEGBaseline8Bit
from support import missing

from radrag.cli.deidentify import command, read_box
from radrag.dicom.basic_profile import Dates, Pseudonyms
from radrag.dicom.read import load_image
from radrag.errors import ExportError, RadragError, StudyRefused, UsageError
from radrag.export.deidentified import NotCleanable, Options, deidentify_image, deidentify_report
from radrag.settings import load_settings
from radrag.workspace import Workspace

PLAIN = Options(Pseudonyms("salt"))


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A film with identifiers everywhere; its path, and what was planted."""
    folder = tmp_path_factory.mktemp("planted")
    found, places = plant(write_film(folder / "film.dcm", 1), folder / "planted.dcm")
    raw = (folder / "planted.dcm").read_bytes()
    assert places >= 60 and len(found.found_by) >= places and all(word in raw for word in found.found_by)
    return folder / "planted.dcm", found.found_by


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.dcm", 1)


def changed(path, **values):
    dataset = dcmread(path)
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def leaks(words, *paths):
    """Return where those words were planted that any file, its decoded values, or its name still holds."""
    found = set()
    for path in paths:
        texts = [path.read_bytes(), str(path).encode()]
        if path.suffix == ".dcm":
            dataset = dcmread(path)
            texts += [str(dataset).encode(), str(dataset.file_meta).encode(), dataset.preamble]
        found |= {place for word, place in words.items() if any(word in one for one in texts)}
    return found


@pytest.mark.parametrize("dates", Dates)
def test_nothing_that_was_planted_is_left_in_the_file_or_its_name(tmp_path, planted, dates):
    path, words = planted
    cleaned = deidentify_image(path, tmp_path, Options(Pseudonyms("salt"), dates=dates))
    assert leaks(words, cleaned.path) == set()


def test_the_image_is_the_same_to_those_who_look_at_it(tmp_path, planted):
    path, _ = planted
    new = deidentify_image(path, tmp_path, PLAIN).path
    before, after = load_image(path), load_image(new)
    assert np.array_equal(before.pixels, after.pixels) and before.image.view == after.image.view != "UNKNOWN"
    assert dcmread(new).BodyPartExamined == "CHEST"


def test_it_says_what_was_done(tmp_path, film):
    new = dcmread(deidentify_image(film, tmp_path, PLAIN).path)
    assert new.PatientIdentityRemoved == "YES" and "E.1" in new.DeidentificationMethod
    assert [item.CodeValue for item in new.DeidentificationMethodCodeSequence] == ["113100"]
    assert new.LongitudinalTemporalInformationModified == "REMOVED" and "BurnedInAnnotation" not in new
    options = Options(Pseudonyms("salt"), dates=Dates.SHIFT, edges=5)
    new = dcmread(deidentify_image(film, tmp_path, options).path)
    assert [item.CodeValue for item in new.DeidentificationMethodCodeSequence] == ["113100", "113101", "113107"]
    assert new.LongitudinalTemporalInformationModified == "MODIFIED" and new.BurnedInAnnotation == "NO"


def test_new_uids_are_the_same_in_every_run_and_others_with_another_salt(tmp_path, film):
    uids = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID")
    runs = []
    for number, salt in enumerate(("salt", "salt", "other")):
        new = dcmread(deidentify_image(film, tmp_path / str(number), Options(Pseudonyms(salt))).path)
        runs.append([str(new[keyword].value) for keyword in uids])
    old = [str(dcmread(film)[keyword].value) for keyword in uids]
    assert runs[0] == runs[1] and not set(runs[0]) & {*runs[2], *old}


def test_intervals_between_a_patients_studies_stay(tmp_path):
    days = []
    for number, day in enumerate(("20250105", "20260105")):
        path = changed(
            write_film(tmp_path / f"{number}.dcm", number), PatientID="P1", StudyDate=day, StudyTime="101112"
        )
        new = dcmread(deidentify_image(path, tmp_path / "out", Options(Pseudonyms("s"), dates=Dates.SHIFT)).path)
        assert new.StudyTime == ""
        days.append(np.datetime64(f"{new.StudyDate[:4]}-{new.StudyDate[4:6]}-{new.StudyDate[6:]}"))
    assert (days[1] - days[0]).astype(int) == 365 and days[0] < np.datetime64("2025-01-05")


def test_a_number_that_may_be_a_record_number_goes(tmp_path, film):
    changed(film, SeriesNumber="5551234567", Exposure="5551234")
    new = dcmread(deidentify_image(film, tmp_path / "out", PLAIN).path)
    assert new.SeriesNumber is None and "Exposure" not in new


def test_a_compressed_stream_and_its_comments_are_not_copied(tmp_path, film):
    dataset, stream = dcmread(film), io.BytesIO()
    pixels = (dataset.pixel_array >> 7).astype(np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", comment=b"Zq999 hidden")
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].VR = "OB"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.save_as(film)
    new = deidentify_image(film, tmp_path / "out", PLAIN).path
    assert b"Zq999" in film.read_bytes() and b"Zq999" not in new.read_bytes()
    assert not dcmread(new).file_meta.TransferSyntaxUID.is_compressed and dcmread(new).LossyImageCompression == "01"


def test_signed_pixels_stay_what_they_were(tmp_path, film):
    dataset = dcmread(film)
    pixels = dataset.pixel_array.astype(np.int32) // 8 - 1000
    dataset.PixelRepresentation, dataset.BitsStored, dataset.HighBit = 1, 13, 12
    dataset.PixelData = pixels.astype("<i2").tobytes()
    dataset.save_as(film)
    assert np.array_equal(dcmread(deidentify_image(film, tmp_path / "out", PLAIN).path).pixel_array, pixels)


def test_a_type_that_the_standard_has_not_for_an_attribute_carries_nothing(tmp_path, film):
    dataset = dcmread(film)
    dataset.add(DataElement("Exposure", "LO", "Zq998 hidden"))
    dataset.add(DataElement("WindowCenter", "LT", "15000"))
    dataset.save_as(film)
    new = deidentify_image(film, tmp_path / "out", PLAIN).path
    assert b"Zq998" in film.read_bytes() and b"Zq998" not in new.read_bytes()
    assert dcmread(new)["WindowCenter"].VR == "DS" and dcmread(new).WindowCenter == 15000


@pytest.mark.parametrize(("data", "kept"), [(b"\0\0\xff\xff", True), (b"\0\0\xff\xffZq997 hidden", False)])
def test_a_lookup_table_has_the_data_that_it_says_or_goes(tmp_path, film, data, kept):
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [2, 0, 16], data
    new = dcmread(deidentify_image(changed(film, VOILUTSequence=[table]), tmp_path / "out", PLAIN).path)
    assert ("VOILUTSequence" in new) is kept


def test_an_image_in_implicit_syntax_keeps_its_numbers(tmp_path, film):
    dataset = dcmread(film)
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [2, 0, 16], b"\0\0\xff\xff"
    dataset.VOILUTSequence, dataset.PixelPaddingValue = [table], 7
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.save_as(film, implicit_vr=True, little_endian=True)
    new = dcmread(deidentify_image(film, tmp_path / "out", PLAIN).path)
    assert new.PixelPaddingValue == 7 and new.VOILUTSequence[0].LUTData == b"\0\0\xff\xff"


def test_a_folder_that_cannot_be_written_is_said(tmp_path, film):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError):
        deidentify_image(film, tmp_path / "out", PLAIN)


def test_what_cannot_be_cleaned_is_refused(tmp_path, film):
    for sop_class in (EncapsulatedPDFStorage, "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.2"):
        changed(film, SOPClassUID=sop_class)
        with pytest.raises(NotCleanable):
            deidentify_image(film, tmp_path / "out", PLAIN)
    changed(film, SOPClassUID="1.2.840.10008.5.1.4.1.1.1", StudyInstanceUID="")
    with pytest.raises(StudyRefused, match="UID"):
        deidentify_image(film, tmp_path / "out", PLAIN)
    (tmp_path / "notes.dcm").write_text("Doe")
    with pytest.raises(StudyRefused):
        deidentify_image(tmp_path / "notes.dcm", tmp_path / "out", PLAIN)
    assert not (tmp_path / "out").exists()


def test_burned_in_text_is_refused_unless_cleaned_or_kept_and_then_still_said(tmp_path, film):
    changed(film, BurnedInAnnotation="YES")
    with pytest.raises(NotCleanable, match="--clean-pixels"):
        deidentify_image(film, tmp_path, PLAIN)
    kept = deidentify_image(film, tmp_path, Options(Pseudonyms("s"), keep_burned_in=True)).path
    assert dcmread(kept).BurnedInAnnotation == "YES"


def test_boxes_and_edges_hold_nothing_of_what_was_there(tmp_path, film):
    options = Options(Pseudonyms("s"), blank=((30, 40, 60, 50), (0, 0, 10**5, 5)), edges=2)
    new = dcmread(deidentify_image(film, tmp_path, options).path).pixel_array
    old = dcmread(film).pixel_array
    edge = round(old.shape[1] * 0.02)
    least = old.min()
    assert all((part == least).all() for part in (new[40:50, 30:60], new[:5], new[:, :edge], new[:, -edge:]))
    assert np.array_equal(new[60:-20, 70:-20], old[60:-20, 70:-20])


def test_an_image_that_a_box_misses_is_not_said_to_be_clean(tmp_path, film):
    changed(film, BurnedInAnnotation="YES")
    with pytest.raises(NotCleanable, match=r"film\.dcm: a box"):
        deidentify_image(film, tmp_path, Options(Pseudonyms("s"), blank=((10**4, 0, 10**4 + 50, 50),)))
    new = deidentify_image(film, tmp_path, Options(Pseudonyms("s"), edges=0.01)).path
    assert (dcmread(new).pixel_array[0] == dcmread(film).pixel_array.min()).all()


def test_a_number_that_its_type_cannot_hold_is_blamed_on_the_file(tmp_path, film):
    dataset = dcmread(film)
    dataset.add(DataElement("PixelPaddingValue", "SS", -2000))  # with unsigned pixels
    dataset.save_as(film)
    with pytest.raises(StudyRefused, match="does not fit") as caught:
        deidentify_image(film, tmp_path / "out", PLAIN)
    assert "2000" not in str(caught.value) and not list(tmp_path.rglob("*.part"))


def test_those_without_an_id_are_not_all_moved_by_the_same_days(tmp_path):
    moved = set()
    for number in range(3):
        film = changed(write_film(tmp_path / f"{number}.dcm", number), PatientID="", StudyDate="20260105")
        cleaned = deidentify_image(film, tmp_path / "out", Options(Pseudonyms("s"), dates=Dates.SHIFT))
        moved.add(dcmread(cleaned.path).StudyDate)
    assert len(moved) > 1


def burn(path, *lines):
    """Write lines of text into a film's pixels, in white and in black; return their boxes."""
    dataset = dcmread(path)
    pixels = np.array(dataset.pixel_array)
    picture = Image.new("L", pixels.shape[::-1])
    draw, boxes = ImageDraw.Draw(picture), []
    for at, text in lines:
        draw.text(at, text, fill=255, font=ImageFont.load_default(size=16))
        boxes.append(tuple(map(int, draw.textbbox(at, text, font=ImageFont.load_default(size=16)))))
    drawn = np.asarray(picture) > 100
    pixels[drawn] = pixels.max() if pixels[drawn].mean() < pixels.mean() else pixels.min()
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)
    return boxes


def test_text_burned_into_pixels_is_found_and_blanked(tmp_path, film):
    if importlib.util.find_spec("rapidocr") is None:
        missing("rapidocr (extra deidentify)")
    from radrag.dicom.burned_in import text_detector

    boxes = burn(film, ((12, 12), "DOE^JANE 1961-02-03"), ((120, 200), "MRN 5551234"))
    cleaned = deidentify_image(film, tmp_path, Options(Pseudonyms("s"), detect=text_detector()))
    new, least = dcmread(cleaned.path).pixel_array, dcmread(film).pixel_array.min()
    for left, top, right, bottom in boxes:
        assert (new[top:bottom, left:right] == least).mean() > 0.99
    assert cleaned.blanked >= 2 and (new == least).mean() < 0.5


def test_a_report_loses_the_sentences_that_name_somebody(tmp_path, planted):
    path, _ = planted
    report = (
        "INDICATION: 64-year-old man, MRN 5551234.\n"
        "FINDINGS: The lungs are clear. Discussed with Dr. Miller at 10:45. Zq000smith was seen on 3/4/2026. "
        "Xv000jane is well. There is a small left effusion.\n"
        "IMPRESSION: Small left effusion. Signed by Zq000smith."
    )
    cleaned = deidentify_image(path, tmp_path, PLAIN)
    text, left_out = deidentify_report(report, cleaned.words)
    assert text == (
        "FINDINGS: The lungs are clear. There is a small left effusion.\n\nIMPRESSION: Small left effusion.\n"
    )
    assert left_out >= 4 and "smith" not in repr(cleaned)


@pytest.mark.parametrize(("name", "sentence"), [("Li^Na", "Na was seen."), ("Ward^John", "Seen with Ward again.")])
def test_names_that_are_short_or_words_too_are_names(tmp_path, film, name, sentence):
    words = deidentify_image(changed(film, PatientName=name), tmp_path, PLAIN).words
    assert deidentify_report(f"FINDINGS: No effusion. {sentence}", words) == ("FINDINGS: No effusion.\n", 1)


def test_a_name_of_small_words_does_not_empty_the_report(tmp_path, film):
    words = deidentify_image(changed(film, ReferringPhysicianName="No^Referring"), tmp_path, PLAIN).words
    assert deidentify_report("FINDINGS: No effusion.", words) == ("FINDINGS: No effusion.\n", 0)


def digital_x_ray(path):
    """Make a film a digital X-ray image for presentation, with what such an image must have (PS3.3 A.26)."""
    region, study = Dataset(), dcmread(path)
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "51185008", "SCT", "Chest"
    for keyword in ("ViewPosition", "PostprocessingFunction", "ProcessingFunction", "PlateType", "Sensitivity"):
        delattr(study, keyword)
    study.SOPClassUID = study.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    study.Modality, study.ImageType, study.ImageLaterality = "DX", ["ORIGINAL", "PRIMARY"], "U"
    study.PresentationIntentType, study.PresentationLUTShape = "FOR PRESENTATION", "INVERSE"
    study.PixelIntensityRelationship, study.PixelIntensityRelationshipSign = "LOG", 1
    study.RescaleIntercept, study.RescaleSlope, study.RescaleType = "0", "1", "US"
    study.LossyImageCompression, study.BurnedInAnnotation, study.DetectorType = "00", "NO", "SCINTILLATOR"
    study.PositionerType, study.ImagerPixelSpacing, study.PixelSpacing = "COLUMN", [0.143, 0.143], [0.143, 0.143]
    study.AnatomicRegionSequence, study.AcquisitionContextSequence = [region], []
    study.PatientSex, study.PatientBirthDate, study.Laterality = "F", "19610203", None
    study.save_as(path)


@pytest.mark.parametrize("make", [lambda path: None, digital_x_ray])
def test_dciodvfy_finds_no_new_errors(tmp_path, film, make):
    if shutil.which("dciodvfy") is None:
        missing("dciodvfy (Debian package dicom3tools)")

    def errors(path):
        told = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True).stderr
        return {line for line in told.splitlines() if line.startswith("Error")}

    make(film)
    for options in ({}, {"dates": Dates.SHIFT, "edges": 3.0}):
        new = deidentify_image(film, tmp_path, Options(Pseudonyms("s"), **options)).path
        assert errors(new) <= errors(film)


def test_only_what_the_profile_allows_is_kept():
    if importlib.util.find_spec("dicomanonymizer") is None:
        missing("dicom-anonymizer, for table E.1-1")
    from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c
    from pydicom.datadict import tag_for_keyword

    from radrag.dicom.kept_attributes import NUMBERS, TABLES, TERMS

    listed = {tag for tag in dicomfields_2026c.ALL_TAGS if len(tag) == 2}
    kept = {divmod(tag_for_keyword(one), 0x10000) for one in {*NUMBERS, *TERMS, *TABLES}}
    assert not kept & listed


# The command


def deidentify(tmp_path, *arguments):
    settings = load_settings(workspace=tmp_path / "workspace")
    words = [str(one) for one in (*arguments, "--out", tmp_path / "out", "--json")]
    result = CliRunner().invoke(command, words, obj=settings, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, json.loads(result.stdout), result.stderr


def test_the_command_writes_images_and_report_and_says_what_it_does_not_know(tmp_path, planted):
    path, words = planted
    (tmp_path / "report.txt").write_text("FINDINGS: The lungs are clear. Seen by Zq000smith.")
    code, told, said = deidentify(tmp_path, path, "--report", tmp_path / "report.txt")
    assert code == 0 and told["reports"][0]["sentences_left_out"] == 1 and "Look at each image" in said
    written = [one for one in (tmp_path / "out").rglob("*") if one.is_file()]
    assert leaks(words, *written) == set() and len(written) == 2
    assert {Path(one["path"]) for one in told["files"] + told["reports"]} == set(written)


def test_one_file_that_is_refused_does_not_stop_the_others(tmp_path, film):
    (tmp_path / "films").mkdir()
    shutil.copy(film, tmp_path / "films" / "1.dcm")
    changed(Path(shutil.copy(film, tmp_path / "films" / "2.dcm")), SOPClassUID=EncapsulatedPDFStorage)
    code, told, said = deidentify(tmp_path, tmp_path / "films")
    assert code == 1 and len(told["files"]) == 1 and told["refused"] == 1 and "encapsulated" in said


def test_a_report_belongs_to_one_study(tmp_path, film):
    other = write_film(tmp_path / "other.dcm", 2)
    (tmp_path / "report.txt").write_text("FINDINGS: Clear.")
    with pytest.raises(UsageError):
        deidentify(tmp_path, film, other, "--report", tmp_path / "report.txt")
    (entry,) = Workspace(load_settings(workspace=tmp_path / "workspace")).store.audit_entries()
    assert (entry.what, entry.payload["images"]) == ("images.deidentified", 2)  # they are written all the same


def test_a_box_is_read_or_refused():
    assert read_box("10,20,30,40") == (10, 20, 40, 60)
    for text in ("1,2,0,4", "10,20,30", "a,b,c,d", "-1,0,5,5", "1,2,3,4,5"):
        with pytest.raises(RadragError):
            read_box(text)
