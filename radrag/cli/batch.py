"""``radrag batch``: many studies to drafts; can be ended at any moment and resumed by the same command."""

from __future__ import annotations

import hashlib
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radrag.cli.batch_options import BATCH, NAME, PathOrAddress, changed, cluster_of, drafting, on_ray
from radrag.cli.batch_progress import batch_progress, summary
from radrag.cli.output import JSON_OPTION, emit, say, table
from radrag.cli.signals import handled_by
from radrag.errors import UsageError
from radrag.settings import Settings

if TYPE_CHECKING:
    from radrag.batch.local import LocalRun
    from radrag.batch.values import Event
    from radrag.store.job_values import BatchStatus
    from radrag.workspace import Workspace


class WithDefault(click.Group):
    """A group whose command ``run`` need not be named; a folder called like a command is given as ``./status``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put ``run`` before arguments that name no command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=WithDefault)
def command() -> None:
    """Draft many studies: radrag batch PATH... Give the same command again to resume.

    Each study is drafted once for the present encoder, index and generator, however often and by however many
    commands it is asked for. Drafts are kept in the workspace, as preliminary, for review.
    """


@command.command()
@click.argument("paths", nargs=-1, type=PathOrAddress())
@click.option("--query", metavar="QUERY", help="Studies known already, such as since=12h,draft=none (docs/batch.md).")
@click.option("--out", type=PathOrAddress(), help="Folder for BATCH.jsonl, or an address of one in a store.")
@click.option("--parquet", is_flag=True, help="Write BATCH.parquet beside it.")
@BATCH
@click.option("--priority", default=100, show_default=True, help="Lower comes first.")
@click.option("--limit", type=click.IntRange(1), help="Submit the first N studies only.")
@click.option("--indication", default="", metavar="TEXT", help="Why the studies were asked for.")
@drafting
@on_ray
@JSON_OPTION
@click.pass_obj
def run(settings: Settings, /, paths: tuple[Path | str, ...], **given: Any) -> int:
    """Draft all studies in PATHS: files, folders, addresses (s3://BUCKET/FOLDER), and manifests of them.

    A manifest is a .txt file of paths, or a .csv file with columns path and, if you like, indication.

    A file that cannot be drafted does not stop the others: `radrag batch report` names it. SIGTERM or Ctrl-C lets
    the workers finish what they have begun; a second Ctrl-C ends them at once. The exit code is 1 if anything was
    refused or given up.
    """
    from radrag.batch.local import LocalRun, Plan
    from radrag.batch.query import parse_query
    from radrag.batch.remote import join, put
    from radrag.batch.results import write_parquet
    from radrag.store.job_values import JobState
    from radrag.workspace import Workspace

    query = parse_query(given["query"]) if given["query"] is not None else None
    if not paths and query is None:
        raise UsageError("Which studies?", hint="Name files, folders or manifests, or give --query.")
    name = given["batch"] or name_of(paths, given["query"] or "")
    out: Path | str | None = given["out"]
    if given["parquet"] and out is None:
        raise UsageError("--parquet needs --out.")
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum() or name.startswith("."):
        raise UsageError("The name of a batch is of letters, digits, '-', '_' and '.'.")
    folder = settings.cache / "results" if isinstance(out, str) else out
    lines = folder / f"{name}.jsonl" if folder else None
    workspace = Workspace(changed(settings, given))
    plan = Plan(
        name,
        paths,
        query=query,
        workers=given["workers"] or 0,
        ray=cluster_of(given),
        out=lines,
        priority=given["priority"],
        indication=given["indication"],
        limit=given["limit"],
    )
    say(f"Batch {name}.")
    with _watched(given) as (tell, watch), batch_progress(f"Batch {name}") as bar:

        def show(status: BatchStatus, workers: int) -> None:
            watch(status, workers)
            if not given["log_json"]:
                bar(status, workers)

        made = LocalRun(workspace, plan, tell=tell, show=show)
        with _stopping(made):
            status = made.run()
    written = [lines] if lines else []
    if lines and given["parquet"]:
        written.append(lines.with_suffix(".parquet"))
        write_parquet(lines, written[-1])
    if isinstance(out, str):
        for file in written:
            put(file, join(out, file.name))
    _say_end(made, status)
    if given["as_json"]:
        emit(status_to_dict(status))
    elif lines:
        click.echo(join(out, lines.name) if isinstance(out, str) else lines)
    if made.stopped and status.open:
        return 130
    return 1 if status.counts[JobState.PARKED] or status.counts[JobState.REFUSED] else 0


@command.command()
@drafting
@click.option("--batch", metavar="NAME", default="", help="Serve this batch only  [default: all]")
@click.option("--stay", is_flag=True, help="Wait for jobs instead of ending when there are none.")
@click.pass_obj
def work(settings: Settings, /, **given: Any) -> int:
    """Draft what is in the queue, as on one more machine that uses the same database.

    Jobs that were submitted for another index, encoder, generator or seed than this workspace's are left alone.
    """
    from radrag.batch.crew import Crew
    from radrag.batch.values import WorkerOptions
    from radrag.workspace import Workspace

    workspace = Workspace(changed(settings, given))
    with _watched(given) as (tell, watch):
        options = WorkerOptions(batch=given["batch"], stay=given["stay"])
        crew = Crew(workspace.settings, workspace.store, workers=given["workers"] or 0, options=options, tell=tell)
        crew.start()
        with _stopping(crew):
            while crew.watch(1.0):
                if given["batch"] and given["metrics_port"] is not None:
                    watch(workspace.store.batch_status(given["batch"]), crew.size)
    return 0


@command.command()
@click.argument("batch", metavar="[BATCH]", required=False)
@JSON_OPTION
@click.pass_obj
def status(settings: Settings, batch: str | None, as_json: bool) -> int:
    """Show how far BATCH is, or all batches are."""
    from radrag.store.job_values import JobState

    store = _workspace(settings).store
    found = [store.batch_status(name) for name in ([batch] if batch else store.batches())]
    if batch and not found[0].total:
        raise UsageError(f"There is no batch {batch!r}.", hint="List them with: radrag batch status")
    if as_json:
        for one in found:
            emit(status_to_dict(one))
    else:
        rows = [[one.batch, *(f"{one.counts[state]:,}" for state in JobState)] for one in found]
        click.echo(table(["batch", *JobState], rows, right=range(1, len(JobState) + 1)))
    return 0


@command.command()
@NAME
@click.pass_obj
def retry(settings: Settings, batch: str) -> int:
    """Let what BATCH gave up, or was cancelled, be tried again by the next command or worker."""
    say(f"{_workspace(settings).store.retry_batch(batch):,} studies wait again.")
    return 0


@command.command()
@NAME
@click.pass_obj
def cancel(settings: Settings, batch: str) -> int:
    """Let BATCH no longer ask for what is not drafted; studies that another batch asks for too are drafted for that."""
    store = _workspace(settings).store
    say(f"{store.cancel_batch(batch, now=store.now()):,} studies let go.")
    return 0


@command.command()
@NAME
@click.pass_obj
def report(settings: Settings, batch: str) -> int:
    """Print what BATCH could not draft, a JSON object a line: files, state, code and reason. The files are named."""
    from radrag.store.job_values import JobState

    for job in _workspace(settings).store.iter_jobs(batch, [JobState.PARKED, JobState.REFUSED, JobState.WAITING]):
        if job.error_code:
            files = [file[0] for file in job.source["files"]]
            told = {"job": job.id, "trace": job.trace, "state": job.state, "code": job.error_code, "reason": job.error}
            emit(told | {"failures": job.failures, "crashes": job.crashes, "files": files})
    return 0


def name_of(paths: tuple[Path | str, ...], query: str = "") -> str:
    """Return the name of a batch that was given none: the same for the same paths and query."""
    named = "\n".join(sorted(path if isinstance(path, str) else str(path.absolute()) for path in paths))
    named = f"{named}\n{query}" if query else named
    return f"batch-{hashlib.sha256(named.encode(errors='surrogateescape')).hexdigest()[:8]}"


def status_to_dict(status: BatchStatus) -> dict[str, Any]:
    """Return a batch's counts as plain values."""
    counts = {state.value: count for state, count in status.counts.items()}
    return {"batch": status.batch, "total": status.total, **counts, "reasons": dict(status.reasons)}


def _workspace(settings: Settings) -> Workspace:
    from radrag.workspace import Workspace

    return Workspace(settings)


def _stopping(target: LocalRun | Any) -> AbstractContextManager[None]:
    """Let SIGTERM and Ctrl-C stop in order, and a second Ctrl-C at once."""
    asked = 0

    def stop(number: int) -> None:
        nonlocal asked
        asked += 1
        if asked > 1 and number == signal.SIGINT:
            target.kill()
            return
        say("Stopping: studies in work are finished. Ctrl-C again ends at once.")
        target.stop()

    return handled_by(stop)


@contextmanager
def _watched(given: dict[str, Any]) -> Iterator[tuple[Callable[[Event], None], Callable[[BatchStatus, int], None]]]:
    """Yield what takes events, and what takes the state of the batch, for logs, metrics and the terminal."""
    from radrag.batch.watching import JsonLog, Metrics, serve

    listeners: list[Callable[[Event], None]] = [JsonLog(sys.stderr) if given["log_json"] else _say_event]
    health: dict[str, Any] = {"ok": True, "workers": 0}
    metrics, server = None, None
    if given["metrics_port"] is not None:
        metrics = Metrics()
        listeners.append(metrics)
        server = serve(given["metrics_port"], metrics, lambda: dict(health))
        say(f"Metrics: http://127.0.0.1:{server.server_port}/metrics")

    def tell(event: Event) -> None:
        if event.kind in ("paused", "resumed"):
            health["ok"] = event.kind == "resumed"
        for listener in listeners:
            listener(event)

    def watch(status: BatchStatus, workers: int) -> None:
        health["workers"] = workers
        if metrics is not None:
            metrics.set(status, workers)

    try:
        yield tell, watch
    finally:
        if server is not None:
            server.shutdown()


def _say_event(event: Event) -> None:
    """Say what the person at the terminal should know now."""
    if event.kind == "paused":
        say(f"Waiting: {event.message}")
    elif event.kind == "resumed":
        say("Going on.")
    elif event.kind == "crashed":
        say(f"A worker crashed ({event.code}); its studies are tried again, the one to blame alone.")


def _say_end(made: LocalRun, status: BatchStatus) -> None:
    if made.submission is not None and made.submission.dropped:
        say(f"{made.submission.dropped:,} studies that waited for an earlier index or model were let go.")
    say(f"Batch {status.batch}: {summary(status)}.")
    if status.reasons:
        named = ", ".join(f"{count:,} {code}" for code, count in status.reasons.items())
        say(f"Not drafted: {named}. See: radrag batch report {status.batch}")
    if made.stopped and status.open:
        say("Give the same command again to resume.")
