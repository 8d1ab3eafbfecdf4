"""A run of the generator on a tiny language model: what it learns is written, resumed and read back."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fakes import hit, image_finding, sentence
from PIL import Image
from tiny_generators import generator_folder

from radrag.encoders import load_image_encoder
from radrag.encoders.base import ImageEncoding
from radrag.errors import CorpusError, TrainingError, UsageError, WeightsError
from radrag.generation import mini, mini_network
from radrag.generation.answers import answer_schema
from radrag.generation.mini_prompt import mini_prompt
from radrag.generation.mini_weights import WEIGHTS, read_card, read_state
from radrag.generation.plan import Plan
from radrag.models.card import ModelCard
from radrag.training import generator, runs, seen_images
from radrag.training.generator_config import GeneratorConfig
from radrag.training.generator_data import Grounds, finding_thresholds
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.scores import auc, best_f1
from radrag.training.seen_images import SeenImages, see_images

CONFIG = GeneratorConfig(
    seed=1, examples=8, steps=6, batch=2, validation=2, validate_every=3, rank=2, alpha=4, longest=6000, rate=0.01,
    projector_epochs=0, warmup=2, checkpoint_minutes=1e-9,
)  # fmt: skip
CASES = {
    f"c:{number}": (
        sentence("There is a pleural effusion.", "Pleural Effusion", case=f"c:{number}"),
        sentence("No pneumothorax.", "no Pneumothorax", case=f"c:{number}", number=1),
        sentence("Pleural effusion.", "Pleural Effusion", case=f"c:{number}", section="impression"),
    )
    for number in range(4)
}


class Encoder:
    """Sees how bright an image is."""

    card = ModelCard(
        "tiny", "1", "image-encoder", 8, (0.0, 1.0), "air dark", "none", 4, ("Pleural Effusion",), (), "MIT", "here"
    )

    def encode(self, images, views=None):
        maps = np.stack([np.full((3, 2, 2), image.mean(), np.float32) for image in images])
        findings = (image_finding("Pleural Effusion", 0.8), image_finding("Pneumothorax", 0.1))
        return ImageEncoding(np.ones((len(images), 4), np.float32), maps, (findings,) * len(images))


class Cases(dict):
    ids = tuple(CASES)


@pytest.fixture
def parts(tmp_path, tmp_path_factory, monkeypatch):
    """Everything that a run takes; the tiny tokenizer has another token to spare than SmolLM2's."""
    for module in (generator, mini):
        monkeypatch.setattr(module, "model_folder", lambda *_: generator_folder(tmp_path_factory, "llama"))
    for module in (mini_network, generator):
        monkeypatch.setattr(module, "MARK", "<image>")
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((8, 8), 60 * number, np.uint8)).save(paths[-1])
    labels = np.zeros((4, len(LABELS)))
    labels[:, LABELS.index("Pleural Effusion")] = 1
    data = LabelledImages(
        tuple(paths), tuple("abcd"), np.array([False, False, True, True]), labels, np.full((4, 14), math.nan)
    )
    cases = Cases({case: SimpleNamespace(patient_key=case, labels={"Pleural Effusion": 1.0}) for case in CASES})

    def search(query, k):
        return tuple(hit(case) for case in CASES if case not in query.exclude_cases)[:k]

    grounds = Grounds(SimpleNamespace(search=search, cases=cases), lambda ids: {one: CASES[one] for one in ids})
    return {"data": data, "encoder": Encoder(), "grounds": grounds, "cache": tmp_path / "cache"}


