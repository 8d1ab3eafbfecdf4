"""Options of ``radrag batch``: who drafts, where, and how the work is watched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.batch.remote import is_url
from radrag.cli.options import ENCODER, ENCODER_WEIGHTS
from radrag.errors import UsageError

if TYPE_CHECKING:
    from radrag.batch.values import RayOptions
    from radrag.settings import Settings


class PathOrAddress(click.ParamType[Path | str]):
    """A path, or an address in a store, such as ``s3://bucket/folder``."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:  # noqa: ARG002 - fixed by click
        """Return an address as it is, anything else as a path."""
        return value if isinstance(value, str) and is_url(value) else Path(value)


GENERATOR = click.option(
    "--generator", type=click.Choice(["compose", "mini", "vlm", "endpoint"]), help="See `radrag draft`."
)
MODEL = click.option("--model", metavar="NAME", help="Model of the generator.")
URL = click.option("--url", metavar="URL", help="Address of an OpenAI-compatible server on your own network.")
HITS = click.option("--hits", type=click.IntRange(1, 100), help="Cases that ground a draft  [default: 20]")
WORKERS = click.option("--workers", type=click.IntRange(1), help="Worker processes  [default: one a core]")
PORT = click.option("--metrics-port", type=int, help="Serve /metrics (Prometheus) and /health on 127.0.0.1.")
LOG_JSON = click.option("--log-json", is_flag=True, help="Log events as JSON lines, without identifiers, instead.")
RAY = click.option("--ray", metavar="ADDRESS", help="Draft on a Ray cluster: HOST:PORT, auto, or local.")
RAY_GPUS = click.option("--ray-gpus", type=click.FloatRange(0), help="Share of a GPU for each worker on Ray.")
BATCH = click.option("--batch", metavar="NAME", help="Name of the batch  [default: made from the paths]")
NAME = click.argument("batch", metavar="BATCH")


def drafting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say who drafts, and how the work is watched."""
    for option in reversed((ENCODER, ENCODER_WEIGHTS, GENERATOR, MODEL, URL, HITS, WORKERS, PORT, LOG_JSON)):
        function = option(function)
    return function


def on_ray(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a Ray cluster."""
    return RAY(RAY_GPUS(function))


def changed(settings: Settings, given: dict[str, Any]) -> Settings:
    """Return the settings with what :func:`drafting` was given."""
    named = {"generator_model": "model", "generator_url": "url"}
    same = ("encoder", "encoder_weights", "generator", "hits")
    return settings.with_changes(
        **{name: given[name] for name in same}, **{name: given[option] for name, option in named.items()}
    )


def cluster_of(given: dict[str, Any]) -> RayOptions | None:
    """Return what :func:`on_ray` was given; None for no cluster.

    Raises:
        UsageError: a share of GPUs without a cluster.
    """
    from radrag.batch.values import RayOptions

    if given["ray"] is None:
        if given["ray_gpus"] is not None:
            raise UsageError("--ray-gpus needs --ray.")
        return None
    return RayOptions(given["ray"], given["ray_gpus"] or 0.0)
