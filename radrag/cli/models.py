"""``radrag models``: which models there are, what is known of them, and which are on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.output import JSON_OPTION, emit, progress, say, table
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.models.card import ModelCard


@click.group()
def command() -> None:
    """List, show, pull and verify models; only `pull` uses the network."""


@command.command("list")
@JSON_OPTION
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the models: those with a name of their own, then pulled ones.

    A Hugging Face model needs no name of its own: give its folder as hf:FOLDER wherever an encoder is named.
    """
    rows = list(_known(settings))
    if as_json:
        emit(rows)
    else:
        cells = [
            (
                row["name"],
                row["task"],
                row["weights"],
                f"{row['dimension']:,}" if row["dimension"] else "",
                row["about"],
            )
            for row in rows
        ]
        click.echo(table(("name", "task", "weights", "vector", "about"), cells, right=(3,)))


def _known(settings: Settings) -> Iterator[dict[str, Any]]:
    from radrag.models import registry
    from radrag.models.pulled import pulled_models

    pulled = {model.name: model for model in pulled_models(settings.cache)}
    for name, entry in registry.REGISTRY.items():
        weights = "shipped" if entry.shipped else "pulled" if name in pulled else "not here"
        card = entry.card()
        yield {
            "name": name,
            "task": entry.task,
            "weights": weights,
            "dimension": card.dimension,
            "findings": len(card.trained),
            "about": entry.about,
        }
    for name, model in pulled.items():
        if name not in registry.REGISTRY:
            facts = {"dimension": 0, "findings": 0, "about": model.source}
            yield {"name": name, "task": "image or text", "weights": "pulled", **facts}


@command.command()
@click.argument("name")
@JSON_OPTION
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show the card of the model NAME: what it takes and returns, its labels, licence, source, scores, limits.

    For hf:FOLDER or hf:OWNER/NAME the model is loaded to write its card.
    """
    cards = _cards(settings, name)
    if as_json:
        emit([card.to_dict() for card in cards] if len(cards) > 1 else cards[0].to_dict())
        return
    from radrag.models.describe import facts

    for card in cards:
        click.echo(table(("", card.name), facts(card)))


def _cards(settings: Settings, name: str) -> list[ModelCard]:
    """Return the card, or both of a Hugging Face model with an image and a text tower."""
    from radrag.encoders import load_image_encoder, load_text_encoder
    from radrag.errors import MissingDependency, WeightsError
    from radrag.models import registry

    if not name.startswith(registry.HUGGING_FACE):
        return [registry.entry(name).card()]
    found: list[ModelCard] = []
    refused: list[WeightsError | MissingDependency] = []
    for load in (load_image_encoder, load_text_encoder):
        try:
            found.append(load(name, cache=settings.cache).card)
        except (WeightsError, MissingDependency) as error:  # no such tower, perhaps the other one
            refused.append(error)
    if not found:
        raise refused[0]
    return found


@command.command()
@click.argument("name")
@click.option("--from", "origin", default="", metavar="PATH_OR_URL", help="Take it from here instead.")
@click.option("--sha256", default="", help="Refuse another file than this one.")
@JSON_OPTION
@click.pass_obj
def pull(settings: Settings, name: str, origin: str, sha256: str, as_json: bool) -> None:
    """Bring the model NAME (xrv:… or hf:OWNER/NAME) into the workspace's cache.

    A download that was cut off goes on where it stopped. Weights are kept as safetensors: pickles are read without
    running them, and refused when they hold anything but tensors or a torchxrayvision DenseNet. On a machine without
    network, copy the file (for hf: the folder) there and give it with --from.
    """
    from radrag.models.pull import pull as bring

    with progress(f"Pulling {name}, bytes") as advance:
        found = bring(name, settings.cache, origin=origin, sha256=sha256, progress=advance)
    size = sum(file.size_bytes for file in found.files.values())
    if as_json:
        emit({"name": name, "source": found.source, "files": sorted(found.files), "size_bytes": size})
    else:
        say(f"{name}: {len(found.files)} files, {size / 1e6:,.0f} MB. Use it with --encoder {name}.")


@command.command()
@click.argument("name", required=False)
@JSON_OPTION
@click.pass_obj
def verify(settings: Settings, name: str | None, as_json: bool) -> int:
    """Check files against their SHA-256: of the model NAME, or of every model here; exit 1 when one is damaged."""
    from radrag.errors import MissingModel

    checked = [(model, wrong) for model, wrong in _checked(settings) if name in (None, model)]
    if name and not checked:
        from radrag.models import registry

        if not name.startswith(registry.HUGGING_FACE):
            registry.entry(name)  # says so when there is no such model
        raise MissingModel(f"The model {name!r} is not here.", hint=f"Get it with `radrag models pull {name}`.")
    if as_json:
        emit([{"name": model, "ok": not wrong, "problems": wrong} for model, wrong in checked])
    else:
        for model, wrong in checked:
            click.echo(f"{'damaged' if wrong else 'ok':8s}{model}" + "".join(f"\n        {line}" for line in wrong))
    return 1 if any(wrong for _, wrong in checked) else 0


def _checked(settings: Settings) -> Iterator[tuple[str, list[str]]]:
    from radrag.encoders import load_image_encoder, load_text_encoder
    from radrag.errors import RadragError
    from radrag.models import registry
    from radrag.models.pulled import folder_of, problems, pulled_models

    for name, entry in registry.REGISTRY.items():
        if entry.shipped:  # loading checks the SHA-256 of every file
            load = load_image_encoder if entry.task == registry.IMAGE_TASK else load_text_encoder
            try:
                load(name, cache=settings.cache)
            except RadragError as error:
                yield name, [str(error)]
            else:
                yield name, []
    for model in pulled_models(settings.cache):
        yield model.name, problems(folder_of(settings.cache, model.name), model)
