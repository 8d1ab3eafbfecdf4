"""Where reports may be sent: tables ``[destinations.NAME]`` of radrag.toml; secrets come from the environment."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from radrag.addresses import is_loopback, is_place
from radrag.errors import UsageError
from radrag.exchange.peers import parse_title

HINT = "See docs/exchange.md for the tables of destinations."
FORMS = ("text", "pdf", "sr", "sr3d", "dicompdf", "fhir", "hl7")
DICOM_FORMS = ("sr", "sr3d", "dicompdf")


class _Table(BaseModel):
    """What every kind of destination has.

    Attributes:
        forms: what is sent there unless the sender names forms.
        timeout: seconds without an answer after which a message is tried later; a lease is four times as long.
        takes: forms that this kind can take.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    takes: ClassVar[tuple[str, ...]] = FORMS
    usual: ClassVar[tuple[str, ...]] = ()

    name: str = ""
    forms: tuple[str, ...] = ()
    timeout: float = Field(default=30.0, gt=0, le=120)

    @field_validator("forms")
    @classmethod
    def _forms_it_takes(cls, forms: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [form for form in forms if form not in cls.takes]
        if unknown:
            raise ValueError(f"{', '.join(unknown)} cannot be sent there; it takes {', '.join(cls.takes)}")
        return tuple(dict.fromkeys(forms))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The forms that go there unless the sender names some."""
        return self.forms or self.usual


class _Socket(_Table):
    """A destination that is spoken to over a connection of its own.

    Attributes:
        address: ``host:port``; IPv6 in brackets.
        tls: whether to speak TLS 1.2 or newer.
        authorities: PEM file of those who may have signed the receiver's certificate; None for the system's.
        certificate, key: PEM files that we show ourselves by.
    """

    address: str
    tls: bool = False
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @field_validator("address")
    @classmethod
    def _has_a_port(cls, address: str) -> str:
        if not is_place(address) or not re.search(r":\d+$", address):
            raise ValueError("write host:port, such as pacs.hospital.example:104 or [fd00::7]:104")
        return address

    @model_validator(mode="after")
    def _encrypts_if_it_was_meant_to(self) -> Self:
        if not self.tls and (self.authorities or self.certificate or self.key):
            raise ValueError("authorities, certificate and key go with tls = true")
        return self

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    def context(self) -> ssl.SSLContext | None:
        """Return the client's side of TLS; None where it is not spoken.

        Raises:
            UsageError: a PEM file cannot be read.
        """
        return client_context(self) if self.tls else None


class _Web(_Table):
    """A destination behind HTTP.

    Attributes:
        url: base address.
        user: for a password, of the variable ``RADRAG_PASSWORD_NAME``; a token is in ``RADRAG_TOKEN_NAME``.
        authorities, certificate, key: as for connections.
    """

    url: str
    user: str = ""
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    _secret: str = PrivateAttr(default="")  # neither shown nor compared

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        match = re.fullmatch(r"https?://([^\s?#@/]+)(/[^\s?#@]*)?", url)
        if match is None or not is_place(match[1]):
            raise ValueError("write http(s)://host:port/path, without user, query or fragment")
        return url

    @model_validator(mode="after")
    def _encrypts_if_it_was_meant_to(self) -> Self:
        if not self.url.startswith("https:") and (self.authorities or self.certificate or self.key):
            raise ValueError("authorities, certificate and key go with https")
        return self

    @property
    def authorization(self) -> tuple[str, str] | str | None:
        """User and password, or a token, or neither."""
        return (self.user, self._secret) if self.user else self._secret or None

    def context(self) -> ssl.SSLContext | None:
        """Return the client's side of TLS; None for plain HTTP.

        Raises:
            UsageError: a PEM file cannot be read.
        """
        return client_context(self) if self.url.startswith("https:") else None


class DicomDestination(_Socket):
    """A storage SCP: ``kind = "dicom"``."""

    takes: ClassVar[tuple[str, ...]] = DICOM_FORMS
    usual: ClassVar[tuple[str, ...]] = ("sr", "dicompdf")

    kind: Literal["dicom"]
    ae_title: str
    calling_ae: str = "RADRAG"

    @field_validator("ae_title", "calling_ae")
    @classmethod
    def _is_a_title(cls, title: str) -> str:
        try:
            return parse_title(title)
        except UsageError as error:
            raise ValueError(str(error)) from None


class StowDestination(_Web):
    """A DICOMweb server: ``kind = "stow"``; objects are posted to ``url/studies``."""

    takes: ClassVar[tuple[str, ...]] = DICOM_FORMS
    usual: ClassVar[tuple[str, ...]] = ("sr", "dicompdf")
    kind: Literal["stow"]


class FhirDestination(_Web):
    """A FHIR R4 server that takes transactions at its base: ``kind = "fhir"``."""

    takes: ClassVar[tuple[str, ...]] = ("fhir",)
    usual: ClassVar[tuple[str, ...]] = ("fhir",)
    kind: Literal["fhir"]


class MllpDestination(_Socket):
    """A receiver of HL7 v2 messages: ``kind = "mllp"``."""

    takes: ClassVar[tuple[str, ...]] = ("hl7",)
    usual: ClassVar[tuple[str, ...]] = ("hl7",)
    kind: Literal["mllp"]


class FolderDestination(_Table):
    """A folder that others take files from: ``kind = "folder"``; it must be there."""

    usual: ClassVar[tuple[str, ...]] = ("pdf",)
    kind: Literal["folder"]
    path: Path

    @field_validator("path")
    @classmethod
    def _is_whole(cls, path: Path) -> Path:
        if not path.is_absolute():
            raise ValueError("write the whole path, from the root")
        return path


Destination = DicomDestination | StowDestination | FhirDestination | MllpDestination | FolderDestination
_ANY: TypeAdapter[Destination] = TypeAdapter(Annotated[Destination, Field(discriminator="kind")])


def read_destinations(
    tables: Mapping[str, Mapping[str, Any]], environment: Mapping[str, str] | None = None
) -> dict[str, Destination]:
    """Return the destinations of the settings by name.

    Args:
        tables: the setting ``destinations``.
        environment: variables that hold secrets; those of the process when None.

    Raises:
        UsageError: a name or a table is wrong; the message names it and its key, never a value.
    """
    variables = os.environ if environment is None else environment
    named: dict[str, str] = {}
    for name in tables:
        other = named.setdefault(_variable("secret", name), name)
        if other != name:
            message = f"destinations.{name}: it would be sent the secret of destinations.{other}."
            raise UsageError(message, hint="Let names differ in more than case, - and _.")
    return {name: _read_one(name, table, variables) for name, table in tables.items()}


def choose(destinations: Mapping[str, Destination], names: Iterable[str]) -> list[Destination]:
    """Return the destinations of these names, each once.

    Raises:
        UsageError: one of them is not configured.
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in destinations]
    if unknown or not wanted:
        known = f"There are: {', '.join(destinations)}." if destinations else "None is configured."
        raise UsageError(f"{', '.join(unknown) or 'Nothing'} is no destination.", hint=f"{known} {HINT}")
    return [destinations[name] for name in wanted]


