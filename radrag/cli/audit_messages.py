"""``radrag audit messages``: the audit log for those who collect such logs, as DICOM has it."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import click

from radrag.cli.output import JSON_OPTION, emit, say
from radrag.errors import UsageError
from radrag.settings import Settings

PEM = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("messages")
@click.option("--to", "where", required=True, metavar="TARGET", help="File, udp://HOST:PORT or tls://HOST:PORT.")
@click.option("--source", default="", help="Name of this installation  [default: the machine's]")
@click.option("--again", is_flag=True, help="Begin with the first entry instead of the first new one.")
@click.option("--authorities", type=PEM, help="PEM authorities to trust  [default: the system's]")
@click.option("--certificate", type=PEM, help="PEM certificate to show to the receiver.")
@click.option("--key", type=PEM, help="Its PEM key.")
@click.option("--insecure", is_flag=True, help="Allow udp to another machine: it is not encrypted.")
@JSON_OPTION
@click.pass_obj
def messages(
    settings: Settings,
    where: str,
    source: str,
    again: bool,
    authorities: Path | None,
    certificate: Path | None,
    key: Path | None,
    insecure: bool,
    as_json: bool,
) -> int:
    """Send the new entries of the audit log as DICOM audit messages (PS3.15 A.5, IHE ATNA).

    Into a file, a message a line, or to a syslog server by UDP or TLS. It is remembered for each target how far it
    went; a message may come twice, never not at all by tls and file. See docs/audit_messages.md.
    """
    from radrag.addresses import is_loopback
    from radrag.exchange.audit_messages import Source
    from radrag.exchange.audit_sending import parse_target, send_new
    from radrag.workspace import Workspace

    target = parse_target(where)
    if target.kind == "udp" and not insecure and not is_loopback(target.host):
        raise UsageError("udp is not encrypted.", hint="Use tls://, or say --insecure if the network is safe.")
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key belong together.")
    target = replace(target, authorities=authorities, certificate=certificate, key=key)
    reporter = Source(source or socket.gethostname(), settings.institution)
    state = settings.workspace / "audit_messages"
    count, last = send_new(Workspace(settings).store, target, reporter, state, again=again)
    if as_json:
        emit({"sent": count, "last": last})
    else:
        say(f"{count:,} message(s) sent; the last is of entry {last:,}.")
    return 0
