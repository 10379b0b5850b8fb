"""Whether a service is in maintenance, as its database says: one row while it is, so that every process sees it."""

from __future__ import annotations

import asyncio

from sqlalchemy import select

from services.kit.serving.loops import Loop
from services.kit.serving.maintenance import Maintenance, Notice
from services.kit.storage.database import Database
from services.kit.storage.models import MaintenanceNotice

_LOOK = 0.5
"""Seconds between looks."""
_NOTICE = select(MaintenanceNotice)


async def keep_looking(loop: Loop, database: Database, maintenance: Maintenance) -> None:
    """Look for ever whether there is maintenance."""
    while True:
        loop.begin()
        async with database.read() as connection:
            row = (await connection.execute(_NOTICE)).first()
        maintenance.notice = Notice(row.zh, row.en, row.until) if row else None
        loop.turned()
        await asyncio.sleep(_LOOK)
