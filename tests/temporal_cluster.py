"""Temporal's own server, built from its source: frontend, two of history, matching and worker, on a PostgreSQL.

`python -m tests.temporal_cluster COMMAND…` runs a command on such a cluster; `make cluster` its tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType

import asyncpg
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from accord.embedded import ports
from accord.embedded.engines.postgres import EmbeddedPostgres
from accord.embedded.engines.temporal import HEALTH_SERVICE, NAMESPACE
from accord.embedded.folder import StateFolder
from accord.embedded.probe import serves_grpc
from accord.embedded.process import ProcessSpec
from accord.embedded.supervisor import Supervisor
from tests.patience import PATIENCE

VERSION = "v1.32.0"
SOURCES = ("go.temporal.io/server/cmd/server", "go.temporal.io/server/cmd/tools/sql")
BUILT = Path(__file__).resolve().parent.parent / "build" / "temporal" / VERSION
SHARDS = 512
RETENTION_DAYS = 3
ANOTHER = "accord"
"""A namespace beside the default one."""

NODES = {
    "history-1": "history", "history-2": "history", "matching": "matching", "frontend": "frontend",
    "system-worker": "worker",
}  # fmt: skip
"""The processes of the cluster, each with its service. The worker is Temporal's own, for its system workflows."""

_HEALTH = {"frontend": HEALTH_SERVICE} | {
    service: f"temporal.api.workflowservice.v1.{service.title()}Service"
    for service in ("history", "matching", "worker")
}
_CONNECTIONS = {"temporal": 12, "temporal_visibility": 4}
"""Databases, and how many connections each process may hold to it: five times that, beside Accord's, of 200."""


def lacking() -> str:
    """Return why the server cannot be built here; nothing if it is there or can be."""
    if all((BUILT / Path(each).name).exists() for each in SOURCES) or shutil.which("go"):
        return ""
    return "there is no Go, with which Temporal's server is built: https://go.dev/dl"


def build() -> None:
    """Build the server and its SQL tool, unless they are there."""
    if all((BUILT / Path(each).name).exists() for each in SOURCES):
        return
    wanted = [f"{each}@{VERSION}" for each in SOURCES]
    subprocess.run(["nice", "-n", "10", "go", "install", *wanted], env={**os.environ, "GOBIN": str(BUILT)}, check=True)