def _read_one(name: str, table: Mapping[str, Any], variables: Mapping[str, str]) -> Destination:
    where = f"destinations.{name}"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,39}", name):
        raise UsageError(f"{where}: a name has letters, digits, - and _ alone, 40 at most.", hint=HINT)
    secret = {"password", "token"} & table.keys()
    if secret:
        variable = _variable(secret.pop(), name)
        raise UsageError(f"{where}: secrets are not kept in the file.", hint=f"Set the variable {variable} instead.")
    try:
        made = _ANY.validate_python({**table, "name": name})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = [str(part) for part in first["loc"] if part not in ("dicom", "stow", "fhir", "mllp", "folder")]
        raise UsageError(f"{'.'.join([where, *place])}: {first['msg']}.", hint=HINT) from None
    if isinstance(made, _Web):
        variable = _variable("password" if made.user else "token", name)
        secret_value = variables.get(variable, "")
        if made.user and not secret_value:
            raise UsageError(f"{where}: user has no password.", hint=f"Set the variable {variable}.")
        if not made.user and not re.fullmatch("[!-~]*", secret_value):  # no header can carry it
            raise UsageError(f"{where}: {variable} holds blanks, line ends or other characters that no token has.")
        if secret_value and not made.url.startswith("https:") and not is_loopback(urlsplit(made.url).hostname or ""):
            raise UsageError(f"{where}: {variable} would be sent unencrypted.", hint="Use https.")
        made._secret = secret_value
    return made


def _variable(what: str, name: str) -> str:
    return f"RADRAG_{what}_{name.replace('-', '_')}".upper()


def client_context(table: _Socket | _Web) -> ssl.SSLContext:
    """Return the client's side of TLS 1.2 or newer that verifies the receiver (BCP 195, PS3.15 B.12).

    Raises:
        UsageError: a PEM file cannot be read, or there is a certificate without key.
    """
    where = f"destinations.{table.name}"
    if (table.certificate is None) != (table.key is None):
        raise UsageError(f"{where}: certificate and key go together.", hint=HINT)
    try:
        context = ssl.create_default_context(cafile=table.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if table.certificate is not None:
            context.load_cert_chain(table.certificate, table.key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{where}: a PEM file cannot be read: {error.strerror or type(error).__name__}.") from None
    return context
