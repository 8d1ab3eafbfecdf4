"""Learning the shared space on made-up data: it is learned, resumes, and never from validation patients."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_alignments import LOOKS

from radrag.encoders.alignment import load_alignment
from radrag.errors import CorpusError
from radrag.training import align, runs
from radrag.training.align_config import AlignConfig
from radrag.training.align_data import (
    LEVELS,
    AlignData,
    Labelled,
    Paired,
    Reports,
    drawn_folds,
    read_films,
)  # fmt: skip
from radrag.training.align_measures import measure, ndcg, recalls
from radrag.training.nih import LABELS

CONFIG = AlignConfig(seed=1, steps=30, images=40, texts=40, dimension=16, text_hidden=32, warmup=2, rate=0.01)
ENCODERS = (LOOKS, replace(LOOKS, name="reader"))


def made(count=60, seed=0):
    """Return data in which image, report and note carry the same few findings; the last tenth is for validation."""
    draw = np.random.default_rng(seed)
    labels = (draw.random((count, len(LABELS))) < 0.2).astype(np.float32)
    labels[:, -1] = labels[:, :-1].sum(axis=1) == 0
    levels = labels[:, : len(LEVELS)].copy()
    inputs = np.hstack([4 * labels - 2, draw.normal(size=(count, 3))]).astype(np.float32)
    mixing = draw.normal(size=(len(LEVELS), 24)).astype(np.float32)
    vectors = levels @ mixing + 0.1 * draw.normal(size=(count, 24)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-3)
    folds = np.arange(count) % 5
    folds[-count // 10 :] = -1
    patients = tuple(str(number) for number in range(count))
    films = np.vstack([inputs, inputs[:5]])
    teacher = np.clip(np.vstack([labels, labels[:5]]), 0.1, 0.9)
    teacher[0] = films[0, : len(LABELS)] = np.nan  # a lateral film
    return AlignData(
        Labelled(inputs, labels, levels, labels, patients, folds),
        Paired(films, vectors, np.arange(count), teacher, (*patients, *"vwxyz"), np.append(folds, np.arange(5))),
        Reports(vectors.copy(), levels.copy(), np.arange(count) % 5),
        appearance=3,
    )


def test_images_find_reports_that_state_the_same(tmp_path):
    data = made()
    card = align.run(CONFIG, tmp_path, data=data, encoders=ENCODERS)
    told = card.metrics["validation"]
    assert told["ndcg_abnormal"] > told["ndcg_abnormal_random"] + 0.1
    assert card == load_alignment(tmp_path).card
    assert (tmp_path / "curves.png").stat().st_size > 1000
    logged = json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])
    assert set(logged) == {"step", "seconds", "matching", "pairs", "findings", "teacher"}


def test_what_is_used_is_what_was_learned(tmp_path):
    data = made()
    material = align.material_of(data)
    torch.manual_seed(0)
    network = align.new_network(CONFIG, data, material).eval()
    used = network.alignment(align.card_of(CONFIG, ENCODERS, data, material))
    odds = data.labelled.inputs[:8, : len(LABELS)]
    seen = [dict(zip(LABELS, row, strict=True)) for row in (1 / (1 + np.exp(-odds))).tolist()]
    vectors = np.hstack([data.labelled.inputs[:8, len(LABELS) :], np.ones((8, 5), np.float32)])
    look = vectors[:, :3] / np.linalg.norm(vectors[:, :3], axis=1, keepdims=True) * 3**0.5
    with torch.inference_mode():
        images = network.images(torch.from_numpy(np.hstack([odds, look]).astype(np.float32))).numpy()
        texts = network.texts(torch.from_numpy(data.reports.vectors)).numpy()
    assert np.allclose(used.image_vectors(vectors, seen), images, atol=1e-4)
    assert np.allclose(used.text_vectors(data.reports.vectors), texts, atol=1e-4)


def test_a_run_that_was_interrupted_ends_as_one_that_was_not(tmp_path, monkeypatch):
    data, config = made(), CONFIG.model_copy(update={"steps": 4, "checkpoint_minutes": 1e-9})
    whole = align.run(config, tmp_path / "whole", data=data, encoders=ENCODERS)
    logged = runs.Run.log

    def cut(self, step, **metrics):
        if step == 3:
            raise KeyboardInterrupt
        logged(self, step, **metrics)

    monkeypatch.setattr(runs.Run, "log", cut)
    with pytest.raises(KeyboardInterrupt):
        align.run(config, tmp_path / "cut", data=data, encoders=ENCODERS)
    monkeypatch.setattr(runs.Run, "log", logged)
    assert align.run(config, tmp_path / "cut", data=data, encoders=ENCODERS).sha256 == whole.sha256


def test_validation_patients_and_the_left_out_fold_change_nothing_that_is_learned():
    data, other = made(), made()
    hidden = data.labelled.folds < 1  # validation and fold 0
    other.labelled.inputs[hidden] = other.labelled.labels[hidden] = other.labelled.soft[hidden] = 7
    other.labelled.levels[hidden] = 0
    for part in (other.paired.inputs, other.paired.teacher):
        part[other.paired.folds < 1] = 0.5
    other.paired.texts[hidden] = 3
    first, second = (align.material_of(one, left_out=0) for one in (data, other))
    for name in ("images", "soft", "prior", "agreement", "films", "notes", "unlabelled", "teacher"):
        assert torch.equal(getattr(first, name).nan_to_num(), getattr(second, name).nan_to_num()), name


def test_cross_validation_measures_each_fold():
    found = align.cross_validate(CONFIG.model_copy(update={"steps": 2}), made())
    assert len(found) == 5
    assert all(0 <= value <= 1 for one in found for value in one.values())


def test_films_without_any_finding_are_measured_too():
    data = made()
    network = align.new_network(CONFIG, data, align.material_of(data))
    assert all(np.isfinite(value) for value in measure(network, data, -1).values())


def test_the_best_order_has_one_and_gains_below_the_cut_count_nothing():
    gains = np.array([[1.0, 0.5] + [0.0] * 20])
    assert ndcg(gains, gains).tolist() == pytest.approx([1.0])
    assert ndcg(-gains, gains).tolist() == pytest.approx([0.0])
    assert ndcg(np.array([[1.0, 2.0] + [0.0] * 20]), gains)[0] < 1


def test_a_text_finds_any_of_its_films_and_chance_knows_how_many_there_are():
    groups = np.array([0, 0, *range(1, 30)])
    similarity = np.zeros((31, 31))
    similarity[1, 0] = 1  # the text of both films is nearest to the second one
    found = recalls(similarity, groups, np.array([0]), np.arange(31))
    assert found["text_to_image"] == (pytest.approx([1.0]), pytest.approx(1 - 21 * 20 / (31 * 30)))
    assert found["image_to_text"][1] == pytest.approx(10 / 30)
    everything = recalls(similarity, groups, np.array([2]), np.arange(5))
    assert everything["image_to_text"] == (pytest.approx([1.0]), 1.0)


def test_equal_names_share_a_fold_and_all_folds_are_used():
    names = [str(number % 20) for number in range(100)]
    folds = drawn_folds(names, seed=0)
    assert len({(name, fold) for name, fold in zip(names, folds.tolist(), strict=True)}) == 20
    assert set(folds.tolist()) == set(range(5))


def table(folder, text):
    (folder / "images").mkdir(exist_ok=True)
    for name in ("a.jpg", "b.jpg"):
        (folder / "images" / name).touch()
    (folder / "pairs.csv").write_text(text)
    return folder


def test_films_are_read_with_their_notes_and_a_table_without_a_split_is_for_training(tmp_path):
    text = "image,patient,split,view,text\na.jpg,1,train,L,Opacity  left.\nb.jpg,2,val,PA,Clear.\n"
    first, second = read_films(table(tmp_path, text), table="pairs.csv", texts=True)
    assert (first.lateral, first.validation, second.lateral, second.validation) == (True, False, False, True)
    assert first.patient != second.patient
    (only,) = read_films(table(tmp_path, "image,patient\na.jpg,1\n"), table="pairs.csv", texts=False)
    assert not only.validation
    assert not only.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,patient,split,text\na.jpg,1,train,A.\nb.jpg,1,val,B.\n", "both sides"),
        ("image,patient,split,text\nc.jpg,1,train,A.\n", "missing"),
        ("image,split,text\na.jpg,train,A.\n", "lacks a column"),
        ("image,patient,split,text\n", "missing"),
    ],
)
def test_tables_that_cannot_be_learned_from_are_refused(tmp_path, text, said):
    with pytest.raises(CorpusError, match=said):
        read_films(table(tmp_path, text), table="pairs.csv", texts=True)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"pairs\.csv"):
        read_films(tmp_path / "pairs", table="pairs.csv", texts=True)
