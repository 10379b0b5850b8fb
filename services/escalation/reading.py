"""Looks at sealed texts: each is in the history of its file, with who looked."""

from __future__ import annotations

from services.escalation.servicer import Servicer
from services.kit.access import current_call
from services.kit.database import Connection
from services.kit.events import NewEvent


async def note(
    servicer: Servicer, connection: Connection, number: str, unit: str, kind: str, **payload: object
) -> None:
    """Write into a file's history that the caller read a sealed text of it."""
    call = current_call()
    told = [NewEvent(number, kind, unit, dict(payload))]
    await servicer.log.append(
        connection, told, at=servicer.time.now(), actor=call.caller.subject, trace=call.trace_parent
    )
