"""SQL of single matters of the ledger and what lies below them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import orjson

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.matters.matter import AssignmentState
from services.kit.serving.access import Call
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_GET = "SELECT * FROM matters WHERE number = :number"
_SOURCE_LOCK = text("SELECT pg_advisory_xact_lock(4211, hashtext(:source))")
_OF_SOURCE = text("SELECT number FROM matters WHERE source = :source")
_ASSIGNMENTS = text("""
    SELECT * FROM matter_assignments WHERE number = :number AND entry = :entry ORDER BY assignment
""")
_END = text("""
    UPDATE matter_assignments SET state = :ended, finished_at = :at, version = version + 1
    WHERE number = :number AND state = :open
""")
_GRADING = text("SELECT * FROM matter_gradings WHERE number = :number ORDER BY grading DESC LIMIT 1")
_WORKERS = text("SELECT DISTINCT reported_by FROM matter_progress WHERE number = :number AND entry = :entry")
_LOOK_BACKS = text("SELECT * FROM matter_look_backs WHERE number = :number AND entry = :entry ORDER BY days")
_LOOKED = text("""
    UPDATE matter_look_backs SET result = :result, recorded_at = :at, recorded_by = :by
    WHERE number = :number AND entry = :entry AND days = :days
""")
_VERSION = text("""
    INSERT INTO matter_versions (number, version, event, changed_at, changed_by, unit, reason, changes, sealed)
    VALUES (:number, :version, :event, :at, :by, :unit, :reason, CAST(:changes AS jsonb), :sealed)
""")
_READ = text("""
    INSERT INTO matter_readings (number, at, actor, unit, action)
    SELECT number, :at, :actor, :unit, :action FROM unnest(CAST(:numbers AS text[])) AS read (number)
""")


async def get(connection: Connection, number: str) -> Any:
    """Return a matter; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(text(_GET), {"number": number})).first(), names.file_name(number))


async def lock(connection: Connection, number: str) -> Any:
    """Return a matter, locked: lock its file before it."""
    query = text(f"{_GET} FOR NO KEY UPDATE")
    return rows.not_found((await connection.execute(query, {"number": number})).first(), names.file_name(number))


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a matter and return its row."""
    return await rows.insert(connection, "matters", number=number, **columns)


async def change(connection: Connection, matter: Any, **columns: Any) -> Any:
    """Change columns of a matter, count its version up, and return its new row."""
    kept = columns or {"entry": matter.entry}  # what changes lies below it: its version counts up all the same
    return await rows.update(connection, "matters", {"number": matter.number}, **kept)


async def must_be_new(connection: Connection, source: str) -> None:
    """Raise ALREADY_EXISTS where a case or warning stands on the ledger; others who ask wait for the commit."""
    await connection.execute(_SOURCE_LOCK, {"source": source})
    if found := await connection.scalar(_OF_SOURCE, {"source": source}):
        raise CaseError(Reason.ALREADY_EXISTS, names.file_name(found))


async def next_of(connection: Connection, table: str, column: str, number: str) -> int:
    """Return the next small number below a locked matter."""
    query = text(f"SELECT coalesce(max({column}), 0) + 1 FROM {table} WHERE number = :number")
    return int(await connection.scalar(query, {"number": number}))


async def grade(connection: Connection, number: str, reasons: Sequence[dict[str, Any]], **columns: Any) -> Any:
    """Store a grading and return its row."""
    grading = await next_of(connection, "matter_gradings", "grading", number)
    values = {"number": number, "grading": grading, **columns}
    listed = ", ".join(values)
    query = f"""INSERT INTO matter_gradings ({listed}, reasons)
        VALUES ({", ".join(f":{name}" for name in values)}, CAST(:reasons AS jsonb)) RETURNING *"""
    return (await connection.execute(text(query), {**values, "reasons": orjson.dumps(list(reasons)).decode()})).one()


async def grading(connection: Connection, number: str) -> Any:
    """Return the last grading of a matter; None before the first."""
    return (await connection.execute(_GRADING, {"number": number})).first()


async def assignments(connection: Connection, matter: Any) -> Sequence[Any]:
    """Return the parts of units in the present entry of a matter, in order."""
    return (await connection.execute(_ASSIGNMENTS, {"number": matter.number, "entry": matter.entry})).all()


async def part_units(connection: Connection, number: str) -> list[str]:
    """Return the units that have a part in a matter, or had one in an earlier entry, in order of code."""
    query = text("SELECT DISTINCT unit FROM matter_assignments WHERE number = :number ORDER BY unit")
    return [row.unit for row in await connection.execute(query, {"number": number})]


async def assignment(connection: Connection, number: str, assignment: int) -> Any:
    """Return a unit's part; NOT_FOUND where there is none."""
    key = {"number": number, "assignment": assignment}
    found = await rows.select(connection, "matter_assignments", "assignment", **key)
    return rows.not_found(found.first(), f"{names.file_name(number)}/assignments/{assignment}")


