"""Settings of a process: read from the environment once, validated at start, frozen afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.limits import LimitSettings

_RULES = Path(__file__).resolve().parent.parent.parent / "rules"


class Profile(StrEnum):
    """Where the process runs."""

    EMBEDDED = "embedded"
    PRODUCTION = "production"


class ProcessSettings(BaseSettings):
    """What every process knows. Environment variables are the names in capitals behind `ACCORD_`."""

    model_config = SettingsConfigDict(env_prefix="ACCORD_", frozen=True, extra="ignore")

    profile: Profile = Profile.EMBEDDED
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    rules: Path = _RULES
    trust_file: Path = Field(description="JSON file of trusted token issuers and their public keys")
    time_speed: float = Field(1.0, gt=0, le=10_000_000, description="business seconds per real second")
    time_epoch: datetime | None = Field(None, description="instant at which business time began to run faster")
    trace_file: Path | None = None
    trace_ratio: float = Field(0.01, ge=0, le=1)
    metrics_port: int = Field(0, ge=0, le=65535)

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.profile is Profile.PRODUCTION and self.time_speed != 1.0:
            raise ValueError("time_speed must be 1 in the production profile: deadlines are real there")
        if self.time_speed != 1.0 and self.time_epoch is None:
            raise ValueError("time_epoch must be set where time_speed is not 1, the same for every process")
        if self.time_epoch is not None and self.time_epoch.tzinfo is None:
            object.__setattr__(self, "time_epoch", self.time_epoch.replace(tzinfo=UTC))
        return self


class ServiceSettings(ProcessSettings, LimitSettings):
    """What a gRPC service knows on top."""

    listen: str = Field(pattern=r"^[^:]+:\d+$", description="address to serve gRPC on, host:port")
    database_url: SecretStr = Field(description="postgresql://role:password@host:port/database")
    database_pool: int = Field(10, ge=1, le=200)
    master_key_file: Path | None = Field(None, description="file with base64 of the 32 bytes that wrap all data keys")
    master_key: SecretStr | None = Field(None, description="the same base64 itself, where no file can be mounted")
    files: Path | None = Field(None, description="folder of evidence files, each encrypted; mediation needs it")
    request_timeout: float = Field(30.0, gt=0, description="seconds a call may take where the caller sets no deadline")

    @model_validator(mode="after")
    def _one_master_key(self) -> Self:
        if (self.master_key_file is None) == (self.master_key is None):
            raise ValueError("set either master_key_file or master_key")
        return self


class ClientSettings(ProcessSettings):
    """What a process knows that calls the services: the worker, the relay, the gateway."""

    intake_address: str = "127.0.0.1:8411"
    mediation_address: str = "127.0.0.1:8412"
    escalation_address: str = "127.0.0.1:8413"
    temporal_address: str = "127.0.0.1:8433"
    temporal_namespace: str = "default"
    client_name: str = ""
    client_key_file: Path | None = None


T = TypeVar("T", bound=ProcessSettings)


def read_settings(kind: type[T]) -> T:
    """Return the settings of this process, or end it with one line for each wrong variable."""
    try:
        return kind()
    except ValidationError as error:
        lines = [
            f"ACCORD_{'_'.join(map(str, fault['loc'])).upper() or 'SETTINGS'}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        ]
        raise SystemExit("\n".join(lines)) from None
