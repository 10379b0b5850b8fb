"""Erasing what supervision stores about a case: its file, its reviews, its matter in the ledger.

Each has its own data key, and its texts are erased with it: explanations, consultations, plans, minutes, replies.
Letters to units stay: they are about units and contain no number of a person.
"""

from __future__ import annotations

from datetime import datetime

from services.escalation import store
from services.kit.storage.database import Connection


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Erase what is stored about a case; return the unit of each file erased now."""
    found = await store.touched(connection, number)
    if found:
        await store.erase(connection, found, now)
    return found
