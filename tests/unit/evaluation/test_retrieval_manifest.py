"""Manifests: other people's tables are read as they are, and what cannot be read is named by column and line."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radrag.domain import View
from radrag.errors import UsageError
from radrag.evaluation.manifest import read_query_manifest
from radrag.reports.vocabulary import NIH, to_nih


@pytest.fixture
def written(tmp_path):
    """Write a manifest; returns its path."""

    def write(text, name="queries.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_labels_are_found_under_any_spelling_and_other_columns_are_named(written):
    path = written(
        "Image,PATIENT,effusion,Pleural_Thickening,no finding,Tortuous Aorta,chexnet_Mass\na.png,1,1,0,,1,.2\n"
    )
    manifest = read_query_manifest(path)
    assert set(manifest.labels) == {"Pleural Effusion", "Pleural Thickening", "No Finding", "Tortuous Aorta"}
    assert manifest.ignored == ("chexnet_Mass",)
    assert manifest.rows[0].truth == {"Pleural Effusion": 1.0, "Pleural Thickening": 0.0, "Tortuous Aorta": 1.0}


def test_every_nih_spelling_is_a_label(written):
    names = [to_nih(name) for name in NIH]
    path = written(f"image,patient,{','.join(names)}\na.png,1,{','.join('1' * len(names))}\n")
    assert set(read_query_manifest(path).labels) == set(NIH)


def test_uncertain_is_half_and_blank_was_not_judged(written):
    path = written("image,patient,Edema,Mass,Nodule,Hernia\na.png,1,-1.0,,nan,1.0\n")
    assert read_query_manifest(path).rows[0].truth == {"Edema": 0.5, "Hernia": 1.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("patient,Edema\n1,1\n", "neither a column 'image' nor a column 'text'"),
        ("image,Edema\na.png,1\n", "no column 'patient'"),
        ("image,patient\na.png,1\n", "no column of a label"),
        ("image,patient,Edema\na.png,1,maybe\n", "queries.csv:2: column 'Edema'"),
        ("image,patient,Edema\na.png,1,2\n", "queries.csv:2: column 'Edema'"),
        ("image,patient,Effusion,Pleural Effusion\na.png,1,1,1\n", "'Effusion' and 'Pleural Effusion' are the same"),
        ("image,patient,Edema\na.png,1\n", "queries.csv:2: the row has 2 fields"),
        ('image,patient,Edema\n"a.png,1,1\n', "not CSV"),
        ("image,patient,Edema\n", "no rows"),
        ("", "neither a column"),
    ],
)
def test_what_cannot_be_read_is_named(written, text, words):
    with pytest.raises(UsageError, match=words):
        read_query_manifest(written(text))


def test_a_message_never_repeats_a_cell(written):
    with pytest.raises(UsageError) as raised:
        read_query_manifest(written("image,patient,Edema\na.png,Doe^Jane,Doe^Jane\n"))
    assert "Doe" not in str(raised.value)


def test_a_split_is_selected_under_its_other_names(written):
    path = written("image,patient,split,Edema\na.png,1,validate,1\nb.png,2,train,1\nc.png,3,Val,0\n")
    assert [row.image.name for row in read_query_manifest(path, split="val").rows] == ["a.png", "c.png"]
    with pytest.raises(UsageError, match="there are: train, val"):
        read_query_manifest(path, split="test")


def test_a_split_needs_its_column(written):
    with pytest.raises(UsageError, match="no column 'split'"):
        read_query_manifest(written("image,patient,Edema\na.png,1,1\n"), split="val")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_encodings_and_separators_of_spreadsheets_are_read(written, encoding, mark):
    lines = [["image", "patient", "indication", "Edema"], ["a.png", "7", "dyspnée", "1"]]
    path = written("\r\n".join(mark.join(line) for line in lines), encoding=encoding)
    row = read_query_manifest(path).rows[0]
    assert (row.patient, row.indication, row.truth) == ("7", "dyspnée", {"Edema": 1.0})


def test_gzip_is_read_and_a_cut_one_is_named(tmp_path):
    packed = gzip.compress(b"image,patient,Edema\na.png,1,1\n")
    (tmp_path / "whole.csv.gz").write_bytes(packed)
    assert len(read_query_manifest(tmp_path / "whole.csv.gz").rows) == 1
    (tmp_path / "cut.csv.gz").write_bytes(packed[:20])
    with pytest.raises(UsageError, match="cut off or damaged"):
        read_query_manifest(tmp_path / "cut.csv.gz")
    with pytest.raises(UsageError, match="No such file"):
        read_query_manifest(tmp_path / "none.csv")


def test_images_lie_beside_the_table_or_in_its_images_folder(written, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").touch()
    (tmp_path / "b.png").touch()
    path = written("image,patient,view,Edema\na.png,1,PA,1\nb.png,2,L,0\n,3,,0\n")
    first, second, third = read_query_manifest(path).rows
    assert (first.image, second.image, third.image) == (tmp_path / "images" / "a.png", tmp_path / "b.png", None)
    assert (first.view, second.view, third.view) == (View.PA, View.LATERAL, View.UNKNOWN)


@given(st.binary(max_size=200))
def test_noise_is_a_usage_error_and_nothing_else(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read_query_manifest(path)


@pytest.mark.data
def test_the_shared_tables_are_read_as_they_are(shared_data):
    nih = read_query_manifest(shared_data / "nih" / "labels.csv", split="val")
    assert (len(nih.rows), set(nih.labels)) == (226, set(NIH))
    assert all(row.image.is_file() and len(row.truth) == 14 for row in nih.rows)
    pairs = read_query_manifest(shared_data / "pairs" / "pairs.csv", split="val")
    assert (len(pairs.rows), pairs.labels) == (32, ())
    assert all(row.image.is_file() and row.text for row in pairs.rows)