async def change_assignment(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a unit's part and return its new row."""
    key = {"number": row.number, "assignment": row.assignment}
    return await rows.update(connection, "matter_assignments", key, **columns)


async def end_assignments(connection: Connection, number: str, at: datetime) -> None:
    """Let the parts that are under way be over."""
    states = {"open": int(AssignmentState.OPEN), "ended": int(AssignmentState.ENDED)}
    await connection.execute(_END, {"number": number, "at": at, **states})


async def workers(connection: Connection, matter: Any) -> frozenset[str]:
    """Return the accounts that reported work on the present entry of a matter."""
    found = await connection.execute(_WORKERS, {"number": matter.number, "entry": matter.entry})
    return frozenset(row.reported_by for row in found)


async def evidence(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return evidence of a matter behind a number, in order."""
    query = text("""
        SELECT * FROM matter_evidence WHERE number = :number AND evidence > :behind ORDER BY evidence LIMIT :limit
    """)
    return (await connection.execute(query, {"number": number, "behind": behind, "limit": limit})).all()


async def missing_evidence(connection: Connection, number: str, wanted: Collection[int]) -> list[int]:
    """Return which numbers of evidence the matter does not have."""
    query = text("SELECT evidence FROM matter_evidence WHERE number = :number")
    there = {row.evidence for row in await connection.execute(query, {"number": number})}
    return sorted(set(wanted) - there)


async def look_backs(connection: Connection, matter: Any) -> Sequence[Any]:
    """Return the looks back at the present entry of a matter, earliest first."""
    return (await connection.execute(_LOOK_BACKS, {"number": matter.number, "entry": matter.entry})).all()


async def look_back(connection: Connection, matter: Any, days: int, result: int, at: datetime, by: str) -> None:
    """Record what a look back found."""
    key = {"number": matter.number, "entry": matter.entry, "days": days}
    await connection.execute(_LOOKED, {**key, "result": result, "at": at, "by": by})


async def keep_version(
    connection: Connection, row: Any, event: str, at: datetime, call: Call, *, reason: str = "",
    changes: Sequence[dict[str, str]] = (), sealed: bytes | None = None,
) -> None:  # fmt: skip
    """Write down a version of a matter: who made it, when, and what changed."""
    parameters = {
        "number": row.number, "version": row.version, "event": event, "at": at, "by": call.caller.subject,
        "unit": call.caller.unit, "reason": reason, "changes": orjson.dumps(list(changes)).decode(), "sealed": sealed,
    }  # fmt: skip
    await connection.execute(_VERSION, parameters)


async def note_reading(connection: Connection, numbers: Sequence[str], at: datetime, call: Call) -> None:
    """Write down that the caller sees what is told of these matters."""
    entry = {"at": at, "actor": call.caller.subject, "unit": call.caller.unit, "action": call.permission}
    await connection.execute(_READ, {**entry, "numbers": list(numbers)})


_LIKE = text("""
    SELECT count(*) FROM matters
    WHERE unit = :unit AND split_part(category, '/', 1) = split_part(CAST(:category AS text), '/', 1)
      AND registered_at > :since
""")


async def like_matters(connection: Connection, matter: Any, since: datetime) -> int:
    """Return how many matters of the same kind a unit was given since an instant, this one among them."""
    parameters = {"unit": matter.unit, "category": matter.category, "since": since}
    return int(await connection.scalar(_LIKE, parameters))
