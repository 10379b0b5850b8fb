"""The six processes of Accord and the environment each runs in."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from accord.embedded import certificates
from accord.embedded.engines.database import role_url
from accord.embedded.engines.temporal import NAMESPACE
from accord.embedded.folder import StateFolder
from accord.embedded.keys import Keys
from accord.embedded.ports import Ports
from accord.embedded.probe import answers_http, serves_grpc
from accord.embedded.process import ProcessSpec
from accord.embedded.secret import SERVICES
from accord.places import search_path

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


def _shared(around: Surroundings) -> dict[str, str]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_WITHHELD)}
    defaults = {"ACCORD_PROFILE": "embedded", "ACCORD_TRUST_FILE": str(around.keys.trust), "PYTHONUNBUFFERED": "1"}
    ours = {"ACCORD_STATE": str(around.folder.root), "PYTHONPATH": _search_path()}
    return defaults | inherited | ours | dict(around.settings)


def _search_path() -> str:
    # Before the environment's own: a package there may be called `services` as well.
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([*search_path(), inherited] if inherited else search_path())


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", module)  # -P: not from the folder the command was called in


def _service(name: str, around: Surroundings) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        command=_python(f"services.{name}.main"),
        environment=_shared(around) | certificates.environment(name, around.settings) | {
            "ACCORD_LISTEN": around.address(name),
            "ACCORD_DATABASE_URL": role_url(around.database_url, f"accord_{name}", around.passwords[name]),
            "ACCORD_METRICS_PORT": str(around.ports[f"{name}_metrics"]),
            "ACCORD_MASTER_KEY_FILE": str(around.keys.master),
            "ACCORD_CODES_KEY_FILE": str(around.keys.codes),
            "ACCORD_ERASURES_FILE": str(around.keys.folder / "erasures"),
            "ACCORD_FILES": os.environ.get("ACCORD_FILES", str(around.folder.files)),
        },
        port=around.ports[name],
        stage=1,
        ready=partial(serves_grpc, around.address(name), tls=certificates.own(around.settings)),
    )  # fmt: skip


def _caller(name: str, around: Surroundings) -> dict[str, str]:
    addresses = {f"ACCORD_{service.upper()}_ADDRESS": around.address(service) for service in SERVICES}
    return _shared(around) | addresses | certificates.environment(name, around.settings) | {
        "ACCORD_TEMPORAL_ADDRESS": around.temporal_address,
        "ACCORD_TEMPORAL_NAMESPACE": os.environ.get("ACCORD_TEMPORAL_NAMESPACE", NAMESPACE),
        "ACCORD_CLIENT_NAME": name,
        "ACCORD_METRICS_PORT": str(around.ports[f"{name}_metrics"]),
    }  # fmt: skip


def _client(name: str, around: Surroundings) -> ProcessSpec:
    port = around.ports[f"{name}_metrics"]
    return ProcessSpec(
        name=name,
        command=_python(f"workflows.{name}"),
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
    return ProcessSpec(
        name="gateway",
        command=_python("services.gateway.main"),
        environment=_caller("gateway", around) | own,
        port=around.ports["gateway"],
        stage=2,
        ready=partial(answers_http, around.ports["gateway"], "/readyz"),
    )
