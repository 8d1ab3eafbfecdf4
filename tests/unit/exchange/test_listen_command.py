"""The command says what it lacks, before anything listens."""

import socket

import pytest
from click.testing import CliRunner
from exchange_support import Running

from radrag.cli.listen import command
from radrag.errors import RadragError, UsageError
from radrag.settings import load_settings


def listen(folder, *arguments):
    return CliRunner().invoke(command, [str(one) for one in arguments], obj=load_settings(workspace=folder))


def test_without_anybody_allowed_nothing_is_listened_for(tmp_path):
    result = listen(tmp_path)
    assert isinstance(result.exception, UsageError) and "--allow" in str(result.exception)
    assert not (tmp_path / "quarantine").exists()


@pytest.mark.parametrize(
    "arguments", [["--allow", "PACS"], ["--allow", "PACS@127.0.0.1", "--title", "A TITLE THAT IS TOO LONG"]]
)
def test_a_name_that_cannot_be_is_a_usage_error(tmp_path, arguments):
    assert isinstance(listen(tmp_path, *arguments).exception, UsageError)


def test_a_port_that_is_taken_is_said_and_the_workspace_is_free_again(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        result = listen(tmp_path, "--allow", "PACS@127.0.0.1", "--port", other.getsockname()[1])
    assert isinstance(result.exception, RadragError) and result.exception.code == "listen"
    with Running(tmp_path):
        pass


def test_a_workspace_that_somebody_receives_for_is_not_taken_over(tmp_path):
    with Running(tmp_path / "workspace"):
        result = listen(tmp_path / "workspace", "--allow", "PACS@127.0.0.1")
    assert isinstance(result.exception, RadragError) and "Another process" in str(result.exception)
