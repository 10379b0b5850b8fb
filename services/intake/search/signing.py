"""Works out the signs by which open reports are found, after every change."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.intake.search.signs import store
from services.kit.serving.loops import Loop
from services.kit.storage.database import Connection, Database

Signed = Callable[[Connection, Sequence[str]], Awaitable[Mapping[str, list[int] | None]]]
"""Works out the signs of matters, by number; None for one that is over or erased."""
_BATCH, _PAUSE, _REST = 200, 1.0, 3
"""Matters at a time; seconds between two looks; how many times as long it rests after a whole batch."""


async def keep_signing(loop: Loop, database: Database, signed: Signed) -> None:
    """Work out signs in batches, for as long as the process runs; of an import, a quarter of the time at most."""
    clock = asyncio.get_running_loop().time
    while True:
        loop.begin()
        began = clock()
        done = await sign_some(database, signed)
        loop.turned()
        await asyncio.sleep(_PAUSE if done < _BATCH else min(_PAUSE, _REST * (clock() - began)))


async def sign_some(database: Database, signed: Signed) -> int:
    """Work out the signs of a batch of matters; return how many there were.

    Their rows stay locked meanwhile, so that an erasure waits, and clears what was written.
    """
    async with database.begin() as connection:
        numbers = await store.stale(connection, _BATCH)
        if numbers:
            new = await signed(connection, numbers)
            await store.keep(connection, {number: new.get(number) for number in numbers})
    return len(numbers)
