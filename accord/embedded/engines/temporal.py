"""The embedded Temporal dev server, and what Accord needs of any Temporal."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accord.embedded import certificates
from accord.embedded.folder import StackError, StateFolder
from accord.embedded.probe import serves_grpc
from accord.embedded.process import ProcessSpec

if TYPE_CHECKING:
    from temporalio.client import Client

    from services.kit.serving.settings import ClientSettings

NAMESPACE = "default"
HEALTH_SERVICE = "temporal.api.workflowservice.v1.WorkflowService"

SEARCH_ATTRIBUTES = {
    "AccordStage": "Keyword",
    "AccordUnit": "Keyword",
    "AccordTier": "Keyword",
    "AccordNextDue": "Datetime",
    "AccordOverdue": "Bool",
}
"""What an operator can look for in Temporal's list of cases; never personal data."""


def own_namespace() -> str:
    """Return the namespace of Temporal that Accord works in: `ACCORD_TEMPORAL_NAMESPACE`, or the default one."""
    return os.environ.get("ACCORD_TEMPORAL_NAMESPACE", NAMESPACE)


class EmbeddedTemporal:
    """The dev server from the wheel, with its SQLite file in the state folder and its ports on 127.0.0.1."""

    def __init__(self, folder: StateFolder, port: int, ui_port: int, metrics_port: int) -> None:
        self._folder = folder
        self._port = port
        self._ui_port = ui_port
        self._metrics_port = metrics_port

    @property
    def has_data(self) -> bool:
        """Whether an earlier start has made the database."""
        return self._folder.temporal.exists()

    @property
    def address(self) -> str:
        """host:port of the frontend."""
        return f"127.0.0.1:{self._port}"

    def prepare(self) -> None:
        """Drop the journals of a database that is gone: SQLite would replay them into the new one."""
        if not self.has_data:
            for suffix in ("-wal", "-shm"):
                self._folder.temporal.with_name(self._folder.temporal.name + suffix).unlink(missing_ok=True)

    def spec(self) -> ProcessSpec:
        """How to run the server. WAL mode measured 2.3 times the throughput of the default."""
        command = [
            _binary(), "server", "start-dev", "--db-filename", str(self._folder.temporal),
            "--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal",
            "--ip", "127.0.0.1", "--port", str(self._port), "--ui-port", str(self._ui_port),
            "--metrics-port", str(self._metrics_port), "--ui-disable-news-fetch",
            "--namespace", NAMESPACE, "--log-level", "warn", "--log-format", "json",
            "--disable-config-file", "--disable-config-env",
            # What a person waits for is worked on first: see workflows/relay.py.
            "--dynamic-config-value", "matching.useNewMatcher=true",
        ]  # fmt: skip
        for name, kind in SEARCH_ATTRIBUTES.items():
            command += ["--search-attribute", f"{name}={kind}"]
        return ProcessSpec(
            name="temporal",
            command=tuple(command),
            environment={
                name: text for name, text in os.environ.items() if not name.startswith(("TEMPORAL_", "ACCORD_"))
            },
            port=self._port,
            stage=0,
            ready=lambda: serves_grpc(self.address, HEALTH_SERVICE),
        )


def _binary() -> str:
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if not found:
        raise StackError("the temporal binary is missing; run `make setup`")
    return found


def check_temporal(address: str, namespace: str = NAMESPACE) -> None:
    """Make sure a Temporal that is not ours answers and knows Accord's search attributes. Raises StackError."""
    try:
        asyncio.run(asyncio.wait_for(_check(address, namespace), 20))
    except (TimeoutError, RuntimeError, OSError) as error:
        reason = str(error).partition(": tonic::")[0] or "no answer within 20 s"
        raise StackError(f"cannot use Temporal at {address} (ACCORD_TEMPORAL_ADDRESS): {reason}") from error


def settings_for(address: str, namespace: str, **more: object) -> ClientSettings:
    """Return the settings of a client of Temporal alone, with certificates and keys as the environment names them."""
    from pydantic import ValidationError

    from services.kit.serving.settings import ClientSettings

    own: dict[str, Any] = {"trust_file": Path(os.devnull), "temporal_address": address, "temporal_namespace": namespace}
    own.update(more)
    try:
        return ClientSettings(**own, **certificates.settings())
    except ValidationError as error:
        raise StackError("; ".join(fault["msg"] for fault in error.errors(include_input=False))) from None


async def _check(address: str, namespace: str) -> None:
    from workflows.engine.runtime import dial

    await register_attributes(await dial(settings_for(address, namespace)), namespace)


async def register_attributes(client: Client, namespace: str) -> list[str]:
    """Add Accord's search attributes to a namespace; return the names of those that it lacked."""
    from temporalio.api.enums.v1 import IndexedValueType
    from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest

    known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
    missing = {
        name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}")
        for name, kind in SEARCH_ATTRIBUTES.items()
        if name not in known.custom_attributes
    }
    if missing:
        request = AddSearchAttributesRequest(namespace=namespace, search_attributes=missing)
        await client.operator_service.add_search_attributes(request)
    return sorted(missing)
