"""The starter's card: every number in it comes from the ``val`` patients, beside two baselines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radrag.encoders.calling import thresholds_for
from radrag.encoders.starter_network import DIMENSION, INPUT_SIZE
from radrag.models.card import ModelCard
from radrag.models.registry import IMAGE_TASK
from radrag.reports.vocabulary import NO_FINDING
from radrag.training import scores
from radrag.training.nih import LABELS, LabelledImages

VERSION = "1.1.0"

REGIONS = (
    "each place's share of the logit, exact since all layers behind the maps are linear, on an 8 by 8 grid; "
    "boxes around half of its maximum"
)

LIMITS = (
    "Research use: not a medical device, not for diagnosis.",
    "Trained on one public set from one hospital (NIH ChestX-ray14); expect lower scores elsewhere.",
    "Its labels were mined from reports by a program and are wrong for about one in ten findings.",
    "Frontal views only: findings of lateral views are masked.",
    "Nearly all patients are adults; children were not tested.",
    "Probabilities reflect the enriched prevalence of the training sample, not that of a clinic.",
    "Rare findings (fewer than 10 validation cases) have wide intervals: read them before the value.",
    "It was not trained to see fractures, lines and tubes, or anything else outside its labels.",
)


def label_metrics(
    data: LabelledImages,
    probabilities: npt.NDArray[np.float64],
    thresholds: Mapping[str, float],
    baseline: npt.NDArray[np.float64],
) -> dict[str, dict[str, float]]:
    """Return AUC with interval, operating point, calibration and baselines of each label on ``val``."""
    rows = data.validation
    patients = np.array(data.patients)[rows]
    usual = np.array([thresholds[label] for label in LABELS])
    calls = probabilities >= thresholds_for(probabilities, usual, LABELS.index(NO_FINDING))
    table = {}
    for column, label in enumerate(LABELS):
        truth, probability = data.labels[rows, column], probabilities[rows, column]
        low, high = scores.bootstrap_interval(truth, probability, patients)
        sensitivity, specificity = scores.operating_point(truth, calls[rows, column])
        row = {
            "n": int(truth.size),
            "positives": int(truth.sum()),
            "auc": scores.auc(truth, probability),
            "auc_low": low,
            "auc_high": high,
            "auc_nearest_neighbour": scores.auc(truth, baseline[:, column]),
            "auc_constant": 0.5,
            "sensitivity": sensitivity,
            "specificity": specificity,
            "prevalence_train": float(data.labels[~rows, column].mean()),
            "calibration_error": scores.calibration_error(truth, probability),
        }
        table[label] = {name: round(value, 4) for name, value in row.items()}
    findings = [table[label] for label in LABELS if label != NO_FINDING]
    table["mean of 14"] = {
        name: round(float(np.mean([row[name] for row in findings])), 4)
        for name in ("auc", "auc_nearest_neighbour", "auc_constant", "sensitivity", "specificity", "calibration_error")
    }
    normal = data.labels[rows, -1] == 1
    false = calls[rows, :-1][normal].sum(axis=1).mean()
    table["mean of 14"]["false_findings_per_normal_image"] = round(float(false), 4)
    return table


def write_card(
    path: Path,
    data: LabelledImages,
    *,
    imagenet: npt.NDArray[np.float64],
    probabilities: npt.NDArray[np.float64],
    thresholds: Mapping[str, float],
    sha256: str,
    size_bytes: int,
    others: int,
) -> ModelCard:
    """Evaluate on ``val`` and write the card as JSON; the baseline is the nearest image by ``imagenet`` features.

    Args:
        others: images without labels that the normalisation was measured on too.
    """
    training = ~data.validation
    unit = (imagenet / np.linalg.norm(imagenet, axis=1, keepdims=True)).astype(np.float32)
    nearest = scores.nearest_neighbour_scores(unit[training], data.labels[training], unit[data.validation])
    card = ModelCard(
        name="starter",
        version=VERSION,
        task=IMAGE_TASK,
        input_size=INPUT_SIZE,
        value_range=(-1.0, 1.0),
        polarity="air dark",
        normalisation="border trimmed, 0.5 to 99.5 percentile stretch, antialiased resize, black padding",
        dimension=DIMENSION,
        labels=LABELS,
        trained=LABELS,
        licence="Apache-2.0",
        source="EfficientNet-Lite2, ImageNet weights (Apache-2.0); heads and embedding by radrag.training.starter",
        sha256=sha256,
        size_bytes=size_bytes,
        data="NIH ChestX-ray14 (U.S. National Institutes of Health Clinical Center), a sample of frontal images; "
        "normalisation also measured on radiographs of other hospitals, without labels",
        calibrated=True,
        regions=REGIONS,
        thresholds=thresholds,
        n={
            "train": int(training.sum()),
            "val": int(data.validation.sum()),
            "unlabelled": others,
            "train_patients": len(set(np.array(data.patients)[training])),
            "val_patients": len(set(np.array(data.patients)[data.validation])),
        },
        metrics=label_metrics(data, probabilities, thresholds, nearest),
        limits=LIMITS,
    )
    path.write_text(card.to_json(), encoding="utf-8")
    return card
