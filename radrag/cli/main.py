"""The ``radrag`` command: finds the subcommand, reads the settings, turns errors into exit codes.

Subcommands are imported only when they are called, so that ``radrag --help`` stays fast. Data goes to
standard output; messages and progress go to standard error. Exit codes: 0 done, 1 some inputs failed,
2 wrong usage, 3 internal error.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import click

from radrag import __version__
from radrag.errors import RadragError, UsageError

COMMANDS = {
    "demo": "Draft the sample chest radiograph, offline, and show the evidence.",
    "draft": "Draft reports for DICOM files, folders, PNG or JPEG images.",
    "batch": "Draft for whole archives: killed at any moment, resumed by the same command.",
    "embed": "Write vectors and image findings of images to a file.",
    "label": "List the findings that a report states, with exact offsets.",
    "verify": "Check a report, sentence by sentence, against evidence reports.",
    "corpus": "Fetch, add, list, show, verify and remove report collections.",
    "index": "Build, fit, list and verify search indexes.",
    "search": "Find cases like an image, a text, or both.",
    "models": "List, show, pull and verify models.",
    "eval": "Score parts of radrag against references and trivial baselines.",
    "train": "Train the models that come with radrag, on public data.",
    "audit": "Check the record, trace drafts, and ask whether scores and readers can be trusted.",
    "review": "Open the review screen in a browser.",
    "users": "Say who may open the review screen, and what they may do.",
    "listen": "Receive chest radiographs by DICOM, or from a folder, and put them into the queue.",
    "pull": "Fetch chest radiographs from a DICOMweb server and put them into the queue.",
    "export": "Write a report as text, PDF, DICOM SR, FHIR or HL7.",
    "send": "Send signed reports to PACS, FHIR servers, HL7 receivers and folders.",
    "deidentify": "Write copies of DICOM images that do not say whose they are.",
    "doctor": "Show what is installed, reachable or broken, and how to mend it.",
}
"""Command → its line in the overview; the module is ``radrag.cli.<command>``, or ``evaluate`` for ``eval``."""

MODULES = {"eval": "evaluate"}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - fixed by click
        """Return the commands in the order of a first use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"radrag.cli.{MODULES.get(cmd_name, cmd_name)}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the overview from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="radrag")
@click.option(
    "--workspace",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the database and indexes  [env: RADRAG_WORKSPACE; default: the user-data folder]",
)
@click.pass_context
def cli(ctx: click.Context, workspace: Path | None) -> None:
    """Draft chest X-ray reports that can be checked: every sentence cites the report sentences that support it.

    Research use. Drafts are preliminary until a named reader signs.
    """
    from radrag.settings import load_settings

    ctx.obj = load_settings(workspace=workspace)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    try:
        result: Any = cli.main(args=arguments, prog_name="radrag", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except UsageError as error:
        click.echo(f"Error: {error}", err=True)
        return 2
    except RadragError as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost edge
        return _internal_error(error)
    return result if isinstance(result, int) else 0


def _internal_error(error: Exception) -> int:
    """Say what broke without its text, which may carry identifiers; RADRAG_DEBUG=1 shows the traceback."""
    if os.environ.get("RADRAG_DEBUG") == "1":
        import traceback

        traceback.print_exc()
    click.echo(
        f"Internal error ({type(error).__name__}). This is a fault of radrag. "
        "Run again with RADRAG_DEBUG=1 to see where; the details may contain patient data.",
        err=True,
    )
    return 3


if __name__ == "__main__":
    main()
