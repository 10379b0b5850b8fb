"""Accord's namespace in a Temporal cluster: made, or brought up to date, with its retention and search attributes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from accord.embedded.engines.temporal import own_namespace, register_attributes, settings_for
from accord.embedded.folder import StackError
from services.kit.serving.settings import ClientSettings, Profile
from workflows.engine.runtime import dial

Result = TypeVar("Result")

_PAUSE = 1.0
_PASSING = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.NOT_FOUND}
"""What a cluster answers that is starting, or does not yet know on every node a namespace that it has just made."""


def prepare(retention_days: int, wait: float) -> str:
    """Make the namespace that the environment names; return in a line what was done. Raises StackError."""
    address = os.environ.get("ACCORD_TEMPORAL_ADDRESS", "")
    if not address:
        raise StackError("set ACCORD_TEMPORAL_ADDRESS to the address of Temporal's frontend, host:port")
    name = own_namespace()
    settings = _settings(address, name)
    try:
        return asyncio.run(_until_done(settings, timedelta(days=retention_days), wait))
    except (RPCError, RuntimeError) as error:
        reason = str(error).partition(": tonic::")[0]
        raise StackError(f"cannot use Temporal at {address} (ACCORD_TEMPORAL_ADDRESS): {reason}") from error


def _settings(address: str, name: str) -> ClientSettings:
    # It calls Temporal alone: unlike a process of Accord it needs no certificate for the others.
    settings = settings_for(address, name, profile=Profile.EMBEDDED)
    strict = os.environ.get("ACCORD_PROFILE") == Profile.PRODUCTION and not settings.plaintext
    if strict and not settings.speaks_tls_to_temporal:
        raise StackError("the production profile requires TLS to Temporal, or ACCORD_PLAINTEXT=true")
    return settings


async def _until_done(settings: ClientSettings, retention: timedelta, wait: float) -> str:
    end = asyncio.get_running_loop().time() + wait
    name = settings.temporal_namespace
    client = await _again(lambda: dial(settings), end)
    made = await _again(lambda: _make(client, name, retention), end)
    added = await _again(lambda: register_attributes(client, name), end)
    return f"namespace {name}: {made}; search attributes added: {len(added)}"


async def _again(work: Callable[[], Awaitable[Result]], end: float) -> Result:
    """Return what the work returns, as soon as a cluster that starts lets it; raise its last error at the end."""
    while True:
        try:
            return await work()
        except (RPCError, RuntimeError) as error:
            passing = not isinstance(error, RPCError) or error.status in _PASSING
            if not passing or asyncio.get_running_loop().time() >= end:
                raise
        await asyncio.sleep(_PAUSE)


async def _make(client: Client, name: str, retention: timedelta) -> str:
    service, kept = client.workflow_service, Duration()
    kept.FromTimedelta(retention)
    try:
        found = await service.describe_namespace(DescribeNamespaceRequest(namespace=name))
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        asked = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
        await service.register_namespace(asked)
        return f"made, retention {retention.days} days"
    if found.config.workflow_execution_retention_ttl == kept:
        return f"is there, retention {retention.days} days"
    config = NamespaceConfig(workflow_execution_retention_ttl=kept)
    await service.update_namespace(UpdateNamespaceRequest(namespace=name, config=config))
    return f"is there, retention now {retention.days} days"
