"""Erasing what was told of a case in supervision: its file, its reviews, the matter of the ledger it became.

Each has a data key of its own, and its texts are gone with it: explanations, consultations, plans, minutes, replies.
Letters to units stay: they are about units, and no number of a person passes into one.
"""

from __future__ import annotations

from datetime import datetime

from services.escalation import store
from services.kit.storage.database import Connection


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Erase what was told of a case; return the unit of each file that was erased now."""
    found = await store.touched(connection, number)
    if found:
        await store.erase(connection, found, now)
    return found
