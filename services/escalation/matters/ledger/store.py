"""Statements of single matters of the ledger and of their parts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, DateTime, Text, bindparam, func, insert, select, update

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.matters.matter import AssignmentState, Found
from services.escalation.matters.ledger.models import (
    MatterEvidence,
    MatterGrading,
    MatterLookBack,
    MatterProgress,
    MatterReading,
    MatterVersion,
)
from services.escalation.models import Matter, MatterAssignment
from services.kit.serving.access import Call
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_SOURCE = bindparam("source", type_=Text)

_GET = select(Matter).where(Matter.number == _NUMBER)
_LOCK = _GET.with_for_update(key_share=True)
_SOURCE_LOCK = select(func.pg_advisory_xact_lock(4211, func.hashtext(_SOURCE)))
_OF_SOURCE = select(Matter.number).where(Matter.source == _SOURCE)
_END = (
    update(MatterAssignment)
    .where(MatterAssignment.number == _NUMBER, MatterAssignment.state == AssignmentState.OPEN)
    .values(state=AssignmentState.ENDED, finished_at=_AT, version=MatterAssignment.version + 1)
)
_GRADING = (
    select(MatterGrading).where(MatterGrading.number == _NUMBER).order_by(MatterGrading.grading.desc()).limit(1)
)  # fmt: skip
_AUTHOR = select(MatterVersion.unit).where(MatterVersion.number == _NUMBER, MatterVersion.version == 1)
_UNITS = (
    select(MatterAssignment.unit)
    .where(MatterAssignment.number == _NUMBER)
    .distinct()
    .order_by(MatterAssignment.unit)
)  # fmt: skip
_WORKERS = (
    select(MatterProgress.reported_by)
    .where(MatterProgress.number == _NUMBER, MatterProgress.entry == bindparam("entry"))
    .distinct()
)
_EVIDENCE = (
    select(MatterEvidence)
    .where(MatterEvidence.number == _NUMBER, MatterEvidence.evidence > bindparam("behind"))
    .order_by(MatterEvidence.evidence)
    .limit(bindparam("limit"))
)
_EVIDENCE_NUMBERS = select(MatterEvidence.evidence).where(MatterEvidence.number == _NUMBER)
_LOOKED = (
    update(MatterLookBack)
    .where(
        MatterLookBack.number == _NUMBER,
        MatterLookBack.entry == bindparam("entry"),
        MatterLookBack.days == bindparam("days"),
    )
    .values(result=bindparam("result"), recorded_at=_AT, recorded_by=bindparam("by"))
)
_VERSION = insert(MatterVersion).values(
    {column.name: bindparam(column.name) for column in MatterVersion.__table__.columns}
)
_READ = insert(MatterReading).from_select(
    ["number", "at", "actor", "unit", "action"],
    select(
        func.unnest(bindparam("numbers", type_=ARRAY(Text))).column_valued("number"),
        _AT,
        *(bindparam(name, type_=Text) for name in ("actor", "unit", "action")),
    ),
)
_LIKE = (
    select(func.count())
    .select_from(Matter)
    .where(
        Matter.unit == bindparam("unit"),
        func.split_part(Matter.category, "/", 1) == func.split_part(bindparam("category", type_=Text), "/", 1),
        Matter.registered_at > bindparam("since"),
    )
)


async def get(connection: Connection, number: str) -> Matter:
    """Return a matter; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def lock(connection: Connection, number: str) -> Matter:
    """Return a matter, locked: lock its file before it."""
    return rows.not_found((await connection.execute(_LOCK, {"number": number})).first(), names.file_name(number))


async def add(connection: Connection, number: str, **columns: object) -> Matter:
    """Store a matter and return its row."""
    return await rows.insert(connection, Matter, number=number, **columns)


async def change(connection: Connection, matter: Matter, **columns: object) -> Matter:
    """Change columns of a matter, count its version up, and return its new row."""
    kept = columns or {"entry": matter.entry}  # the change is below it: its version increases all the same
    return await rows.update(connection, Matter, {"number": matter.number}, **kept)


async def must_be_new(connection: Connection, source: str) -> None:
    """Raise ALREADY_EXISTS if a case or warning is in the ledger; simultaneous callers wait for the commit."""
    await connection.execute(_SOURCE_LOCK, {"source": source})
    if found := await connection.scalar(_OF_SOURCE, {"source": source}):
        raise CaseError(Reason.ALREADY_EXISTS, names.file_name(found))


async def grade(connection: Connection, number: str, **columns: object) -> None:
    """Store a grading."""
    await rows.add(connection, MatterGrading, "grading", {"number": number}, **columns)


async def grading(connection: Connection, number: str) -> MatterGrading | None:
    """Return the last grading of a matter; None before the first."""
    return (await connection.execute(_GRADING, {"number": number})).first()


async def assignments(connection: Connection, matter: Matter) -> Sequence[MatterAssignment]:
    """Return the parts of units in the present entry of a matter, in order."""
    return await rows.find(
        connection, MatterAssignment, MatterAssignment.assignment, number=matter.number, entry=matter.entry
    )


