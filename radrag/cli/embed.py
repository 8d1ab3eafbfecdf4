"""``radrag embed``: vectors and image findings of many images to one file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.options import ENCODER, ENCODER_WEIGHTS
from radrag.cli.output import progress, say, say_refused
from radrag.disk import replacing
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    import numpy as np

    from radrag.dicom.greys import Greys
    from radrag.encoders.base import ImageEncoder

BATCH = 16
FEW = 64
"""Studies below which measuring runtimes would take longer than the work: then the network runs eagerly."""


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="File to write: .npz or .parquet."
)
@ENCODER
@ENCODER_WEIGHTS
@click.option(
    "--runtime",
    type=click.Choice(["fastest", "openvino", "bfloat16", "channels_last", "eager"]),
    help="How the encoder is run; see docs/speed.md  [default: the setting, else fastest]",
)
@click.option("--device", metavar="DEVICE", help="cpu, cuda or cuda:N  [default: cpu]")
@click.pass_obj
def command(
    settings: Settings,
    paths: tuple[Path, ...],
    out: Path,
    encoder: str | None,
    encoder_weights: Path | None,
    runtime: str | None,
    device: str | None,
) -> int:
    """Write vectors and image findings of all images in PATHS to a file.

    An .npz file has `paths` [n], `vectors` float32 [n, d] of unit norm, `labels` [l], `probabilities` float32 [n, l]
    (NaN where the encoder was not trained), `failed`, the paths that were refused, and `copies`, those of images that
    were there already. A .parquet file has the same by row: `path`, `vector`, a column a label; `failed` and `copies`
    are in its metadata.
    """
    from radrag.dicom.read import find_studies
    from radrag.dicom.stream import load_studies
    from radrag.encoders.preprocessing import enough_side
    from radrag.encoders.runtime import FASTEST, hasten
    from radrag.workspace import Workspace

    if out.suffix not in FORMATS:
        raise UsageError(f"{out}: the name must end in {' or '.join(FORMATS)}.")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent} is not a folder.")
    wanted = runtime or (settings.runtime if "runtime" in settings.model_fields_set else FASTEST)
    given = {"encoder": encoder, "encoder_weights": encoder_weights, "device": device}
    changed = settings.with_changes(**given, runtime="eager")  # the runtime is taken below, and said
    studies, refusals = find_studies(paths, salt=settings.salt())
    say_refused(refusals)
    failed = [refusal.path for refusal in refusals]
    copies: list[str] = []
    if not studies:
        return 1
    image_encoder = Workspace(changed).image_encoder
    if wanted == FASTEST and len(studies) < FEW:
        wanted = "eager"
    taken = hasten(image_encoder, wanted, cache=settings.cache)
    if taken:
        say(f"Runtime: {taken.name}{f' ({taken.note})' if taken.note else ''}.")
    table = EmbeddingTable(image_encoder)
    with progress("Encoding studies", len(studies)) as advance:
        loaded = load_studies(studies, side=enough_side(image_encoder.card.input_size))
        for files, study in zip(studies, loaded, strict=True):
            say_refused(study.refusals)
            refused = [refusal.path for refusal in study.refusals]
            failed += refused
            for image in study.images:
                table.add(image.image.path, image.greys, image.image.view)
            known = {*refused, *(image.image.path for image in study.images)}
            copies += [path for path in map(str, files.paths) if path not in known]
            advance(1)
    for path in copies:
        say(f"Left out {path}: it is a copy of an image that was encoded.")
    table.write(out, {"failed": failed, "copies": copies})
    say(f"{out}: {len(table)} images encoded, {len(failed)} failed, {len(copies)} left out as copies.")
    return 1 if failed else 0


class EmbeddingTable:
    """Collects images, encodes them in batches, writes them as one file."""

    def __init__(self, encoder: ImageEncoder) -> None:
        self._encoder = encoder
        self._waiting: list[tuple[str, Any, Any]] = []
        self._paths: list[str] = []
        self._vectors: list[np.ndarray] = []
        self._probabilities: list[list[float]] = []
        self._labels: list[str] = []

    def __len__(self) -> int:
        return len(self._paths) + len(self._waiting)

    def add(self, path: str, image: Greys, view: object) -> None:
        """Add one display image."""
        self._waiting.append((path, image, view))
        if len(self._waiting) == BATCH:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        paths, images, views = zip(*self._waiting, strict=True)
        encoding = self._encoder.encode(list(images), list(views))
        self._paths += paths
        self._vectors.append(encoding.vectors)
        for findings in encoding.findings:
            self._labels = [finding.label for finding in findings]
            self._probabilities.append(
                [finding.probability if finding.trained else float("nan") for finding in findings]
            )
        self._waiting.clear()

    def write(self, out: Path, without: Mapping[str, list[str]]) -> None:
        """Write the table, all or nothing, in the format that the name's ending says.

        Args:
            without: why → paths that have no row.
        """
        self._flush()
        with replacing(out) as part:
            FORMATS[out.suffix](self, part, without)

    def write_npz(self, path: Path, without: Mapping[str, list[str]]) -> None:
        """Write numpy arrays: paths, vectors, labels, probabilities, and the paths without a row."""
        import numpy as np

        others: dict[str, Any] = {why: np.array(paths, dtype=str) for why, paths in without.items()}
        with path.open("wb") as file:
            np.savez_compressed(
                file,
                paths=np.array(self._paths, dtype=str),
                vectors=np.concatenate(self._vectors) if self._vectors else np.zeros((0, 0), np.float32),
                labels=np.array(self._labels, dtype=str),
                probabilities=np.array(self._probabilities, dtype=np.float32),
                **others,
            )

    def write_parquet(self, path: Path, without: Mapping[str, list[str]]) -> None:
        """Write a row an image: path, vector, a column a label; the paths without a row are in the metadata."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        vectors = [vector for batch in self._vectors for vector in batch]
        columns = {
            "path": pa.array(self._paths, pa.string()),
            "vector": pa.array(vectors, pa.list_(pa.float32())),
        }
        for number, label in enumerate(self._labels):
            columns[label] = pa.array([row[number] for row in self._probabilities], pa.float32())
        table = pa.table(columns).replace_schema_metadata({why: json.dumps(paths) for why, paths in without.items()})
        pq.write_table(table, path)


FORMATS: dict[str, Callable[[EmbeddingTable, Path, Mapping[str, list[str]]], None]] = {
    ".npz": EmbeddingTable.write_npz,
    ".parquet": EmbeddingTable.write_parquet,
}
