"""The six processes of Accord and the environment each runs in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from accord.embedded import certificates
from accord.embedded.engines.database import role_url
from accord.embedded.engines.temporal import own_namespace
from accord.embedded.folder import StateFolder
from accord.embedded.keys import Keys
from accord.embedded.ports import Ports
from accord.embedded.probe import answers_http, serves_grpc
from accord.embedded.process import ProcessSpec
from accord.embedded.programs import PROGRAMS, command, python_path
from accord.embedded.secret import SERVICES

# The workflow sandbox imports the workflow anew for each case: without bytecode on disk it compiles it each time.
_NO_BYTECODE = "PYTHONDONTWRITEBYTECODE"

# Of the supervisor's own environment these never reach a child: they hold administrators' and other services' secrets.
_WITHHELD = ("ACCORD_DATABASE_URL", "ACCORD_ROLE_PASSWORD_", "ACCORD_PORT_", "ACCORD_POSTGRES_", "PG", _NO_BYTECODE)


@dataclass(frozen=True)
class Surroundings:
    """What the processes are started with."""

    folder: StateFolder
    ports: Ports
    keys: Keys
    database_url: str
    """URL of the administrator; each service gets its own role's."""
    passwords: Mapping[str, str]
    temporal_address: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further ACCORD_ variables for every process (speed, log level, ...)."""

    def address(self, name: str) -> str:
        """host:port of a component."""
        return f"127.0.0.1:{self.ports[name]}"


def processes(around: Surroundings) -> list[ProcessSpec]:
    """The services (stage 1), then worker, relay and gateway (stage 2)."""
    services = [_service(name, around) for name in SERVICES]
    return [*services, _client("worker", around), _client("relay", around), _gateway(around)]


def bare() -> dict[str, str]:
    """Return the environment in which anything of Accord can be imported, without settings and secrets."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("ACCORD_", *_WITHHELD))}
    return inherited | {"PYTHONPATH": python_path()}


MODULES = (*(f"services.{name}.main" for name in SERVICES), "workflows.worker", "workflows.relay",
           "services.gateway.main")  # fmt: skip
"""What the processes run."""


def _shared(around: Surroundings) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_WITHHELD)}
    defaults = {"ACCORD_PROFILE": "embedded", "ACCORD_TRUST_FILE": str(around.keys.trust), "PYTHONUNBUFFERED": "1"}
    ours = {"ACCORD_STATE": str(around.folder.root), "PYTHONPATH": python_path()}
    return defaults | inherited | ours | dict(around.settings)


def _service(name: str, around: Surroundings) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        command=command(name),
        module=PROGRAMS[name],
        environment=_shared(around) | certificates.environment(name, around.settings) | {
            "ACCORD_LISTEN": around.address(name),
            "ACCORD_DATABASE_URL": role_url(around.database_url, f"accord_{name}", around.passwords[name]),
            "ACCORD_METRICS_PORT": str(around.ports[f"{name}_metrics"]),
            "ACCORD_MASTER_KEY_FILE": str(around.keys.master),
            "ACCORD_CODES_KEY_FILE": str(around.keys.codes),
            "ACCORD_ERASURES_FILE": str(around.keys.folder / "erasures"),
            "ACCORD_FILES": os.environ.get("ACCORD_FILES", str(around.folder.files)),
        } | _portable(name, around),
        port=around.ports[name],
        stage=1,
        ready=partial(serves_grpc, around.address(name), tls=certificates.own(around.settings)),
    )  # fmt: skip


def _portable(name: str, around: Surroundings) -> dict[str, str]:
    """Return what a service needs for portable case files: each signs its part, intake takes them in."""
    trusted = {"ACCORD_PORTABLE_TRUST_FILE": str(around.keys.portable_trust)} if name == "intake" else {}
    return {"ACCORD_PORTABLE_KEY_FILE": str(around.keys.portable), **trusted}


def _caller(name: str, around: Surroundings) -> dict[str, str]:
    addresses = {f"ACCORD_{service.upper()}_ADDRESS": around.address(service) for service in SERVICES}
    return _shared(around) | addresses | certificates.environment(name, around.settings) | {
        "ACCORD_TEMPORAL_ADDRESS": around.temporal_address,
        "ACCORD_TEMPORAL_NAMESPACE": own_namespace(),
        "ACCORD_CLIENT_NAME": name,
        "ACCORD_METRICS_PORT": str(around.ports[f"{name}_metrics"]),
    }  # fmt: skip


def _client(name: str, around: Surroundings) -> ProcessSpec:
    port = around.ports[f"{name}_metrics"]
    return ProcessSpec(
        name=name,
        command=command(name),
        module=PROGRAMS[name],
        environment=_caller(name, around) | {"ACCORD_CLIENT_KEY_FILE": str(around.keys.client(name))},
        port=port,
        stage=2,
        ready=partial(answers_http, port, "/readyz"),
    )


def _gateway(around: Surroundings) -> ProcessSpec:
    own = {
        "ACCORD_LISTEN": around.address("gateway"),
        "ACCORD_CLIENT_KEY_FILE": str(around.keys.client("gateway")),
    }
    if os.environ.get("ACCORD_PROFILE", "embedded") == "embedded":  # a production profile refuses the demo issuer
        own["ACCORD_ISSUER_KEY_FILE"] = str(around.keys.issuer)
        own["ACCORD_ISSUER_ACCOUNTS_FILE"] = str(around.keys.accounts)
    return ProcessSpec(
        name="gateway",
        command=command("gateway"),
        module=PROGRAMS["gateway"],
        environment=_caller("gateway", around) | own,
        port=around.ports["gateway"],
        stage=2,
        ready=partial(answers_http, around.ports["gateway"], "/readyz"),
    )
