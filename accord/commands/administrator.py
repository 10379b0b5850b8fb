"""What commands do in the database itself, as its administrator: no service need run for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncpg

from accord.commands.history_command import database_url
from accord.embedded.engines.database import admin_url
from accord.embedded.folder import StackError, StateFolder

T = TypeVar("T")


def as_administrator(state: Path, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    """Return the result of `work` on a connection of the administrator. Raises StackError."""
    url = admin_url(database_url(StateFolder.at(state)))

    async def connected() -> T:
        connection = await asyncpg.connect(url, timeout=20)
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(connected())
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        raise StackError("the database is not up to date: run `accord migrate`") from None
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StackError(f"cannot reach the database: {error or type(error).__name__}") from None
