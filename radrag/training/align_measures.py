"""How well images and texts of a part that was not learned from find each other in the shared space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from radrag.training.losses import label_agreement
from radrag.training.nih import LABELS
from radrag.training.scores import auc

if TYPE_CHECKING:
    from radrag.training.align import AlignNetwork
    from radrag.training.align_data import AlignData

CUT = 10
FloatArray = npt.NDArray[np.float64]


def measure(network: AlignNetwork, data: AlignData, fold: int) -> dict[str, float]:
    """Return what a fold's images and pairs are worth, -1 for the validation patients.

    Returns:
        ``ndcg`` and ``ndcg_abnormal`` (agreement of labels at 10, over all reports of training), the same of a random
        order, ``auc`` (mean of the findings, by the heads), and recall at 10 among the fold's own pairs and among all
        (see :func:`recalls`) with what chance would have.
    """
    network.eval()
    labelled, paired, reports = data.labelled, data.paired, data.reports
    rows = np.flatnonzero(labelled.folds == fold)
    films = np.flatnonzero(paired.folds[: len(paired.texts)] == fold)
    known = films if fold < 0 else np.flatnonzero(paired.folds[: len(paired.texts)] >= 0)
    everything = np.arange(len(paired.texts)) if fold < 0 else known
    with torch.inference_mode():
        images = network.images(torch.from_numpy(labelled.inputs[rows]))
        logits = network.findings(images).double().numpy()
        cosines = (images @ network.texts(torch.from_numpy(reports.vectors)).T).double().numpy()
        pairs = network.images(torch.from_numpy(paired.inputs[: len(paired.texts)]))
        similarity = (pairs @ network.texts(torch.from_numpy(paired.texts)).T).double().numpy()
    gains = label_agreement(torch.from_numpy(labelled.levels[rows]), torch.from_numpy(reports.levels)).double().numpy()
    scores, chance = ndcg(cosines, gains), ndcg(np.random.default_rng(0).random(cosines.shape), gains)
    abnormal = labelled.labels[rows, -1] == 0
    truth = labelled.labels[rows].astype(np.float64)
    areas = np.array([auc(truth[:, place], logits[:, place]) for place in range(len(LABELS) - 1)])
    found = {
        "ndcg": float(scores.mean()),
        "ndcg_random": float(chance.mean()),
        "ndcg_abnormal": float(scores[abnormal].mean()),
        "ndcg_abnormal_random": float(chance[abnormal].mean()),
        "auc": float(np.nanmean(areas)),
    }
    for name, gallery in (("own", films), ("all", everything)):
        for way, (hits, by_chance) in recalls(similarity, paired.groups, films, gallery).items():
            found[f"recall_{way}_{name}"] = float(hits.mean())
            found[f"recall_{way}_{name}_random"] = by_chance
    return found


def ndcg(scores: FloatArray, gains: FloatArray) -> FloatArray:
    """Return nDCG@10 of each row, [n]: gains over log2 of the rank plus 1, against the best order (trec_eval's)."""
    discount = 1 / np.log2(np.arange(2, CUT + 2))[: gains.shape[1]]
    first = np.argsort(-scores, axis=1, kind="stable")[:, :CUT]
    best = -np.sort(-gains, axis=1)[:, :CUT] @ discount
    found: FloatArray = (np.take_along_axis(gains, first, axis=1) @ discount) / np.maximum(best, 1e-9)
    return found


def recalls(
    similarity: FloatArray,
    groups: npt.NDArray[np.int64],
    queries: npt.NDArray[np.int64],
    gallery: npt.NDArray[np.int64],
) -> dict[str, tuple[FloatArray, float]]:
    """Return recall at 10 of finding the very other half of a pair, both ways, with what chance would have.

    Films of one text are one another's texts' films: a text is in the gallery once, and a text has found its film when
    it has found any of them.

    Args:
        similarity: [p, p] of films with texts.
        groups: [p], number of each film's text.
        queries: films that are asked for, and whose texts are.
        gallery: films that may be found, and whose texts may be; the queries are among them.

    Returns:
        ``image_to_text`` and ``text_to_image``: 0 or 1 for each query film, and the expectation of a random order.
    """
    texts = np.array([np.flatnonzero(groups == group)[0] for group in dict.fromkeys(groups[gallery].tolist())])
    to_text, to_image, by_chance = [], [], []
    for film in queries.tolist():
        order = texts[np.argsort(-similarity[film, texts], kind="stable")[:CUT]]
        to_text.append(bool((groups[order] == groups[film]).any()))
        text = np.flatnonzero(groups == groups[film])[0]
        order = gallery[np.argsort(-similarity[gallery, text], kind="stable")[:CUT]]
        to_image.append(bool((groups[order] == groups[film]).any()))
        by_chance.append(_chance(len(gallery), int((groups[gallery] == groups[film]).sum())))
    return {
        "image_to_text": (np.array(to_text, np.float64), _chance(len(texts), 1)),
        "text_to_image": (np.array(to_image, np.float64), float(np.mean(by_chance))),
    }


def _chance(size: int, wanted: int) -> float:
    """Return the chance that ten drawn without replacement hold one that is wanted."""
    missed = 1.0
    for drawn in range(min(CUT, size)):
        missed *= max(0, size - wanted - drawn) / (size - drawn)
    return 1 - missed
