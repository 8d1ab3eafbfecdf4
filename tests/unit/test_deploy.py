"""The files of deploy/ fit the command line, the packages and each other."""

import re
import tomllib
from pathlib import Path

import click
import kubernetes_validate
import pytest
import yaml

from radrag.cli.main import cli

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
VARIABLE = re.compile(r"\$\{(\w+)(?::[?-][^}]*)?\}")


def parsed(arguments):
    """Parse a command line down to its last subcommand, without running it."""
    group, context, rest = cli, None, list(arguments)
    while isinstance(group, click.Group):
        context = group.make_context(group.name or "radrag", rest, parent=context)
        rest = [*context._protected_args, *context.args]
        _, group, rest = group.resolve_command(context, rest)
    return group.make_context(group.name, rest, parent=context)


def radrags():
    """Every command line of radrag in the files, with the example's values."""
    example = dict(line.split("=", 1) for line in example_lines())
    for name, service in COMPOSE["services"].items():
        if service.get("image") == "radrag" and "command" in service:
            yield (
                f"compose {name}",
                [VARIABLE.sub(lambda found: example[found[1]], part) for part in service["command"]],
            )
    for document in KUBERNETES:
        if document["kind"] == "Deployment":
            (container,) = document["spec"]["template"]["spec"]["containers"]
            yield f"kubernetes {container['name']}", container["args"]


def example_lines():
    text = (DEPLOY / "example.env").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(("where", "arguments"), radrags())
def test_every_command_line_is_one_that_radrag_takes(where, arguments):
    context = parsed(arguments)
    if context.command.name == "review":
        from radrag.cli.review import placed

        given = context.params
        placed(given["host"], names=given["names"], certificate=None, key=None, proxy=given["proxy"])
    if context.command.name == "listen":
        from radrag.exchange.peers import parse_peer

        assert [parse_peer(peer) for peer in context.params["allow"]]


@pytest.mark.parametrize("document", KUBERNETES, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_kubernetes_takes_every_object(document):
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_services_and_ingress_name_what_there_is():
    named = {(one["kind"], one["metadata"]["name"]): one for one in KUBERNETES}
    for (kind, _), one in named.items():
        if kind == "Service":
            (deployment,) = [
                named["Deployment", name]
                for (what, name) in named
                if what == "Deployment" and named[what, name]["metadata"]["labels"] == one["spec"]["selector"]
            ]
            (container,) = deployment["spec"]["template"]["spec"]["containers"]
            ports = {port["name"] for port in container["ports"]}
            assert {port["targetPort"] for port in one["spec"]["ports"]} <= ports
    (rule,) = named["Ingress", "review"]["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert ("Service", backend["name"]) in named


def test_every_variable_of_the_compose_file_is_in_the_example():
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert {found[1] for found in VARIABLE.finditer(text)} == {line.split("=")[0] for line in example_lines()}


def test_nothing_is_open_to_the_network_unless_the_example_is_changed():
    ports = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(":-127.0.0.1}" in port for port in ports)


def test_the_image_is_made_of_files_and_extras_that_exist():
    for sources in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.M):
        assert all((ROOT / source).exists() for source in sources.split())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"'\.\[(.+?)\]'", DOCKERFILE)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
