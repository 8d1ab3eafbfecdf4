"""Checkpoints of a run: tensors as safetensors, the rest as JSON; whole or not there; a damaged one is passed over."""

from __future__ import annotations

import errno
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from radrag.disk import sha256_of
from radrag.errors import TrainingCode, TrainingError
from radrag.training.run_state import from_parts, to_parts

TENSORS, FACTS, SUMS = "tensors.safetensors", "facts.json", "sha256.json"
KEPT = 2
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """What a run knew after a step: ``step`` steps are done."""

    step: int
    state: dict[str, Any]


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Tell of a full disk inside a with block.

    Raises:
        TrainingError: ``disk_full``.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:  # safetensors leaves only the text of the system's error
        full = getattr(error, "errno", None) in FULL or f"os error {errno.ENOSPC}" in str(error)
        if not full:
            raise
        raise TrainingError(
            TrainingCode.DISK_FULL,
            f"The disk is full: {what} could not be written. The last whole checkpoint is kept.",
            hint="Make room, then give the same command again: the run resumes.",
        ) from error


def save(folder: Path, step: int, state: dict[str, Any], *, name: str = "") -> Path:
    """Write a checkpoint; of those named by their step the last two are kept.

    Args:
        folder: of the run's checkpoints.
        name: of one that stays until it is written again; empty for the step.

    Returns:
        the checkpoint's folder.

    Raises:
        TrainingError: ``diverged`` where a weight is no finite number, ``disk_full``.
    """
    from safetensors.torch import save_file

    plain, tensors = to_parts(state)
    _check_finite(tensors, step)
    target = folder / (name or f"step-{step:08d}")
    part = folder / f".{target.name}.{os.getpid()}.part"
    try:
        with disk_errors(f"the checkpoint of step {step}"):
            part.mkdir(parents=True, exist_ok=True)
            save_file(tensors, part / TENSORS)
            (part / FACTS).write_text(json.dumps({"step": step, "state": plain}), encoding="utf-8")
            sums = {file: sha256_of(part / file) for file in (TENSORS, FACTS)}
            (part / SUMS).write_text(json.dumps(sums), encoding="utf-8")
            for file in (TENSORS, FACTS, SUMS):
                _to_disk(part / file)
            shutil.rmtree(target, ignore_errors=True)  # a folder cannot take a full one's place
            os.replace(part, target)
            _to_disk(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    for old in _by_step(folder)[KEPT:]:
        shutil.rmtree(old)
    return target


def load(path: Path) -> Checkpoint:
    """Read one checkpoint.

    Raises:
        TrainingError: ``bad_checkpoint``: a file is missing or is not what was written.
    """
    from safetensors.torch import load_file

    try:
        sums = json.loads((path / SUMS).read_text(encoding="utf-8"))
        if not isinstance(sums, dict) or set(sums) != {TENSORS, FACTS}:
            raise ValueError  # noqa: TRY301 - told below, with every other damage
        if any(sha256_of(path / file) != sums[file] for file in sums):
            raise ValueError  # noqa: TRY301
        facts = json.loads((path / FACTS).read_text(encoding="utf-8"))
        return Checkpoint(int(facts["step"]), from_parts(facts["state"], load_file(path / TENSORS)))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            TrainingCode.BAD_CHECKPOINT,
            f"The checkpoint {path.name} is damaged or incomplete.",
            hint="Delete it, and the run resumes from the one before; without another it begins anew.",
        ) from error


def latest(folder: Path) -> Checkpoint | None:
    """Return the last checkpoint that is whole; None where the run has not written any.

    A damaged one is passed over with a warning.

    Raises:
        TrainingError: ``bad_checkpoint``: there are checkpoints and none is whole.
    """
    found = _by_step(folder)
    for path in found:
        try:
            return load(path)
        except TrainingError as error:
            if path == found[-1]:
                raise
            warnings.warn(f"{error.args[0]} The run goes on from the one before.", stacklevel=2)
    return None


def _by_step(folder: Path) -> list[Path]:
    """Return the checkpoints that are named by their step, newest first."""
    return sorted(folder.glob("step-*"), reverse=True)


def _check_finite(tensors: dict[str, torch.Tensor], step: int) -> None:
    broken = [name for name, tensor in tensors.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise TrainingError(
            TrainingCode.DIVERGED,
            f"At step {step} {len(broken)} tensors of the run are no finite numbers, the first is {broken[0]}. "
            "They were not saved; the last good checkpoint is kept.",
            hint="Lower the learning rate, then give the same command with a new folder.",
        )


def _to_disk(path: Path) -> None:
    """Make sure that a file's or folder's content survives a loss of power (fsync(2))."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
