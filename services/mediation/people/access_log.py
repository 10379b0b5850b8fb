"""Who opened whose data, when, and for what: written with every look, never changed, shown to the party."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.serving.access import Call
from services.kit.storage.database import Connection, text

_RECORD = text("""
    INSERT INTO access_log (number, at, actor, unit, action, subject, purpose)
    VALUES (:number, :at, :actor, :unit, :action, :subject, :purpose)
""")
_LISTED = text("""
    SELECT * FROM access_log WHERE number = :number AND id < :behind AND (
        CAST(:own AS text[]) IS NULL OR subject = ANY(:own)
        OR subject NOT LIKE '%/parties/%' AND subject NOT LIKE '%/companions/%')
    ORDER BY id DESC LIMIT :limit
""")


async def record(
    connection: Connection, call: Call, at: datetime, number: str, subject: str = "", purpose: int = 0
) -> None:
    """Write that the caller looks; `subject` names whose data, empty for the case as a whole."""
    entry = {
        "number": number,
        "at": at,
        "actor": call.caller.subject,
        "unit": call.caller.unit,
        "action": call.permission,
        "subject": subject,
        "purpose": purpose,
    }
    await connection.execute(_RECORD, entry)


async def listed(
    connection: Connection, number: str, behind: int, limit: int, own: Sequence[str] | None = None
) -> Sequence[Any]:
    """Return entries of a case, newest first, behind an id; where `own` is given, of no other person than those."""
    parameters = {"number": number, "behind": behind, "limit": limit, "own": own}
    return (await connection.execute(_LISTED, parameters)).all()