class Cluster:
    """`with Cluster(folder) as cluster:` starts PostgreSQL and all nodes, waits until they serve, and stops them.

    Not to be entered where an event loop runs: in a thread, then.
    """

    def __init__(self, state: Path | str) -> None:
        self.folder = StateFolder.at(state)
        self._supervisor = Supervisor(self.folder)
        self._password = secrets.token_urlsafe(24)
        names = ["postgres", *NODES, *(f"{name} membership" for name in NODES)]
        self._ports: dict[str, int] = {}
        for name in names:
            self._ports[name] = ports.pick(self._ports.values())
        self._postgres = EmbeddedPostgres(self.folder, self._ports["postgres"], self._password)

    @property
    def address(self) -> str:
        """host:port of the frontend."""
        return f"127.0.0.1:{self._ports['frontend']}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a stack of Accord use this cluster and its PostgreSQL."""
        return {
            "ACCORD_DATABASE_URL": self._postgres.admin_url,
            "ACCORD_TEMPORAL_ADDRESS": self.address,
            "ACCORD_PORT_TEMPORAL": str(self._ports["frontend"]),
        }

    def __enter__(self) -> Cluster:
        self.folder.create()
        self._supervisor.open()
        try:
            self._postgres.prepare()
            self._run([self._postgres.spec()])
            self._make_databases()
            self._run([self._node(name) for name in NODES])
            asyncio.run(_register(self.address))
        except BaseException:
            self._supervisor.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._supervisor.close()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal a node or `postgres`, and wait until it is ready again."""
        pid = self._supervisor.kill(name, number)
        self._supervisor.await_restart(name, pid, PATIENCE)

    async def cut_connections(self) -> int:
        """End every connection to the database but this one, Accord's and Temporal's; return how many they were."""
        connection = await asyncpg.connect(self._postgres.admin_url)
        try:
            query = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"""
            return int(await connection.fetchval(query))
        finally:
            await connection.close()

    def _run(self, specs: Sequence[ProcessSpec]) -> None:
        self._supervisor.run(specs)
        self._supervisor.await_ready([spec.name for spec in specs], PATIENCE)

    def _make_databases(self) -> None:
        at = self._postgres.admin_url.rpartition("/")[0]
        asyncio.run(_create(f"{at}/postgres", self._password))
        environment = {**os.environ, "SQL_PASSWORD": self._password}
        where = ("--plugin", "postgres12", "--endpoint", "127.0.0.1", "--port", str(self._ports["postgres"]))
        for name in _CONNECTIONS:
            schema = f"postgresql/v12/{name.removeprefix('temporal_')}"
            tool = (str(BUILT / "sql"), *where, "--user", "temporal", "--database", name)
            for words in (("setup-schema", "--version", "0.0"), ("update-schema", "--schema-name", schema)):
                ended = subprocess.run([*tool, *words], env=environment, capture_output=True, text=True)
                assert ended.returncode == 0, ended.stdout + ended.stderr

    def _node(self, name: str) -> ProcessSpec:
        folder = self.folder.root / name
        folder.mkdir()
        dynamic, config = folder / "dynamic.yaml", folder / "config.yaml"
        dynamic.write_text(json.dumps({"matching.useNewMatcher": [{"value": True}]}))
        config.write_text(json.dumps(self._config(name, dynamic)))
        service = NODES[name]
        own = {each: text for each, text in os.environ.items() if not each.startswith(("TEMPORAL_", "ACCORD_"))}
        options = ("--config-file", str(config), "--allow-no-auth")
        return ProcessSpec(
            name=name,
            command=(str(BUILT / "server"), *options, "start", "--service", service),
            environment=own,
            port=self._ports[name],
            stage=1,
            ready=partial(serves_grpc, f"127.0.0.1:{self._ports[name]}", _HEALTH[service]),
            grace_seconds=30.0,
        )  # fmt: skip

    def _config(self, name: str, dynamic: Path) -> dict[str, object]:
        """Return the configuration of a node. YAML is a superset of JSON."""
        stores = {
            database: {"sql": {
                "pluginName": "postgres12", "databaseName": database, "user": "temporal", "password": self._password,
                "connectAddr": f"127.0.0.1:{self._ports['postgres']}", "connectProtocol": "tcp",
                "maxConns": count, "maxIdleConns": count, "maxConnLifetime": "1h",
            }}
            for database, count in _CONNECTIONS.items()
        }  # fmt: skip
        return {
            "log": {"stdout": True, "level": "warn"},
            "persistence": {
                "defaultStore": "temporal", "visibilityStore": "temporal_visibility", "numHistoryShards": SHARDS,
                "datastores": stores,
            },
            "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"}},
            "services": {NODES[each]: self._rpc(each) for each in (*NODES, name)},
            "clusterMetadata": {
                "enableGlobalNamespace": False, "failoverVersionIncrement": 10, "masterClusterName": "active",
                "currentClusterName": "active", "clusterInformation": {"active": {
                    "enabled": True, "initialFailoverVersion": 1, "rpcName": "frontend", "rpcAddress": self.address,
                }},
            },
            "publicClient": {"hostPort": self.address},
            "dcRedirectionPolicy": {"policy": "noop"},
            "dynamicConfigClient": {"filepath": str(dynamic), "pollInterval": "10s"},
        }  # fmt: skip

    def _rpc(self, name: str) -> dict[str, object]:
        own = {"grpcPort": self._ports[name], "membershipPort": self._ports[f"{name} membership"]}
        return {"rpc": {**own, "bindOnLocalHost": True}}


async def _create(url: str, password: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE ROLE temporal LOGIN PASSWORD '{password}'")
        for name in _CONNECTIONS:
            await connection.execute(f"CREATE DATABASE {name} OWNER temporal")
    finally:
        await connection.close()


async def _register(address: str) -> None:
    """Register the namespaces, and wait until they are served."""
    client = await Client.connect(address)
    keep = Duration(seconds=RETENTION_DAYS * 86_400)
    for name in (NAMESPACE, ANOTHER):
        request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=keep)
        await client.workflow_service.register_namespace(request)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await client.count_workflows()
                return
            except RPCError:
                await asyncio.sleep(0.2)


def main(command: Sequence[str]) -> int:
    """Run a command on a cluster, and return its code."""
    if reason := lacking():
        print(reason, file=sys.stderr)
        return 1
    build()
    with tempfile.TemporaryDirectory(prefix="accord-cluster-", ignore_cleanup_errors=True) as folder:
        started = time.monotonic()
        with Cluster(Path(folder) / "state") as cluster:
            print(f"the cluster serves at {cluster.address} after {time.monotonic() - started:.1f} s", flush=True)
            return subprocess.run(list(command), env={**os.environ, **cluster.environment}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
