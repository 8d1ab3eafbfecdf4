"""One Settings object: the workspace's ``radrag.toml``, overridden by ``RADRAG_*``; read once at the edge."""

from __future__ import annotations

import contextlib
import os
import secrets
import tomllib
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from radrag.errors import UsageError


def default_workspace() -> Path:
    """Return ``RADRAG_WORKSPACE``, else the platform's user-data folder for radrag."""
    named = os.environ.get("RADRAG_WORKSPACE")
    return Path(named).expanduser() if named else Path(platformdirs.user_data_dir("radrag", appauthor=False))


class Settings(BaseSettings):
    """What a run of radrag may be told.

    Attributes:
        workspace: folder of the database, indexes and cache.
        database_url: SQLAlchemy URL; empty means ``radrag.sqlite`` in the workspace.
        patient_salt: secret mixed into patient keys; empty means the workspace's own, made on first use.
        encoder: name of the image encoder.
        encoder_weights: local weights file for encoders that do not ship theirs.
        text_encoder: name of the text encoder; an index is searched by the one that built it.
        runtime: how image encoders run; see docs/speed.md. ``radrag embed`` takes the fastest unless this is set.
        device: ``cpu``, ``cuda`` or ``cuda:N``, for every encoder.
        generator: ``compose``, ``vlm`` or ``endpoint``; see docs/generators.md.
        generator_model: folder or name of the local model, or the model's name on the server.
        generator_url: base address of an OpenAI-compatible server, such as ``http://127.0.0.1:8000/v1``.
        generator_key: what the server asks for, if anything; never shown.
        generator_pictures: whether the server's model sees the images; off for text-only models.
        generator_timeout: seconds for a whole answer of the server.
        generator_certificates: PEM file of the authorities to trust for https; empty for those of the system.
        nli_model: folder of an inference model that may doubt what the rules call supported; none when empty.
        hits: how many cases ground a draft (1 to 100).
        misleading_penalty: what cases lose in retrieval whose sentences readers called misleading (0 to 1; 0: nothing).
        seed: seed of everything random.
        institution: name of the hospital or practice, as exported reports name their sender.
        department: name of its department.
        paper: size of the pages that reports are printed on.
        patient_system: URI of the numbering that patient ids belong to, for FHIR; empty when there is none.
        wado_url: base address of the DICOMweb server that shows images, for links in exported reports.
        destinations: where reports may be sent, by name; :mod:`radrag.exchange.destinations` reads the tables.
    """

    model_config = SettingsConfigDict(env_prefix="RADRAG_", extra="forbid", frozen=True)

    workspace: Path = Field(default_factory=default_workspace)
    database_url: str = ""
    patient_salt: SecretStr = SecretStr("")
    encoder: str = "starter"
    encoder_weights: Path | None = None
    text_encoder: str = "minilm"
    runtime: Literal["eager", "channels_last", "bfloat16", "openvino", "fastest"] = "eager"
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    generator: Literal["compose", "mini", "vlm", "endpoint"] = "compose"
    generator_model: str = ""
    generator_url: str = ""
    generator_key: SecretStr = SecretStr("")
    generator_pictures: bool = True
    generator_timeout: float = Field(default=600.0, gt=0)
    generator_certificates: Path | None = None
    nli_model: Path | None = None
    hits: int = Field(default=20, ge=1, le=100)
    misleading_penalty: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0
    institution: str = Field(default="", max_length=64)  # DICOM LO holds no more (PS3.5 table 6.2-1)
    department: str = Field(default="", max_length=64)
    paper: Literal["A4", "Letter"] = "A4"
    patient_system: str = Field(default="", pattern=r"^(\S+:\S+)?$")
    wado_url: str = Field(default="", pattern=r"^(https?://[^\s?#]+)?$")
    destinations: dict[str, dict[str, Any]] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - fixed by pydantic-settings
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - fixed by pydantic-settings
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over environment variables, those over the workspace's file."""
        named: Any = init_settings().get("workspace")
        folder = Path(named) if named else default_workspace()
        toml = TomlConfigSettingsSource(settings_cls, toml_file=folder / "radrag.toml")
        return init_settings, env_settings, toml

    @property
    def url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.workspace / 'radrag.sqlite'}"

    @property
    def indexes(self) -> Path:
        """Folder that holds one folder an index."""
        return self.workspace / "indexes"

    @property
    def cache(self) -> Path:
        """Folder of what can be made again."""
        return self.workspace / "cache"

    def with_changes(self, **values: Any) -> Settings:
        """Return the settings with some values replaced; None leaves a value as it is."""
        return self.model_copy(update={name: value for name, value in values.items() if value is not None})

    def salt(self) -> str:
        """Return the secret for patient keys, making the workspace's own on first use (mode 0600).

        Without a stable salt the same patient would get another key on each run, and the exclusion of
        a patient's own reports from the evidence would silently stop working.
        """
        given = self.patient_salt.get_secret_value()
        if given:
            return given
        path = self.workspace / "patient_salt"
        if not path.exists():
            self.workspace.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f"patient_salt.{secrets.token_hex(8)}")
            descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
            with contextlib.suppress(FileExistsError):  # another process was first: its salt stays
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text().strip()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; ``overrides`` (None values are ignored) win over file and environment.

    Raises:
        UsageError: a value is of the wrong kind or a name is unknown.
    """
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"radrag.toml of the workspace is not valid TOML: {error}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"Setting {name!r}: {first['msg']}.", hint="See docs/settings.md for names and values."
        ) from None
