"""Readings: that a sealed text of a file was read, and by whom, stands in the file's history."""

from __future__ import annotations

from datetime import datetime

from services.kit.serving.access import current_call
from services.kit.storage.database import Connection
from services.kit.storage.events import EventLog, NewEvent


async def record(
    connection: Connection, log: EventLog, now: datetime, number: str, unit: str, kind: str, **payload: object
) -> None:
    """Append that the caller has read it, in the transaction in which it was read."""
    call = current_call()
    told = [NewEvent(number, kind, unit, dict(payload))]
    await log.append(connection, told, at=now, actor=call.caller.subject, trace=call.trace_parent)
