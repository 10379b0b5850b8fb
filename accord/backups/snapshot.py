"""The database at one moment: a snapshot that a dump is made of, and what a restore is compared with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg

from accord.backups.manifest import ServiceState
from accord.embedded.folder import StackError
from services.kit.storage.verification import HEADS

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = $1 ORDER BY tablename"
_EVIDENCE = """
SELECT DISTINCT encode(e.stored_hash, 'hex') FROM mediation.evidence e
JOIN mediation.cases c ON c.number = e.number WHERE c.erased_at IS NULL
"""


@dataclass(frozen=True)
class Seen:
    """The database as one snapshot shows it."""

    snapshot: str
    """Its name, under which a dump sees the same."""
    postgresql: int
    services: dict[str, ServiceState]
    evidence: frozenset[str]
    """Names of the files of evidence that are referred to."""


@asynccontextmanager
async def seen(url: str) -> AsyncIterator[Seen]:
    """Open one snapshot of all services' schemas, and keep it while a dump is made of it. Raises StackError."""
    async with _connected(url) as connection:
        # Read only, and open for as long as the dump takes: nothing is written, and nobody waits for it.
        await connection.execute("SET idle_in_transaction_session_timeout = 0")
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            missing = [name for name in HEADS if not await _has_tables(connection, name)]
            if missing:
                raise StackError(f"{_place(url)} has no schema of {missing[0]}: there is nothing to back up")
            yield Seen(
                str(await connection.fetchval("SELECT pg_export_snapshot()")),
                connection.get_server_version().major,
                await _states(connection),
                frozenset(row[0] for row in await connection.fetch(_EVIDENCE)),
            )


def states(url: str) -> dict[str, ServiceState]:
    """Return what is in a database now, by service."""

    async def read() -> dict[str, ServiceState]:
        async with seen(url) as now:
            return now.services

    return asyncio.run(read())


def occupied(url: str) -> tuple[list[str], int]:
    """Return the services that have tables in a database already, and the server's major version."""

    async def read() -> tuple[list[str], int]:
        async with _connected(url) as connection:
            there = [name for name in HEADS if await _has_tables(connection, name)]
            return there, connection.get_server_version().major

    return asyncio.run(read())


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, timeout=20)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StackError(f"cannot use PostgreSQL at {_place(url)}: {error or type(error).__name__}") from None
    try:
        yield connection
    finally:
        await connection.close()


def _place(url: str) -> str:
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] + parts.path


async def _has_tables(connection: asyncpg.Connection, service: str) -> bool:
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1)", service))


async def _states(connection: asyncpg.Connection) -> dict[str, ServiceState]:
    try:
        return {name: await _state(connection, name) for name in HEADS}
    except asyncpg.UndefinedColumnError:
        raise StackError("the schema is older than this program: back up with the version that runs") from None


async def _state(connection: asyncpg.Connection, service: str) -> ServiceState:
    tables = [row[0] for row in await connection.fetch(_TABLES, service)]
    return ServiceState(
        revision=str(await connection.fetchval(f"SELECT version_num FROM {service}.alembic_version")),
        key=str(await connection.fetchval(f"SELECT fingerprint FROM {service}.master_key") or ""),
        wrapping=list(await connection.fetchval(f"SELECT wrapping FROM {service}.master_key") or []),
        feed=int(await connection.fetchval(f"SELECT position FROM {service}.feed_head") or 0),
        consumers=dict(await connection.fetch(f"SELECT name, position FROM {service}.consumers ORDER BY name")),
        rows={table: int(await connection.fetchval(f"SELECT count(*) FROM {service}.{table}")) for table in tables},
    )
