"""``radrag embed`` of many real JPEGs: a row for each, in order; failures named; nothing half-written."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pyarrow.parquet
import pytest

from radrag.cli import embed
from radrag.cli.main import run

FILES = 60
BROKEN = "00000000_cut.jpg"


@pytest.fixture(scope="module")
def films(shared_data, tmp_path_factory):
    """Sixty radiographs, and one cut off in the middle, which comes first."""
    folder = tmp_path_factory.mktemp("films")
    chosen = sorted((shared_data / "nih" / "images").glob("*.jpg"))[:FILES]
    assert len(chosen) == FILES
    for path in chosen:
        shutil.copyfile(path, folder / path.name)
    (folder / BROKEN).write_bytes(chosen[0].read_bytes()[:9000])
    return folder


def some(films, count=5):
    """Return paths of the first whole films."""
    return [str(path) for path in sorted(films.glob("*.jpg"))[1 : count + 1]]


@pytest.fixture(scope="module")
def embedded(films, tmp_path_factory):
    """What one run wrote, and its exit code."""
    out = tmp_path_factory.mktemp("out") / "v.npz"
    code = run(["--workspace", str(out.parent / "workspace"), "embed", str(films), "--out", str(out)])
    with np.load(out) as table:
        return code, dict(table)


def test_every_file_has_a_row_in_order_or_is_named_as_failed(films, embedded):
    code, table = embedded
    names = sorted(path.name for path in films.iterdir() if path.name != BROKEN)
    assert code == 1
    assert [os.path.basename(path) for path in table["paths"]] == names
    assert [os.path.basename(path) for path in table["failed"]] == [BROKEN]
    assert table["vectors"].shape == (FILES, 256)
    assert table["vectors"].dtype == table["probabilities"].dtype == np.float32
    assert table["probabilities"].shape == (FILES, len(table["labels"])) == (FILES, 15)
    assert np.linalg.norm(table["vectors"], axis=1) == pytest.approx(np.ones(FILES), abs=1e-5)
    assert ((table["probabilities"] >= 0) & (table["probabilities"] <= 1)).all()


def test_a_row_is_what_a_draft_of_that_file_sees(films, embedded):
    from radrag.dicom.read import load_image
    from radrag.encoders import load_image_encoder

    _, table = embedded
    encoder = load_image_encoder("starter")
    for row in (0, 15, 16, FILES - 1):  # the ends of the first batch, and of all
        image = load_image(films / os.path.basename(table["paths"][row]))
        encoding = encoder.encode([image.pixels], [image.image.view])
        assert float(encoding.vectors[0] @ table["vectors"][row]) > 0.9999
        found = [one.probability for one in encoding.findings[0]]
        assert table["probabilities"][row] == pytest.approx(found, abs=2e-3)


def test_a_parquet_file_holds_the_same_rows(films, embedded, tmp_path):
    paths = some(films)
    arguments = ["--workspace", str(tmp_path / "w"), "embed", *paths, str(films / BROKEN)]
    assert run([*arguments, "--out", str(tmp_path / "v.parquet")]) == 1
    rows = pyarrow.parquet.read_table(tmp_path / "v.parquet")
    assert rows["path"].to_pylist() == paths
    assert np.array(rows["vector"].to_pylist(), np.float32) == pytest.approx(embedded[1]["vectors"][:5], abs=1e-4)
    assert json.loads(rows.schema.metadata[b"failed"]) == [str(films / BROKEN)]
    assert json.loads(rows.schema.metadata[b"copies"]) == []


def test_a_copy_of_a_file_is_named_and_not_lost_in_silence(films, tmp_path, capsys):
    (first,) = some(films, 1)
    copy = tmp_path / "copy.jpg"
    shutil.copyfile(first, copy)
    assert run(["--workspace", str(tmp_path / "w"), "embed", first, str(copy), "--out", str(tmp_path / "v.npz")]) == 0
    assert f"Left out {copy}" in capsys.readouterr().err
    with np.load(tmp_path / "v.npz") as table:
        assert list(table["paths"]) == [first]
        assert list(table["copies"]) == [str(copy)]


def test_stopping_leaves_the_file_of_before(films, tmp_path, monkeypatch, capsys):
    out = tmp_path / "v.npz"
    out.write_bytes(b"of before")
    encoded = []

    def stopped(self, path, image, view):
        encoded.append(path)
        if len(encoded) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(embed.EmbeddingTable, "add", stopped)
    assert run(["--workspace", str(tmp_path / "w"), "embed", *some(films), "--out", str(out)]) == 130
    assert out.read_bytes() == b"of before"
    assert [path.name for path in tmp_path.glob("v*")] == ["v.npz"]


KILLED = """
import os, signal, sys
import numpy as np
from radrag.cli import embed
from radrag.cli.main import run

def half(table, path, without):
    path.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)

embed.FORMATS[".npz"] = half
run(sys.argv[1:])
"""


def test_a_kill_while_writing_leaves_the_file_of_before(films, tmp_path):
    out = tmp_path / "v.npz"
    out.write_bytes(b"of before")
    arguments = ["--workspace", str(tmp_path / "w"), "embed", *some(films, 1), "--out", str(out)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert out.read_bytes() == b"of before"


def test_a_folder_without_images_writes_nothing(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "v.npz"
    assert run(["--workspace", str(tmp_path / "w"), "embed", str(tmp_path / "empty"), "--out", str(out)]) == 1
    assert "empty" in capsys.readouterr().err
    assert not out.exists()


def test_the_setting_names_the_runtime_and_the_option_wins(films, tmp_path, monkeypatch, capsys):
    def said(*options):
        arguments = ["--workspace", str(tmp_path / "w"), "embed", *some(films, 1), "--out", str(tmp_path / "v.npz")]
        assert run([*arguments, *options]) == 0
        return capsys.readouterr().err

    assert "Runtime: eager." in said()  # so few are not worth a measurement
    monkeypatch.setenv("RADRAG_RUNTIME", "channels_last")
    assert "Runtime: channels_last." in said()
    assert "Runtime: eager." in said("--runtime", "eager")


def test_a_gpu_that_is_not_there_is_named(films, tmp_path, capsys):
    arguments = ["--workspace", str(tmp_path / "w"), "embed", *some(films, 1), "--out", str(tmp_path / "v.npz")]
    assert run([*arguments, "--device", "cuda:99"]) == 2
    assert "'cuda:99' is not on this machine" in capsys.readouterr().err
    assert run([*arguments, "--device", "tpu"]) == 2
    assert "Unknown device 'tpu'" in capsys.readouterr().err
