"""The database of a service: one pool, short transactions, errors that say whether a retry helps.

It speaks asyncpg itself, without SQLAlchemy in between: a command is ten small statements, and the layer costs more
than the statements do (figures in `docs/decisions/0005`). SQLAlchemy and Alembic make and change the schemas.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import asyncpg

from casework.errors import CaseError, Reason

_TRANSIENT = {"40001", "40P01", "57P01", "57P02", "57P03", "57P05", "25P03", "25006"}
"""Serialization, deadlock, shutdown, start-up, a session that idled, a standby that takes over: a retry helps."""
_TRANSIENT_CLASSES = {"08", "53", "58"}
"""A lost connection; a full disk, memory or connections run out; the system under it failing: a retry helps."""
_NAME = re.compile(r"(?<![:\w]):([a-z_]+)\b")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as PostgreSQL takes it, and the names of its parameters in order."""

    sql: str
    names: tuple[str, ...]


@lru_cache(maxsize=1024)
def text(sql: str) -> Statement:
    """Return the statement of an SQL text with parameters written `:name`."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return Statement(_NAME.sub(number, sql), tuple(names))


class Row(asyncpg.Record):
    """A row whose columns are attributes."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Result(list[Any]):
    """The rows a statement gave."""

    def all(self) -> list[Any]:
        """Return all rows."""
        return self

    def first(self) -> Any:
        """Return the first row, None where there is none."""
        return self[0] if self else None

    def one(self) -> Any:
        """Return the only row; LookupError where there is none or more than one."""
        if len(self) != 1:
            raise LookupError(f"{len(self)} rows where there must be one")
        return self[0]

    def scalar(self) -> Any:
        """Return the first column of the first row, None where there is none."""
        return self[0][0] if self else None


class Connection:
    """A connection inside a transaction."""

    def __init__(self, raw: asyncpg.Connection) -> None:
        self.raw = raw

    async def execute(
        self, statement: Statement, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] = ()
    ) -> Result:
        """Run a statement and return its rows; with a list of parameters, once for each, and no rows."""
        if parameters and not isinstance(parameters, Mapping):
            rows = [[each[name] for name in statement.names] for each in parameters]
            await self.raw.executemany(statement.sql, rows)
            return Result()
        values = [parameters[name] for name in statement.names] if isinstance(parameters, Mapping) else []
        return Result(await self.raw.fetch(statement.sql, *values))

    async def scalar(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> Any:
        """Run a statement and return the first column of its first row, None where there is none."""
        values = [parameters[name] for name in statement.names] if parameters else []
        return await self.raw.fetchval(statement.sql, *values)


class Database:
    """A pool of connections for one service's role."""

    def __init__(self, url: str, pool: int, schema: str = "") -> None:
        """`schema` is for a role that has none of its own: the administrator's looking into a service's."""
        self._url = url
        self._server_settings = {"jit": "off", **({"search_path": f"{schema}, public"} if schema else {})}
        self._size = pool
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def begin(self, *, snapshot: bool = False) -> AsyncIterator[Connection]:
        """Open a transaction; commit at the end, roll back on any error. A lost database is SERVICE_UNAVAILABLE.

        `snapshot` lets all its statements see one state of the facts, and change none.
        """
        kind: dict[str, Any] = {"isolation": "repeatable_read", "readonly": True} if snapshot else {}
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=20) as raw, raw.transaction(**kind):
                yield Connection(raw)
        except Exception as error:
            if is_transient(error):
                raise CaseError(Reason.SERVICE_UNAVAILABLE) from error
            raise

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Connection]:
        """Take a connection to read only: each statement sees what is committed when it runs, as in `begin()`.

        It saves the two round trips that open and end a transaction. Nothing may be written, locked or set.
        """
        try:
            pool = self._pool or await self._open()
            async with pool.acquire(timeout=20) as raw:
                yield Connection(raw)
        except Exception as error:
            if is_transient(error):
                raise CaseError(Reason.SERVICE_UNAVAILABLE) from error
            raise

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=self._size,
                    timeout=10,
                    command_timeout=60,
                    server_settings=self._server_settings,
                    record_class=Row,
                    # Settings and locks are only ever taken for a transaction: there is nothing to reset after one.
                    reset=_nothing,
                )
            return self._pool

    async def close(self) -> None:
        """Close the pool."""
        if self._pool:
            await self._pool.close()


async def _nothing(connection: asyncpg.Connection) -> None:
    """Reset nothing."""


def is_transient(error: BaseException) -> bool:
    """Return whether the database may well answer if asked again."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state in _TRANSIENT or state[:2] in _TRANSIENT_CLASSES
    # A connection that broke, was refused, or was closed under us; a value that does not fit its column is none of it.
    # A dying server says so on its idle connections; the next use of one is an internal error to asyncpg.
    broken = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
    return isinstance(error, broken) and not isinstance(error, ValueError)


def is_unique_violation(error: BaseException) -> bool:
    """Return whether a row with the same key was there first."""
    return isinstance(error, asyncpg.UniqueViolationError)
