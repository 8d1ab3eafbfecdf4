"""Models that the user asked for by name: where they lie in the cache, and whether they are still whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from radrag.disk import sha256_of
from radrag.errors import WeightsError

MANIFEST = "pulled.json"
WEIGHTS = "model.safetensors"
"""Name of the weights in a pulled folder."""


@dataclass(frozen=True, slots=True)
class PulledFile:
    """One file as it was when it was pulled."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """What was pulled.

    Attributes:
        name: as the user named it.
        source: URL, hub name, or ``local file``: paths of a machine are not kept.
        source_sha256: of the file that was converted; empty when nothing was.
        files: path in the folder → what it was.
    """

    name: str
    source: str
    source_sha256: str
    files: Mapping[str, PulledFile]

    @classmethod
    def of(cls, folder: Path, name: str, source: str, source_sha256: str = "") -> Self:
        """Describe a folder as it is now."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
        files = {
            path.relative_to(folder).as_posix(): PulledFile(sha256_of(path), path.stat().st_size) for path in paths
        }
        return cls(name, source, source_sha256, files)

    def write(self, folder: Path) -> None:
        """Keep the description beside the files."""
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what was pulled.

        Raises:
            WeightsError: the description is missing or damaged.
        """
        try:
            values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            files = {name: PulledFile(**facts) for name, facts in values.pop("files").items()}
            return cls(files=files, **values)
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise WeightsError(
                f"{folder.name}: {MANIFEST} is missing or damaged.", hint="Delete the folder and pull the model again."
            ) from error


def folder_of(cache: Path, name: str) -> Path:
    """Return the folder of a pulled model; it need not exist."""
    return cache / "models" / re.sub(r"[^A-Za-z0-9._-]+", "--", name)


def pulled_models(cache: Path) -> Iterator[Pulled]:
    """Yield what was pulled, by name of the folder; a folder without its description is passed over."""
    for path in sorted((cache / "models").glob(f"*/{MANIFEST}")):
        if not path.parent.name.endswith(".partial"):
            yield Pulled.read(path.parent)


def problems(folder: Path, pulled: Pulled) -> list[str]:
    """Return what is wrong with a pulled folder, a line a file; empty when it is as it was pulled."""
    found = []
    for name, facts in pulled.files.items():
        path = folder / name
        if not path.is_file():
            found.append(f"{name} is missing")
        elif path.stat().st_size != facts.size_bytes:
            found.append(f"{name} has {path.stat().st_size:,} bytes, not {facts.size_bytes:,}")
        elif sha256_of(path) != facts.sha256:
            found.append(f"{name} has another SHA-256 than when it was pulled")
    return found
