"""Statements of judicial confirmation."""

from __future__ import annotations

from datetime import datetime

from casework.mediation.confirmation import ConfirmationState
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.confirmation import Confirmation


async def find(connection: Connection, number: str, agreement: int) -> Confirmation | None:
    """Return the application for an agreement; None where there is none."""
    return (await rows.find(connection, Confirmation, number=number, agreement=agreement)).first()


async def apply(
    connection: Connection, number: str, agreement: int, court: str, at: datetime, by: str, *, again: bool
) -> Confirmation:
    """Store an application, in place of one that was withdrawn where it is made `again`, and return its row."""
    key = {"number": number, "agreement": agreement}
    made = {"state": ConfirmationState.APPLIED, "court": court, "applied_at": at, "applied_by": by}
    if again:
        return await rows.update(connection, Confirmation, key, **made, resulted_at=None, result_evidence="")
    return await rows.insert(connection, Confirmation, **key, **made)


async def change(connection: Connection, row: Confirmation, **columns: object) -> Confirmation:
    """Change columns of an application and return its new row."""
    return await rows.update(connection, Confirmation, {"number": row.number, "agreement": row.agreement}, **columns)
