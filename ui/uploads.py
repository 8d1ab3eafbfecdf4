"""Studies given to the page: put into the queue, drafted by a process of their own, and how far that is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

import streamlit as st

from radrag.errors import RadragError
from radrag.store.job_values import BatchStatus, JobState
from ui import cards, state

if TYPE_CHECKING:
    from radrag.batch.queue import Queue

BATCH = "screen"
PRIORITY = 10
"""Someone waits for it: before the batches of the night."""
LOOK_SECONDS = 2.0
PAUSE_SECONDS = 30.0


def show() -> None:
    """Offer to draft for files of the reader's machine."""
    turn = st.session_state.get("upload-turn", 0)
    with st.popover(
        "Upload", icon=":material/upload_file:", help="DICOM, PNG or JPEG of one or more studies", key=f"upload-{turn}"
    ):
        with st.form("upload", border=False, clear_on_submit=True):
            files = st.file_uploader("Radiographs", accept_multiple_files=True, key="upload-files")
            indication = st.text_input("Indication", key="upload-indication", max_chars=500)
            wanted = st.form_submit_button("Draft", key="upload-draft", type="primary", icon=":material/draw:")
        if wanted and files:
            _submit([(one.name, one.getvalue()) for one in files], indication)
        elif wanted:
            st.html(cards.notice("Nothing to draft", "Choose a file first.", kind="info"))


def _submit(files: list[tuple[str, bytes]], indication: str) -> None:
    try:
        with st.spinner("Looking at the files …"):
            paths = [_queue().receive(name, content) for name, content in files]
            # A batch waits for one index: what is left of an older one is let go by this.
            done = _queue().submit(paths, batch=BATCH, priority=PRIORITY, indication=indication.strip())
    except RadragError as error:
        st.html(cards.notice("Not taken", str(error), kind="error"))
        return
    if done.studies:
        _worker().wake()
    st.session_state["uploads"] = [str(path) for path in paths]
    st.session_state["upload-turn"] = st.session_state.get("upload-turn", 0) + 1  # closes the panel
    st.rerun()


@st.cache_resource(max_entries=1, show_spinner=False)
def _queue() -> Queue:
    from radrag.batch.queue import Queue

    return Queue(state.workspace())


class _Worker:
    """The process that drafts what was uploaded; it ends when there is nothing left."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def wake(self) -> None:
        """Start it, unless it runs, or has just been started and failed."""
        if self._process is not None and (
            self._process.poll() is None or (self.failed and time.monotonic() - self._started < PAUSE_SECONDS)
        ):
            return
        self._started = time.monotonic()
        command = [sys.executable, "-m", "radrag", "--workspace", str(state.settings().workspace)]
        self._process = subprocess.Popen(
            [*command, "batch", "work", "--batch", BATCH, "--workers", "1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    @property
    def failed(self) -> bool:
        """Whether it ended by an error."""
        return self._process is not None and bool(self._process.poll())


@st.cache_resource(max_entries=1, show_spinner=False)
def _worker() -> _Worker:
    return _Worker()


def progress() -> None:
    """Show how far uploads are while there are open ones, and then what became of them."""
    try:
        waits = state.store().batch_status(BATCH).open > 0
    except RadragError:
        return  # the page itself says it
    if waits or "uploads" in st.session_state:
        _progress()


@st.fragment(run_every=LOOK_SECONDS)
def _progress() -> None:
    try:
        status = state.store().batch_status(BATCH)
    except RadragError:
        return  # the page itself says it
    before = st.session_state.get("uploads-open", 0)
    st.session_state["uploads-open"] = status.open
    if status.open:
        ended = status.total - status.open
        st.progress(ended / status.total, text=in_words(status))
        if _worker().failed:
            st.html(cards.notice("Drafting has stopped", "It is tried again; radrag doctor says what is wrong."))
        _worker().wake()  # also after a restart of the server: jobs outlive it
    elif before:
        st.rerun()  # the list has new drafts
    elif paths := st.session_state.get("uploads"):
        for reason in _troubles(paths):
            st.html(cards.notice("Not drafted", reason, kind="warning"))


def _troubles(paths: Collection[str]) -> list[str]:
    """Return why files that were uploaded last were not drafted, each reason once."""
    jobs = state.store().iter_jobs(BATCH, [JobState.REFUSED, JobState.PARKED])
    mine = [job.error for job in jobs if any(file[0] in paths for file in job.source["files"])]
    return list(dict.fromkeys(mine))


def in_words(status: BatchStatus) -> str:
    """Return how far a batch is."""
    counts = status.counts
    return f"Drafting: {counts[JobState.DONE]} done, {status.open} to go" + _more(counts[JobState.REFUSED], "refused")


def _more(count: int, what: str) -> str:
    return f", {count} {what}" if count else ""
