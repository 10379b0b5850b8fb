"""The database of a service: one pool, short transactions, errors that say whether a retry helps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from casework.errors import CaseError, Reason

__all__ = ["AsyncConnection", "Database", "async_url", "text"]

_TRANSIENT = {"40001", "40P01", "57P01", "57P02", "57P03", "53300", "08006", "08003", "08001"}
"""Serialization, deadlock, shutdown, start-up, too many connections, lost connection: a retry helps."""


def async_url(url: str) -> str:
    """Return a `postgresql://` URL for SQLAlchemy's asyncpg driver."""
    return url.replace("postgresql://", "postgresql+asyncpg://", 1).replace("postgres://", "postgresql+asyncpg://", 1)


class Database:
    """A pool of connections for one service's role."""

    def __init__(self, url: str, pool: int) -> None:
        self._engine = create_async_engine(
            async_url(url),
            pool_size=pool,
            max_overflow=0,
            pool_timeout=20,
            pool_use_lifo=True,
            # What a statement was given may be somebody's words: errors, and so logs and spans, must not quote it.
            hide_parameters=True,
            connect_args={"timeout": 10, "command_timeout": 60, "server_settings": {"jit": "off"}},
        )

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction; commit at the end, roll back on any error. A lost database is SERVICE_UNAVAILABLE."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (OperationalError, InterfaceError, DBAPIError) as error:
            if is_transient(error):
                raise CaseError(Reason.SERVICE_UNAVAILABLE) from error
            raise
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
            raise CaseError(Reason.SERVICE_UNAVAILABLE) from error

    async def close(self) -> None:
        """Close the pool."""
        await self._engine.dispose()


def is_transient(error: BaseException) -> bool:
    """Return whether the database may well answer if asked again."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return state in _TRANSIENT or (isinstance(error, InterfaceError) and state is None)


def is_unique_violation(error: BaseException) -> bool:
    """Return whether a row with the same key was there first."""
    return getattr(getattr(error, "orig", error), "sqlstate", None) == "23505"


async def driver(connection: AsyncConnection) -> asyncpg.Connection:
    """Return asyncpg's own connection of this transaction, for COPY."""
    raw = await connection.get_raw_connection()
    found: Any = raw.driver_connection
    return found
