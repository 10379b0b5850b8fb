"""SQL of escalation: the only place that knows its tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from casework.escalation import EscalationState
from services.kit.database import Connection, text

OPEN_MATTER = (
    "SELECT to_unit AS unit FROM escalations WHERE number = :number AND state <> 3 ORDER BY escalation DESC LIMIT 1"
)
"""The unit of a matter on which clocks may be started here: where an open escalation has gone to."""

_NEXT = text("""
    INSERT INTO files (number, last) VALUES (:number, 1)
    ON CONFLICT (number) DO UPDATE SET last = files.last + 1 RETURNING last
""")
_INSERT = text("""
    INSERT INTO escalations (number, escalation, state, mode, from_unit, to_unit, reason, subject, created_at)
    VALUES (:number, :escalation, :state, :mode, :from_unit, :to_unit, :reason, :subject, :created_at)
    RETURNING *
""")
_GET = "SELECT * FROM escalations WHERE number = :number AND escalation = :escalation"


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a new escalation under the next number of its case, and return its row."""
    escalation = await connection.scalar(_NEXT, {"number": number})
    parameters = {"number": number, "escalation": escalation, "state": int(EscalationState.RAISED), **columns}
    return (await connection.execute(_INSERT, parameters)).one()


async def get(connection: Connection, number: str, escalation: int, *, lock: bool = False) -> Any:
    """Return an escalation's row; NOT_FOUND where there is none."""
    query = text(_GET + (" FOR UPDATE" if lock else ""))
    row = (await connection.execute(query, {"number": number, "escalation": escalation})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, f"{names.file_name(number)}/escalations/{escalation}")
    return row


async def change(connection: Connection, number: str, escalation: int, **columns: Any) -> Any:
    """Change columns of an escalation and return its new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"""UPDATE escalations SET {sets}, version = version + 1
        WHERE number = :number AND escalation = :escalation RETURNING *"""
    return (await connection.execute(text(query), {"number": number, "escalation": escalation, **columns})).one()


async def must_be_known(connection: Connection, number: str) -> None:
    """Raise NOT_FOUND for a case that was never escalated."""
    if not await connection.scalar(text("SELECT true FROM files WHERE number = :number"), {"number": number}):
        raise CaseError(Reason.NOT_FOUND, names.file_name(number))


async def settle(connection: Connection, number: str, at: datetime) -> Sequence[Any]:
    """Resolve the open escalations of a case and return their rows, in order."""
    query = text("""
        UPDATE escalations SET state = :resolved, resolved_at = :at, version = version + 1
        WHERE number = :number AND state <> :resolved RETURNING *
    """)
    parameters = {"number": number, "at": at, "resolved": int(EscalationState.RESOLVED)}
    rows = (await connection.execute(query, parameters)).all()
    return sorted(rows, key=lambda row: row.escalation)


async def listed(
    connection: Connection,
    unit: str,
    number: str,
    only_open: bool,
    behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Any]:
    """Return rows newest first, to or from units of the pattern; `behind` is where the page before ended."""
    where = ["(to_unit LIKE :unit OR from_unit LIKE :unit)"]
    parameters: dict[str, Any] = {"unit": unit, "limit": limit}
    if number:
        where.append("number = :number")
        parameters["number"] = number
    if only_open:
        where.append("state <> :resolved")
        parameters["resolved"] = int(EscalationState.RESOLVED)
    if behind:
        where.append("(created_at, number, escalation) < (CAST(:at AS timestamptz), :behind, :escalation)")
        parameters.update(at=behind[0], behind=behind[1], escalation=behind[2])
    query = f"""SELECT * FROM escalations WHERE {" AND ".join(where)}
        ORDER BY created_at DESC, number DESC, escalation DESC LIMIT :limit"""
    return (await connection.execute(text(query), parameters)).all()
