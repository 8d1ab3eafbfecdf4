"""What ``radrag train align-scores`` prints for an alignment and its run's data."""

import json
from dataclasses import replace

import numpy as np
from click.testing import CliRunner
from tiny_alignments import LOOKS, tiny_alignment

from radrag.cli import train_align
from radrag.settings import load_settings
from radrag.training.align_data import AlignData, Paired


def test_it_scores_the_validation_films_both_ways_beside_chance(tmp_path, monkeypatch):
    tiny_alignment().save(tmp_path)
    draw = np.random.default_rng(0)
    count = 24
    paired = Paired(
        draw.normal(size=(count + 3, 5)).astype(np.float32),
        draw.normal(size=(count, 8)).astype(np.float32),
        np.arange(count) // 2,
        np.zeros((count + 3, 15), np.float32),
        tuple(f"p{number // 4}" for number in range(count + 3)),
        np.where(np.arange(count + 3) < 16, -1, 0),
    )
    monkeypatch.setattr(train_align, "_data", lambda *_: (AlignData(None, paired, None, 3), (LOOKS, LOOKS)))
    settings = load_settings(workspace=tmp_path)
    ran = CliRunner().invoke(train_align.align_scores, [str(tmp_path), "--data", str(tmp_path), "--json"], obj=settings)
    found = json.loads(ran.stdout)
    assert (found["queries"], found["patients"]) == (16, 4)
    assert [(one["films"], one["texts"]) for one in found["scores"]] == [(16, 8)] * 2 + [(24, 12)] * 2
    assert found["scores"][0]["recall"]["mean"] == found["scores"][0]["random"] == 1.0  # eight texts, ten places
    assert abs(found["scores"][2]["random"] - 10 / 12) < 1e-9
    told = CliRunner().invoke(train_align.align_scores, [str(tmp_path), "--data", str(tmp_path)], obj=settings)
    assert "validation pairs: 16 films, 8 texts" in told.stdout


def test_another_encoder_than_the_alignment_s_is_refused(tmp_path, monkeypatch):
    tiny_alignment().save(tmp_path)
    cards = (replace(LOOKS, version="2"), LOOKS)
    empty = Paired(*(np.zeros((0, 1), np.float32),) * 2, np.zeros(0, int), np.zeros((0, 15)), (), np.zeros(0, int))
    monkeypatch.setattr(train_align, "_data", lambda *_: (AlignData(None, empty, None, 3), cards))
    ran = CliRunner().invoke(
        train_align.align_scores, [str(tmp_path), "--data", str(tmp_path)], obj=load_settings(workspace=tmp_path)
    )
    assert "learned behind tiny" in str(ran.exception)
