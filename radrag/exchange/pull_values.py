"""What pulling takes and gives: where from, what, and what was found."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from radrag.addresses import is_loopback, is_place
from radrag.errors import RadragError, UsageError


class PullCode(StrEnum):
    """Why a server gave nothing. Values are stable: scripts match on them."""

    UNREACHABLE = "unreachable"  # no connection, or the server is busy or broken, for longer than we wait
    REFUSED = "refused"  # credentials are wanted, or give no access
    NOT_FOUND = "not_found"
    NOT_DICOMWEB = "not_dicomweb"  # another type of content than DICOMweb has
    NOT_HEEDED = "not_heeded"  # the search was answered with other studies
    REDIRECTED = "redirected"
    CERTIFICATE = "certificate"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"


class DicomWebError(RadragError):
    """A DICOMweb server gave no answer that can be used.

    Attributes:
        code: the :class:`PullCode`, as a string.
    """

    def __init__(self, code: PullCode, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code.value


@dataclass(frozen=True, slots=True)
class Access:
    """A server, and what it wants to know of us.

    Attributes:
        url: base address of its DICOMweb service.
        token: bearer token (RFC 6750); empty for none.
        user, password: for Basic (RFC 7617); empty for none.
        insecure: whether plain HTTP is wanted to another machine.
        authorities: PEM file of the authorities to trust; None for the system's.
    """

    url: str
    token: str = field(default="", repr=False)
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    insecure: bool = False
    authorities: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], url: str, **how: object) -> Access:
        """Return the access with the credentials that RADRAG_DICOMWEB_TOKEN, _USER and _PASSWORD hold.

        Raises:
            UsageError: both a token and a password, half of a password, or a token that is none.
        """
        token, user, password = (environment.get(f"RADRAG_DICOMWEB_{name}", "") for name in _NAMES)
        if bool(user) != bool(password):
            raise UsageError("RADRAG_DICOMWEB_USER and RADRAG_DICOMWEB_PASSWORD belong together.")
        if token and user:
            raise UsageError("Give either RADRAG_DICOMWEB_TOKEN or a user and password, not both.")
        if not re.fullmatch("[!-~]*", token):  # no header can carry it
            raise UsageError("RADRAG_DICOMWEB_TOKEN holds blanks, line ends or other characters that no token has.")
        return cls(url, token, user, password, **how)  # type: ignore[arg-type]

    @property
    def authorization(self) -> str:
        """Value of the header Authorization; empty for none."""
        if self.token:
            return f"Bearer {self.token}"
        if not self.user:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def checked_url(self) -> str:
        """Return the address without a slash at its end.

        Raises:
            UsageError: it is none, holds a password or query, or is not encrypted and leads to another machine.
        """
        try:
            found = urlsplit(self.url)
            host, _ = found.hostname, found.port
        except ValueError:
            host, found = None, urlsplit("")
        if found.scheme not in ("http", "https") or not host or found.query or found.fragment:
            hint = "Such as https://pacs.example.org/dicom-web."
            raise UsageError("The server is not named by an http or https address.", hint=hint)
        if not is_place(found.netloc.rpartition("@")[2]):
            raise UsageError("The server's name is not one that can be looked up.")
        if found.username or found.password:
            hint = "Set RADRAG_DICOMWEB_USER and RADRAG_DICOMWEB_PASSWORD."
            raise UsageError("A password in the address would be seen by others.", hint=hint)
        if found.scheme == "http" and not self.insecure and not is_loopback(host):
            hint = "Use https, or say --insecure if the network between is safe."
            raise UsageError("Images would come unencrypted from another machine.", hint=hint)
        return self.url.rstrip("/")


_NAMES = ("TOKEN", "USER", "PASSWORD")


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """Which studies. Has no ``repr``: it must not get into a log.

    Attributes:
        study: Study Instance UID.
        accession, patient: Accession Number, Patient ID; matched exactly.
        dates: DICOM range match of the study's date (PS3.4 C.2.2.2.5.1), such as ``20261101-20261130``.
        modalities: of which a study must have at least one; any when empty.

    Raises:
        UsageError: nothing is asked for, or with wildcards, which might fetch other people's studies.
    """

    study: str = ""
    accession: str = ""
    patient: str = ""
    dates: str = ""
    modalities: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.study or self.accession or self.patient or self.dates):
            raise UsageError("Say which studies: --study, --accession, --patient or --date.")
        if self.study and not re.fullmatch(r"[0-9.]{1,64}", self.study):
            raise UsageError("--study is not a Study Instance UID.")
        if any(re.search(r"[*?\\]|[\x00-\x1f]", one) for one in (self.accession, self.patient)):
            raise UsageError("Accession number and patient id are matched exactly: no wildcards.")

    def queries(self) -> list[dict[str, str]]:
        """Return the query of each request: one a modality, since servers differ in how they read lists."""
        named = {
            "StudyInstanceUID": self.study,
            "AccessionNumber": self.accession,
            "PatientID": self.patient,
            "StudyDate": self.dates,
        }
        query = {key: value for key, value in named.items() if value}
        return [{**query, "ModalitiesInStudy": one} for one in self.modalities] or [query]


@dataclass(frozen=True, slots=True, repr=False)
class FoundStudy:
    """A study that a server has; empty where it did not say. Has no ``repr``: it must not get into a log."""

    uid: str
    patient_id: str = ""
    issuer: str = ""
    date: str = ""
    time: str = ""
    modalities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class FoundImage:
    """An instance that a server has. Has no ``repr``: it must not get into a log."""

    study: str
    series: str
    instance: str
    sop_class: str
