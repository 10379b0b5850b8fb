"""Settings of a process: read from the environment once, validated at startup, then immutable."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Self, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.kit.serving.limits import LimitSettings
from services.kit.serving.tokens import Limits

_RULES = Path(__file__).resolve().parent.parent.parent.parent / "rules"


class Profile(StrEnum):
    """Where the process runs."""

    EMBEDDED = "embedded"
    PRODUCTION = "production"


class ProcessSettings(BaseSettings):
    """Settings of every process. Environment variables are `ACCORD_` followed by the name in capitals."""

    model_config = SettingsConfigDict(env_prefix="ACCORD_", frozen=True, extra="ignore")

    profile: Profile = Profile.EMBEDDED
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")
    rules: Path = _RULES
    trust_file: Path = Field(description="JSON file of trusted token issuers and their public keys")
    time_speed: float = Field(1.0, gt=0, le=10_000_000, description="business seconds per real second")
    time_epoch: datetime | None = Field(None, description="instant at which business time began to run faster")
    trace_file: Path | None = None
    trace_ratio: float = Field(0.01, ge=0, le=1)
    metrics_host: str = Field("127.0.0.1", description="address of the page for operators: health and metrics")
    metrics_port: int = Field(0, ge=0, le=65535, description="its port; 0 for none")
    person_token_seconds: int = Field(86_400, ge=60, description="longest life of a person's token")
    machine_token_seconds: int = Field(600, ge=60, description="longest life of a machine client's token")
    tls_cert_file: Path | None = Field(None, description="this process's certificate (PEM), presented to all peers")
    tls_key_file: Path | None = Field(None, description="private key of that certificate (PEM)")
    tls_ca_file: Path | None = Field(None, description="authority that signed the other processes' certificates (PEM)")
    plaintext: bool = Field(False, description="allow plaintext in the production profile")
    hook_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="networks that events may be sent to besides public addresses, separated by commas"
    )

    @field_validator("hook_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value

    @property
    def token_limits(self) -> Limits:
        """The limits of tokens."""
        no_demo = self.profile is Profile.PRODUCTION
        return Limits(self.person_token_seconds, self.machine_token_seconds, no_demo)

    @property
    def refuses_plain(self) -> bool:
        """Whether unencrypted connections are refused."""
        return self.profile is Profile.PRODUCTION and not self.plaintext

    @model_validator(mode="after")
    def _production_is_strict(self) -> Self:
        if self.profile is Profile.PRODUCTION and self.time_speed != 1.0:
            raise ValueError("time_speed must be 1 in the production profile: deadlines are real there")
        if len({each is None for each in (self.tls_cert_file, self.tls_key_file, self.tls_ca_file)}) > 1:
            raise ValueError("set tls_cert_file, tls_key_file and tls_ca_file, or none of them")
        if self.refuses_plain and self.tls_cert_file is None:
            raise ValueError(
                "the production profile requires TLS: set tls_cert_file, tls_key_file and tls_ca_file, "
                "or plaintext=true if something else encrypts the traffic between the processes"
            )
        if self.time_speed != 1.0 and self.time_epoch is None:
            raise ValueError("time_epoch must be set if time_speed is not 1, to the same value for every process")
        if self.time_epoch is not None and self.time_epoch.tzinfo is None:
            object.__setattr__(self, "time_epoch", self.time_epoch.replace(tzinfo=UTC))
        return self


class ServiceSettings(ProcessSettings, LimitSettings):
    """Additional settings of a gRPC service."""

    listen: str = Field(pattern=r"^[^:]+:\d+$", description="address to serve gRPC on, host:port")
    database_url: SecretStr = Field(description="postgresql://role:password@host:port/database")
    database_pool: int = Field(10, ge=1, le=200)
    master_key_file: Path | None = Field(None, description="file with base64 of the 32 bytes that wrap all data keys")
    master_key: SecretStr | None = Field(None, description="the base64 key itself, if no file can be mounted")
    codes_key_file: Path | None = Field(None, description="private key of tokens for holders of receipts (PEM)")
    portable_key_file: Path | None = Field(None, description="private key of portable case files (PEM, Ed25519)")
    portable_trust_file: Path | None = Field(None, description="public keys of portable case files that are taken in")
    files: Path | None = Field(None, description="folder of encrypted evidence files; required by mediation")
    officials_file: Path | None = Field(None, description="CSV list of officials: how papers name their accounts")
    erasures_file: Path | None = Field(None, description="list of erasures, kept with the master key")
    request_timeout: float = Field(30.0, gt=0, description="seconds a call may take if the caller sets no deadline")
    allowed_clients: Annotated[tuple[str, ...], NoDecode] = Field(
        ("gateway", "worker", "relay", "cli"),
        description="over TLS, the names of certificates that may call, separated by commas",
    )

    @field_validator("allowed_clients", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_master_key(self) -> Self:
        if (self.master_key_file is None) == (self.master_key is None):
            raise ValueError("set either master_key_file or master_key")
        return self


class ClientSettings(ProcessSettings):
    """Settings of a process that calls the services: the worker, the relay, the gateway."""

    intake_address: str = "127.0.0.1:8411"
    mediation_address: str = "127.0.0.1:8412"
    escalation_address: str = "127.0.0.1:8413"
    temporal_address: str = "127.0.0.1:8433"
    temporal_namespace: str = "default"
    temporal_tls: bool = Field(False, description="use TLS for Temporal; implied by a CA, certificate or API key")
    temporal_ca_file: Path | None = Field(None, description="authority of Temporal's certificate, if not public")
    temporal_cert_file: Path | None = Field(None, description="certificate presented to Temporal (PEM)")
    temporal_key_file: Path | None = Field(None, description="private key of that certificate (PEM)")
    temporal_server_name: str = Field("", description="name in Temporal's certificate, if it differs from the address")
    temporal_api_key: SecretStr | None = Field(None, description="API key, if Temporal requires one")
    client_name: str = ""
    client_key_file: Path | None = None

    @property
    def speaks_tls_to_temporal(self) -> bool:
        """Whether the connection to Temporal is encrypted."""
        return self.temporal_tls or any((self.temporal_ca_file, self.temporal_cert_file, self.temporal_api_key))

    @model_validator(mode="after")
    def _temporal_is_strict(self) -> Self:
        if (self.temporal_cert_file is None) != (self.temporal_key_file is None):
            raise ValueError("set temporal_cert_file and temporal_key_file, or neither")
        if self.refuses_plain and not self.speaks_tls_to_temporal:
            raise ValueError(
                "the production profile requires TLS to Temporal: set temporal_tls, temporal_ca_file, "
                "temporal_cert_file or temporal_api_key, or plaintext=true if something else encrypts that connection"
            )
        return self


T = TypeVar("T", bound=ProcessSettings)


def read_settings(kind: type[T]) -> T:
    """Return the settings of this process, or exit with one line for each wrong variable."""
    try:
        return kind()
    except ValidationError as error:
        lines = [
            f"ACCORD_{'_'.join(map(str, fault['loc'])).upper() or 'SETTINGS'}: {fault['msg']}"
            for fault in error.errors(include_input=False)
        ]
        raise SystemExit("\n".join(lines)) from None
