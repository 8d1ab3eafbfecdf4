"""One YAML file per run: its values, checked, and what is unknown in it listed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from radrag.disk import replacing
from radrag.errors import TrainingCode, TrainingError, UsageError
from radrag.optional import require

SHIPPED = Path(__file__).parent / "runs"
"""Folder of the runs that come with radrag."""

CONFIG = "config.json"
FREE = frozenset({"minutes", "checkpoint_minutes"})
"""What may change between the sittings of one run: it does not change what is learned."""


class RunConfig(BaseModel):
    """What every run has; each kind of run adds its own values.

    Attributes:
        seed: of Python's, numpy's and torch's random numbers and of the order of the data.
        minutes: after which a sitting checkpoints and stops; None for no limit.
        checkpoint_minutes: between checkpoints, wall clock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = 0
    minutes: float | None = Field(default=None, gt=0)
    checkpoint_minutes: float = Field(default=5, gt=0)

    @classmethod
    def read(cls, name: str | Path, **changed: Any) -> Self:
        """Read a YAML file, or a shipped run by its name.

        Args:
            changed: values that take the place of the file's; None leaves the file's.

        Raises:
            UsageError: there is no such file, or it holds unknown keys or values that cannot be meant.
            MissingDependency: PyYAML is not installed.
        """
        yaml = require("yaml", extra="train")
        path = find(name)
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise UsageError(
                f"{path.name} is not readable YAML.", hint="Mend it, or begin with a shipped one."
            ) from error
        if not isinstance(values, dict):
            raise UsageError(f"{path.name} holds no `key: value` lines.", hint=f"Keys are {_keys(cls)}.")
        try:
            return cls.model_validate({**values, **{key: one for key, one in changed.items() if one is not None}})
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc'])) or 'the whole'}: {one['msg']}" for one in error.errors()
            )
            raise UsageError(f"{path.name}: {wrong}.", hint=f"Keys are {_keys(cls)}.") from error


def find(name: str | Path) -> Path:
    """Return a run's YAML file: the path itself, or a shipped run's by its name.

    Raises:
        UsageError: there is none.
    """
    given = Path(name).expanduser()
    if given.is_file():
        return given
    shipped = SHIPPED / f"{name}.yaml"
    if shipped.is_file():
        return shipped
    names = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    raise UsageError(f"There is no run {name}.", hint=f"Give a YAML file, or one of {', '.join(names)}.")


def same_run(folder: Path, config: RunConfig) -> None:
    """Check that a folder's run has these values, or write them into a new one.

    Raises:
        TrainingError: ``other_run``: another value than when it began; the message lists them.
    """
    path = folder / CONFIG
    now = config.model_dump(mode="json")
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        other = [key for key in sorted({*now, *before} - FREE) if now.get(key) != before.get(key)]
        if other:
            told = ", ".join(f"{key} {before.get(key)} → {now.get(key)}" for key in other)
            raise TrainingError(
                TrainingCode.OTHER_RUN,
                f"{folder.name} holds a run that began with other values: {told}.",
                hint="Give back the old values to resume it, or name a new folder.",
            )
    with replacing(path) as part:
        part.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")


def _keys(cls: type[BaseModel]) -> str:
    return ", ".join(cls.model_fields)
