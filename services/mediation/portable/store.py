"""Statements of cases that were taken out."""

from __future__ import annotations

from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.documents import TakeOut


async def add(connection: Connection, number: str, **columns: object) -> TakeOut:
    """Store that a case, which is locked, is taken out, and return the row."""
    return await rows.add(connection, TakeOut, "take_out", {"number": number}, rows.PAGED, **columns)