async def next_assignment(connection: Connection, number: str) -> int:
    """Return the number of the next part in a locked matter."""
    return await rows.next_of(connection, MatterAssignment.assignment, number=number)


async def assign(connection: Connection, number: str, **columns: object) -> None:
    """Store a unit's part."""
    await rows.insert(connection, MatterAssignment, number=number, state=AssignmentState.OPEN, **columns)


async def part_units(connection: Connection, number: str) -> list[str]:
    """Return the units that have a part in a matter, or had one in an earlier entry, in order of code."""
    return [unit for (unit,) in await connection.execute(_UNITS, {"number": number})]


async def author_unit(connection: Connection, number: str) -> str:
    """Return the unit that put a matter on a ledger."""
    return await connection.scalar(_AUTHOR, {"number": number}) or ""


async def assignment(connection: Connection, number: str, assignment: int) -> MatterAssignment:
    """Return a unit's part; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/assignments/{assignment}"
    return await rows.get(connection, MatterAssignment, name, number=number, assignment=assignment)


async def change_assignment(connection: Connection, row: MatterAssignment, **columns: object) -> MatterAssignment:
    """Change columns of a unit's part and return its new row."""
    key = {"number": row.number, "assignment": row.assignment}
    return await rows.update(connection, MatterAssignment, key, **columns)


async def end_assignments(connection: Connection, number: str, at: datetime) -> None:
    """End the parts that are under way."""
    await connection.execute(_END, {"number": number, "at": at})


async def report(connection: Connection, part: MatterAssignment, entry: int, **columns: object) -> None:
    """Store a progress report."""
    await rows.add(
        connection,
        MatterProgress,
        "progress",
        {"number": part.number},
        rows.FEW,
        assignment=part.assignment,
        unit=part.unit,
        entry=entry,
        **columns,
    )


async def workers(connection: Connection, matter: Matter) -> frozenset[str]:
    """Return the accounts that reported work on the present entry of a matter."""
    found = await connection.execute(_WORKERS, {"number": matter.number, "entry": matter.entry})
    return frozenset(account for (account,) in found)


async def add_evidence(connection: Connection, number: str, **columns: object) -> MatterEvidence:
    """Store a piece of evidence and return its row."""
    return await rows.add(connection, MatterEvidence, "evidence", {"number": number}, rows.FEW, **columns)


async def evidence(connection: Connection, number: str, behind: int, limit: int) -> Sequence[MatterEvidence]:
    """Return evidence of a matter after a number, in order."""
    return await connection.execute(_EVIDENCE, {"number": number, "behind": behind, "limit": limit})


async def missing_evidence(connection: Connection, number: str, wanted: Collection[int]) -> list[int]:
    """Return which numbers of evidence the matter does not have."""
    there = {each for (each,) in await connection.execute(_EVIDENCE_NUMBERS, {"number": number})}
    return sorted(set(wanted) - there)


async def plan_look_back(connection: Connection, matter: Matter, **columns: object) -> None:
    """Store a planned look-back."""
    await rows.insert(connection, MatterLookBack, number=matter.number, entry=matter.entry, **columns)


async def look_backs(connection: Connection, matter: Matter) -> Sequence[MatterLookBack]:
    """Return the look-backs of the present entry of a matter, earliest first."""
    return await rows.find(connection, MatterLookBack, MatterLookBack.days, number=matter.number, entry=matter.entry)


async def look_back(connection: Connection, matter: Matter, days: int, result: Found, at: datetime, by: str) -> None:
    """Record the result of a look-back."""
    key = {"number": matter.number, "entry": matter.entry, "days": days}
    await connection.execute(_LOOKED, {**key, "result": result, "at": at, "by": by})


async def keep_version(
    connection: Connection, row: Matter, event: str, at: datetime, call: Call, *, reason: str = "",
    changes: Sequence[dict[str, str]] = (), sealed: bytes | None = None,
) -> None:  # fmt: skip
    """Store a version of a matter: who made it, when, and what changed."""
    parameters = {
        "number": row.number, "version": row.version, "event": event, "changed_at": at,
        "changed_by": call.caller.subject, "unit": call.caller.unit, "reason": reason, "changes": list(changes),
        "sealed": sealed,
    }  # fmt: skip
    await connection.execute(_VERSION, parameters)


async def note_reading(connection: Connection, numbers: Sequence[str], at: datetime, call: Call) -> None:
    """Store that the caller reads the texts of these matters."""
    entry = {"at": at, "actor": call.caller.subject, "unit": call.caller.unit, "action": call.permission}
    await connection.execute(_READ, {**entry, "numbers": list(numbers)})


async def like_matters(connection: Connection, matter: Matter, since: datetime) -> int:
    """Return how many matters of the same kind a unit got since an instant, including this one."""
    parameters = {"unit": matter.unit, "category": matter.category, "since": since}
    return await connection.scalar(_LIKE, parameters) or 0
