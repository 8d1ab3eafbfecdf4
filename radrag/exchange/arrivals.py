"""From quarantine to inbox: an image is written whole, looked at, and only then moved in, under its content's hash."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from radrag.batch.values import inbox_of
from radrag.dicom.boundary import refusing
from radrag.dicom.deidentify import patient_key
from radrag.dicom.header import Header, read_header, text
from radrag.dicom.quality import check_header
from radrag.dicom.read import load_image
from radrag.errors import RadragError, RefusalCode, StudyRefused
from radrag.exchange.ledger import Instance, Ledger

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class ListenError(RadragError):
    """Nothing can be received."""

    code = "listen"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one image.

    Attributes:
        code: ``stored``; ``known`` when it was here already; ``duplicate_instance`` when another image of the same
            SOP Instance UID was: it is kept apart, in ``quarantine/conflicts``; ``mismatch`` when it is not the
            object that was announced; ``disk_full``; ``disk``; or a :class:`RefusalCode`.
        reason: for people; nothing in it identifies a patient.
        size: bytes of the file.
    """

    code: str
    reason: str = ""
    size: int = 0

    @property
    def kept(self) -> bool:
        """Whether the image is in the inbox."""
        return self.code in ("stored", "known")


class Arrivals:
    """The way into a workspace's inbox, for one process at a time; its threads share it.

    Args:
        workspace: its folder.
        salt: secret for the keys of patients, studies and instances.

    Raises:
        ListenError: another process receives for this workspace, or it cannot be written to.
    """

    def __init__(self, workspace: Path, *, salt: str) -> None:
        self._salt = salt
        self.inbox = inbox_of(workspace)
        self._quarantine = workspace / "quarantine"
        self._conflicts = self._quarantine / "conflicts"
        self._moving = threading.Lock()  # two senders may have the same image
        try:
            for folder in (self.inbox, self._quarantine, self._conflicts):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._quarantine / "lock", os.O_CREAT | os.O_WRONLY, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for half in self._quarantine.glob("*.part"):  # of a process that was killed; its sender was told nothing
                half.unlink()
            self.ledger = Ledger(self._quarantine / "arrivals.sqlite")
        except BlockingIOError:
            os.close(self._lock)
            raise ListenError(
                "Another process receives for this workspace.", hint="Stop it, or give another --workspace."
            ) from None
        except (OSError, sqlite3.Error) as error:
            message = f"The folders for images that arrive cannot be made ready: {type(error).__name__}."
            raise ListenError(message, hint="Look whether the disk is full and the workspace is yours.") from None

    def close(self) -> None:
        """Let another process receive."""
        self.ledger.close()
        os.close(self._lock)

    def instance_key(self, sop_instance_uid: str) -> str:
        """Return the salted hash under which the ledger knows an image."""
        return self.key_of("instance", sop_instance_uid)

    def key_of(self, *parts: str) -> str:
        """Return a salted hash that stands for something that may identify a patient."""
        return hashlib.sha256("\0".join((self._salt, *parts)).encode(errors="surrogateescape")).hexdigest()

    def take(self, parts: Iterable[bytes | memoryview], *, announced: tuple[str, str] | None = None) -> Taken:
        """Write a DICOM file to the quarantine, look at it and move it into the inbox. Never half a file is left.

        Args:
            parts: the file's bytes.
            announced: SOP Class UID and SOP Instance UID that the sender named, if one did; the data set must carry
                the same.
        """
        part = self._quarantine / f"{uuid.uuid4().hex}.part"
        size = 0
        try:
            digest, size = _write(part, parts)
            return self._judge(part, digest, size, announced)
        except StudyRefused as refusal:
            return Taken(refusal.code, refusal.reason, size)
        except OSError as error:
            return Taken("disk_full" if error.errno in _FULL else "disk", error.strerror or "", size)
        except sqlite3.Error as error:  # SQLITE_FULL is the usual one; the sender keeps the image in any case
            return Taken("disk_full" if "full" in str(error) else "disk", "The ledger cannot be written.", size)
        finally:
            part.unlink(missing_ok=True)

    def _judge(self, part: Path, digest: str, size: int, announced: tuple[str, str] | None) -> Taken:
        with refusing(part, RefusalCode.BAD_HEADER, "the header cannot be read"):
            header = read_header(part)
            uids = [text(header.dataset, name) for name in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")]
            if announced is not None and tuple(uids[:2]) != announced:
                return Taken("mismatch", "The data set is not the object that was announced.", size)
            check_header(header, part.name)
        if not all(uids):
            return Taken(RefusalCode.BAD_HEADER.value, "The data set lacks a UID of class, instance or study.", size)
        instance = self._instance(part, header, digest)
        with self._moving:
            return Taken(*self._admit(part, instance), size)

    def _admit(self, part: Path, instance: Instance) -> tuple[str, str]:
        known = self.ledger.find(instance.uid)
        if known is None:
            _move(part, self.inbox / instance.file)
            self.ledger.add(instance)
            return "stored", ""
        place = self.inbox / known.file
        if known.content == instance.content:
            if not place.exists():  # somebody removed it
                _move(part, place)
            return "known", ""
        if known.study == instance.study and _same_pixels(place, part):
            return "known", "It is here in another transfer syntax."
        _move(part, self._conflicts / instance.file)
        message = "Another image with this SOP Instance UID is here; this one is kept in quarantine/conflicts."
        return "duplicate_instance", message

    def _instance(self, part: Path, header: Header, digest: str) -> Instance:
        dataset = header.dataset
        patient = patient_key(self._salt, text(dataset, "PatientID"), text(dataset, "IssuerOfPatientID"))
        return Instance(
            uid=self.instance_key(text(dataset, "SOPInstanceUID")),
            sop_class=text(dataset, "SOPClassUID"),
            file=f"{digest}.dcm",
            content=_content(part),
            study=self.key_of("study", text(dataset, "StudyInstanceUID"), patient),
        )


def _write(path: Path, parts: Iterable[bytes | memoryview]) -> tuple[str, int]:
    """Write a file down to the disk; return its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        for part in parts:
            view = memoryview(part).cast("B")
            digest.update(view)
            while view:
                written = file.write(view)
                size += written
                view = view[written:]
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def _move(part: Path, target: Path) -> None:
    """Give a file its name, so that it has it after a power cut too."""
    os.replace(part, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _content(path: Path) -> str:
    """Return the SHA-256 of a file's data set: who wrote the meta information before it does not count."""
    with path.open("rb") as file:
        start = file.read(144)
        meta = start[128:140] == b"DICM\x02\x00\x00\x00UL\x04\x00"  # (0002,0000), its length, is always first
        file.seek(144 + int.from_bytes(start[140:], "little") if meta else 0)
        return hashlib.file_digest(file, "sha256").hexdigest()


def _same_pixels(one: Path, other: Path) -> bool:
    """Whether two files of different transfer syntaxes show the same image."""
    try:
        headers = [read_header(path).transfer_syntax for path in (one, other)]
        shown = [load_image(path).image.pixel_sha256 for path in (one, other)]
    except (StudyRefused, OSError):
        return False
    return headers[0] != headers[1] and shown[0] == shown[1]
