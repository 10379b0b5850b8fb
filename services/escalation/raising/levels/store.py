"""SQL of escalation: the only place that knows its tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.raising.escalation import EscalationState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

OPEN_MATTER = (
    "SELECT to_unit AS unit, false AS closed FROM escalations WHERE number = :number AND state <> 3"
    " ORDER BY escalation DESC LIMIT 1"
)
"""The unit of a matter on which clocks may be started here: where an open escalation has gone to."""

# The row stays locked: all that happens to a case's escalations is ordered by it.
_LOCK = text("""
    INSERT INTO files (number) VALUES (:number)
    ON CONFLICT (number) DO UPDATE SET last = files.last RETURNING *
""")
_NEXT = text("UPDATE files SET last = last + 1 WHERE number = :number RETURNING last")
_GET = "SELECT * FROM escalations WHERE number = :number AND escalation = :escalation"
_LIVE = text("""
    SELECT * FROM escalations WHERE number = :number AND state NOT IN (:resolved, :climbed)
    ORDER BY escalation DESC FOR UPDATE
""")
_ADD_REASON = text("""
    INSERT INTO escalation_reasons (number, escalation, reason, subject, from_unit, added_at, breach)
    VALUES (:number, :escalation, :reason, :subject, :from_unit, :added_at, :breach)
""")
_REASONS = text("""
    SELECT reasons.* FROM escalation_reasons AS reasons
    JOIN unnest(CAST(:numbers AS text[]), CAST(:escalations AS integer[])) AS wanted (number, escalation)
    USING (number, escalation) WHERE withdrawn_at IS NULL ORDER BY added_at
""")
_FACTS = text("SELECT category, grade, about FROM case_facts WHERE number = :number")


async def lock(connection: Connection, number: str) -> Any:
    """Return the row of a case or file, locked; a case that is escalated for the first time gets one."""
    return (await connection.execute(_LOCK, {"number": number})).one()


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a new escalation under the next number of its case, whose row is locked, and return its row."""
    escalation = await connection.scalar(_NEXT, {"number": number})
    state = int(EscalationState.RAISED)
    return await rows.insert(connection, "escalations", number=number, escalation=escalation, state=state, **columns)


async def get(connection: Connection, number: str, escalation: int, *, lock: bool = False) -> Any:
    """Return an escalation's row; NOT_FOUND where there is none."""
    row = await find(connection, number, escalation, lock=lock)
    return rows.not_found(row, f"{names.file_name(number)}/escalations/{escalation}")


async def find(connection: Connection, number: str, escalation: int, *, lock: bool = False) -> Any:
    """Return an escalation's row; None where there is none."""
    query = text(_GET + (" FOR UPDATE" if lock else ""))
    return (await connection.execute(query, {"number": number, "escalation": escalation})).first()


async def change(connection: Connection, number: str, escalation: int, **columns: Any) -> Any:
    """Change columns of an escalation and return its new row."""
    return await rows.update(connection, "escalations", {"number": number, "escalation": escalation}, **columns)


async def facts(connection: Connection, number: str) -> Any:
    """Return category, grade and the unit complained of as supervision knows them; None where it does not."""
    return (await connection.execute(_FACTS, {"number": number})).first()


async def resolve_below(connection: Connection, row: Any, at: datetime) -> list[Any]:
    """Resolve what an escalation climbed from, all the way down, and return those rows, the nearest first."""
    resolved: list[Any] = []
    while row.climbed_from:
        row = await get(connection, row.number, row.climbed_from, lock=True)
        if row.state == EscalationState.CLIMBED:
            state = int(EscalationState.RESOLVED)
            resolved.append(await change(connection, row.number, row.escalation, state=state, resolved_at=at))
    return resolved


async def live(connection: Connection, number: str) -> Sequence[Any]:
    """Return the escalations of a case that are with somebody, newest first, locked."""
    parameters = {"number": number, "resolved": int(EscalationState.RESOLVED), "climbed": int(EscalationState.CLIMBED)}
    return (await connection.execute(_LIVE, parameters)).all()


async def add_reason(connection: Connection, row: Any, **columns: Any) -> Any:
    """Add a reason to an escalation and return its new row."""
    parameters = {"number": row.number, "escalation": row.escalation, **columns}
    await connection.execute(_ADD_REASON, parameters)
    return await change(connection, row.number, row.escalation, reason=row.reason)


async def reasons(connection: Connection, rows: Sequence[Any]) -> dict[tuple[str, int], list[Any]]:
    """Return what was added to escalations, in order, by case and escalation."""
    parameters = {"numbers": [row.number for row in rows], "escalations": [row.escalation for row in rows]}
    found: dict[tuple[str, int], list[Any]] = {}
    for each in await connection.execute(_REASONS, parameters):
        found.setdefault((each.number, each.escalation), []).append(each)
    return found


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
    found = (await connection.execute(query, parameters)).all()
    return sorted(found, key=lambda row: row.escalation)


async def listed(
    connection: Connection,
    unit: str,
    number: str,
    only_open: bool,
    behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Any]:
    """Return rows newest first, to, from or told to units of the pattern; `behind` is where the page before ended."""
    # A climb is one story: where it began and each unit it came to may read all of it.
    where = [
        """(to_unit LIKE :unit OR from_unit LIKE :unit OR origin LIKE :unit
        OR EXISTS (SELECT FROM unnest(told) AS each WHERE each LIKE :unit))"""
    ]
    parameters: dict[str, Any] = {"unit": unit, "limit": limit}
    if number:
        where.append("number = :number")
        parameters["number"] = number
    if only_open:
        # One that climbed has gone on to the next, which whoever had it sees: one line a matter.
        where.append("state NOT IN (:resolved, :climbed)")
        parameters |= {"resolved": int(EscalationState.RESOLVED), "climbed": int(EscalationState.CLIMBED)}
    if behind:
        where.append("(created_at, number, escalation) < (CAST(:at AS timestamptz), :behind, :escalation)")
        parameters.update(at=behind[0], behind=behind[1], escalation=behind[2])
    query = f"""SELECT * FROM escalations WHERE {" AND ".join(where)}
        ORDER BY created_at DESC, number DESC, escalation DESC LIMIT :limit"""
    return (await connection.execute(text(query), parameters)).all()
