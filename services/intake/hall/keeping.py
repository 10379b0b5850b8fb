"""Empties who was on duty, when the day is over."""

from __future__ import annotations

import asyncio

from services.intake.hall import store
from services.kit import dates
from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.loops import Loop
from services.kit.storage.database import Database

_PAUSE = 30.0
"""Seconds between two looks."""


async def keep_emptying(loop: Loop, database: Database, time: BusinessTime) -> None:
    """Empty the accounts of past days, for as long as the process runs; a day that was missed is made up for."""
    while True:
        loop.begin()
        async with database.begin() as connection:
            await store.empty_before(connection, dates.today(time.now()))
        loop.turned()
        await asyncio.sleep(_PAUSE)
