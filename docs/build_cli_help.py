"""Write docs/cli.md from every command's --help; with --check, fail when the file is stale."""

import sys
from pathlib import Path

import click

from radrag.cli.main import cli

TARGET = Path(__file__).with_name("cli.md")


def sections(command: click.Command, path: list[str], parent: click.Context | None) -> list[str]:
    """Return the help of a command and of everything below it."""
    context = click.Context(command, info_name=path[-1], parent=parent, max_content_width=100, terminal_width=100)
    found = [f"## {' '.join(path)}\n\n```\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                found += sections(below, [*path, name], context)
    return found


def main() -> int:
    """Write or check the file."""
    text = "# Command line\n\nMade by `make docs` from the help texts.\n\n" + "\n".join(sections(cli, ["radrag"], None))
    if "--check" not in sys.argv:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.exists() or TARGET.read_text(encoding="utf-8") != text:
        sys.stderr.write("docs/cli.md is stale: run `make docs`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
