"""The label table is read whole or refused with the reason."""

import numpy as np
import pytest

from radrag.errors import CorpusError
from radrag.training.nih import COLUMNS, LABELS, read_labels, read_unlabelled
from radrag.training.starter import fold_numbers

HEADER = ["image", "patient", "split", *COLUMNS, *(f"chexnet_{column}" for column in COLUMNS)]


def write(folder, rows, header=HEADER):
    (folder / "images").mkdir(exist_ok=True)
    for row in rows:
        (folder / "images" / row[0]).touch()
    lines = [",".join(header), *(",".join(row) for row in rows)]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


def row(name, patient, split="train", mass="0", soft=""):
    labels = ["1" if column == "Mass" and mass == "1" else "0" for column in COLUMNS]
    return [name, patient, split, *labels, *([soft] * len(COLUMNS))]


def test_rows_become_labels_and_soft_labels(tmp_path):
    write(tmp_path, [row("a.jpg", "1", mass="1", soft="0.5"), row("b.jpg", "2", "val")])
    data = read_labels(tmp_path)
    assert [LABELS[column] for column in np.flatnonzero(data.labels[0])] == ["Mass"]
    assert [LABELS[column] for column in np.flatnonzero(data.labels[1])] == ["No Finding"]
    assert data.validation.tolist() == [False, True]
    assert (data.soft[0] == 0.5).all()
    assert np.isnan(data.soft[1]).all()


def test_missing_data_say_what_is_wanted(tmp_path):
    with pytest.raises(CorpusError, match=r"no labels\.csv") as error:
        read_labels(tmp_path)
    assert "images/" in str(error.value.hint)


def test_missing_columns_are_named(tmp_path):
    write(tmp_path, [], header=[name for name in HEADER if name not in ("Mass", "split")])
    with pytest.raises(CorpusError, match="Mass, split"):
        read_labels(tmp_path)


def test_missing_images_are_counted(tmp_path):
    write(tmp_path, [row("a.jpg", "1"), row("b.jpg", "2")])
    (tmp_path / "images" / "b.jpg").unlink()
    with pytest.raises(CorpusError, match=r"1 of 2 images are missing, the first is b\.jpg"):
        read_labels(tmp_path)


def test_a_patient_on_both_sides_is_refused(tmp_path):
    write(tmp_path, [row("a.jpg", "1"), row("b.jpg", "1", "val")])
    with pytest.raises(CorpusError, match="both sides"):
        read_labels(tmp_path)


def test_no_patient_is_in_two_folds(tmp_path):
    rows = [row(f"{n}.jpg", str(n // 3), "val" if n >= 90 else "train", mass=str(n % 2)) for n in range(120)]
    write(tmp_path, rows)
    data = read_labels(tmp_path)
    folds = fold_numbers(data, seed=0)
    assert (folds[90:] == -1).all()
    assert set(folds[:90]) == set(range(5))
    for patient in set(data.patients[:90]):
        assert len({fold for fold, name in zip(folds, data.patients, strict=True) if name == patient}) == 1


def test_unlabelled_images_are_those_of_the_training_patients(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "images" / name).touch()
    table = tmp_path / "pairs.csv"
    table.write_text("image,split\na.jpg,train\nb.jpg,val\n")
    assert read_unlabelled(table) == (tmp_path / "images" / "a.jpg",)
    table.write_text("image\na.jpg\nb.jpg\n")
    assert len(read_unlabelled(table)) == 2


def test_a_table_without_images_says_what_is_missing(tmp_path):
    with pytest.raises(CorpusError, match="There is no"):
        read_unlabelled(tmp_path / "none.csv")
    table = tmp_path / "table.csv"
    table.write_text("file\na.jpg\n")
    with pytest.raises(CorpusError, match="no column image"):
        read_unlabelled(table)
    table.write_text("image\na.jpg\n")
    with pytest.raises(CorpusError, match=r"1 of 1 images are missing, the first is a\.jpg"):
        read_unlabelled(table)