def test_a_run_learns_and_what_it_learned_is_read_back(tmp_path, parts):
    card = generator.run(CONFIG, tmp_path / "run", **parts)
    rows = [json.loads(line) for line in (tmp_path / "run" / runs.METRICS).read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == CONFIG.steps
    assert losses[-1] < losses[0]
    assert card == read_card(tmp_path / "run")
    assert card.n["train_images"] == 2
    assert set(card.metrics["validation"]) == {"validation_loss", "swapped_image_loss"}
    assert card.settings["seed"] == 1
    model = mini.load_mini(tmp_path / "run", card, parts["cache"], parts["encoder"], "cpu")
    prompt = mini_prompt((), Plan(), CASES["c:1"])
    assert json.loads(model.complete(prompt, answer_schema(3), (np.zeros((8, 8), np.uint8),), 0))


def test_a_run_in_two_sittings_writes_the_very_file_of_one(tmp_path, parts):
    whole = generator.run(CONFIG, tmp_path / "one", **parts)
    with pytest.raises(runs.Paused):
        generator.run(CONFIG.model_copy(update={"minutes": 1e-9}), tmp_path / "two", **parts)
    assert generator.run(CONFIG, tmp_path / "two", **parts).sha256 == whole.sha256


def test_a_run_is_not_resumed_with_another_encoder(tmp_path, parts):
    with pytest.raises(runs.Paused):
        generator.run(CONFIG.model_copy(update={"minutes": 1e-9}), tmp_path / "run", **parts)
    other = Encoder()
    other.card = replace(Encoder.card, version="2")
    with pytest.raises(TrainingError, match="another image encoder"):
        generator.run(CONFIG, tmp_path / "run", **parts | {"encoder": other})


def test_reports_that_carry_nothing_are_told(tmp_path, parts):
    silent = Grounds(parts["grounds"].retriever, lambda ids: {})
    with pytest.raises(CorpusError, match="No image and report"):
        generator.run(CONFIG, tmp_path / "run", **parts | {"grounds": silent})


def test_a_finding_is_stated_from_half_of_the_best_f1_on():
    truth = np.array([1, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    told = (0.9, 0.8, 0.7, 0.6, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)
    findings = tuple((image_finding("Infiltration", one), image_finding("Edema", 0.2)) for one in (*told, 0.9, 0.9))
    labels = np.zeros((12, len(LABELS)))
    labels[:10, LABELS.index("Infiltration")] = truth
    labels[10:, LABELS.index("Edema")] = 1
    data = LabelledImages((), (), np.arange(12) >= 10, labels, np.full((12, 14), math.nan))
    thresholds = finding_thresholds(SeenImages(torch.zeros(0), findings), data)
    half = best_f1(truth, np.array(told)) / 2
    assert half == pytest.approx(3 / 7)  # four are called, three of them rightly
    assert thresholds == {"Infiltration": pytest.approx(half, abs=1e-4)}  # only validation patients have an edema


def test_of_training_images_the_starter_says_what_heads_say_that_saw_none_of_the_patient(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    labels = (rng.random((60, len(LABELS))) < 0.5).astype(float)
    features = np.concatenate([labels, rng.normal(size=(60, 80))], axis=1)  # more columns than images: all is learned
    features[:, : len(LABELS)] += rng.normal(size=labels.shape) * 2
    data = LabelledImages(
        tuple(Path(f"{number}.png") for number in range(60)),
        tuple(f"p{number}" for number in range(60)),
        np.arange(60) >= 50,
        labels,
        np.full((60, 14), math.nan),
    )
    monkeypatch.setattr(seen_images, "pooled_features", lambda network, paths: features)
    monkeypatch.setattr(seen_images, "read_grey", lambda path: np.full((8, 8), 0.5, np.float32))
    starter = load_image_encoder("starter")
    seen = see_images(starter, data, tmp_path / "seen")
    column = LABELS.index("Mass")
    told = np.array([of[column].probability for of in seen.findings])
    assert len(set(told[50:])) == 1  # as the encoder says of one grey image
    assert len(set(told[:50])) == 50
    assert auc(labels[:50, column], told[:50]) < 0.85  # heads that saw them would be right about all
    assert seen.findings == see_images(only_named(starter.card), data, tmp_path / "seen").findings


def test_only_updates_and_projector_learn(tmp_path, parts):
    card = generator.run(CONFIG, tmp_path / "run", **parts)
    names = set(read_state(tmp_path / "run", card))
    assert all(name.startswith((mini_network.LORA, mini_network.PROJECTOR)) for name in names)
    assert sum(name.startswith(mini_network.LORA) for name in names) == 2 * 7 * 2  # blocks, layers, halves
    assert (tmp_path / "run" / WEIGHTS).stat().st_size < 100_000


def test_the_rate_rises_then_falls_to_a_tenth():
    rates = [generator.rate_at(step, most=1.0, warmup=4, total=20) for step in range(1, 21)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[-1] == pytest.approx(0.1)


def test_every_example_is_seen_once_an_epoch():
    seen = [one for step in range(1, 6) for one in generator.places_at(step, batch=3, count=5, seed=0)]
    assert [sorted(seen[start : start + 5]) for start in (0, 5, 10)] == [[0, 1, 2, 3, 4]] * 3
    assert seen[:5] != seen[5:10]


def test_the_same_encoder_looks_once_and_another_one_anew(tmp_path, parts):
    first = see_images(parts["encoder"], parts["data"], tmp_path / "seen")
    again = see_images(only_named(parts["encoder"].card), parts["data"], tmp_path / "seen")
    assert torch.equal(first.maps, again.maps)
    assert again.findings == first.findings


def test_an_encoder_without_feature_maps_is_told(tmp_path, parts):
    class Blind(Encoder):
        def encode(self, images, views=None):
            return ImageEncoding(np.ones((len(images), 4), np.float32), None, ((),) * len(images))

    with pytest.raises(WeightsError, match="no feature maps"):
        see_images(Blind(), parts["data"], tmp_path / "seen")


def only_named(card):
    """Return an encoder that knows who it is and cannot look."""
    return SimpleNamespace(card=card)


@pytest.mark.parametrize("name", ["generator", "generator_noise", "generator_smoke"])
def test_the_shipped_runs_can_be_read(name):
    assert GeneratorConfig.read(name).all_steps > 0


def test_an_unknown_kind_of_noise_is_told(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("noise: {blurr: 1}\n")
    with pytest.raises(UsageError, match=r"noise\.blurr"):
        GeneratorConfig.read(path)
