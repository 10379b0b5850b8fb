"""Databases beside the stack's own, on its server: made by the real migrations, filled from the stack's history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from accord.embedded.engines.database import ensure_database, role_url
from accord.embedded.folder import read_json
from accord.embedded.secret import database_passwords
from accord.embedded.stack import Stack
from services.kit.storage.migration import migrate


@dataclass(frozen=True)
class Scratch:
    """A database by its administrator's URL, and the passwords of the services' roles."""

    url: str
    passwords: dict[str, str]

    @classmethod
    def main(cls, stack: Stack) -> Scratch:
        """Return the database of a running stack itself."""
        return cls(str(read_json(stack.folder.stack)["database_url"]), database_passwords(stack.folder))

    def beside(self, name: str) -> Scratch:
        """Return another database on the same server."""
        return Scratch(urlunsplit(urlsplit(self.url)._replace(path=f"/{name}")), self.passwords)

    @property
    def name(self) -> str:
        """The name of the database."""
        return urlsplit(self.url).path.strip("/")

    def role(self, service: str) -> str:
        """Return the URL of a service's own role."""
        return role_url(self.url, f"accord_{service}", self.passwords[service])

    async def connect(self, service: str = "") -> asyncpg.Connection:
        """Return a connection: of a service's role, or of the administrator where none is named."""
        return await asyncpg.connect(self.role(service) if service else self.url)


async def execute(scratch: Scratch, *statements: str) -> None:
    """Run statements as the administrator, each on its own."""
    connection = await scratch.connect()
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


_EMPTY = "empty"
"""The database that new ones are copies of: the migrations run once on each server."""
_MADE: set[str] = set()


async def migrated(stack: Stack, name: str) -> Scratch:
    """Return a new, empty database with every service's schema."""
    main = Scratch.main(stack)
    empty, scratch = main.beside(_EMPTY), main.beside(name)
    if empty.url not in _MADE:
        await asyncio.to_thread(ensure_database, empty.url)
        await asyncio.to_thread(migrate, empty.url, {})
        _MADE.add(empty.url)
    await execute(main.beside("postgres"), f"CREATE DATABASE {name} TEMPLATE {_EMPTY}")
    return scratch


async def dropped(scratch: Scratch) -> None:
    """Remove a database and whoever is still connected to it."""
    await execute(scratch.beside("postgres"), f"DROP DATABASE {scratch.name} WITH (FORCE)")


async def fill(scratch: Scratch, origin: Scratch, service: str) -> None:
    """Replace all rows of a service's schema by those of another database, in one snapshot."""
    source, target = await origin.connect(), await scratch.connect()
    try:
        # As replication does: history is taken over as it is, triggers and foreign keys are not asked.
        await target.execute("SET session_replication_role = replica")
        rows = await source.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", service)
        tables = [row["tablename"] for row in rows]
        await target.execute("TRUNCATE " + ", ".join(f"{service}.{table}" for table in tables))
        async with source.transaction(isolation="repeatable_read", readonly=True):
            for table in tables:
                queue: asyncio.Queue[bytes | None] = asyncio.Queue(64)
                reading = asyncio.create_task(_read(source, service, table, queue))
                await target.copy_to_table(table, schema_name=service, source=_chunks(queue), format="binary")
                await reading
        await target.execute(f"SELECT setval('{service}.events_id_seq', (SELECT max(id) FROM {service}.events))")
    finally:
        await source.close()
        await target.close()


async def _read(source: asyncpg.Connection, service: str, table: str, queue: asyncio.Queue[bytes | None]) -> None:
    await source.copy_from_table(table, schema_name=service, output=queue.put, format="binary")
    await queue.put(None)


async def _chunks(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (chunk := await queue.get()) is not None:
        yield chunk
