"""A file into a folder that others look into: written under a hidden name, then renamed, so that nobody takes half."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from radrag.exchange.delivery import Acknowledgement, NotDelivered
from radrag.exchange.destinations import FolderDestination
from radrag.store.outbox_values import Message, Trouble


def send(destination: FolderDestination, message: Message, content: bytes) -> Acknowledgement:
    """Write a file; return its ``file`` name and ``sha256``. A second delivery replaces the first by the same bytes.

    Raises:
        NotDelivered: the folder is away, full or not ours to write to.
    """
    folder, name = destination.path, message.identity
    hidden = folder / f".{name}.{message.attempts}.part"  # no two senders have the same attempt
    try:
        if not folder.is_dir():  # not made: a share that is not mounted must not be written under
            raise NotDelivered(Trouble.AWAY, "folder_away", "The folder is not there.")
        _write(hidden, content)
        os.replace(hidden, folder / name)
        _remember(folder)
        for earlier in range(1, message.attempts):  # of senders that were killed
            (folder / f".{name}.{earlier}.part").unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise NotDelivered(Trouble.AWAY, "not_writable", f"The folder cannot be written to: {reason}.") from None
    return {"file": name, "sha256": message.sha256}


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _remember(folder: Path) -> None:
    """Let the folder know the file by its name after a power cut too, where it can: shares often cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
