"""Statements of escalation, and of the ladders that are pinned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import load_only

from casework import names
from casework.errors import CaseError, Reason
from casework.supervision.raising.escalation import PASSED_ON, EscalationState
from services.escalation.models import CaseFact, Escalation, File
from services.escalation.raising.levels.models import AddedReason, Breach, PinnedLadder
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_ESCALATION = bindparam("escalation", type_=Integer)
_AT = bindparam("at", type_=DateTime(timezone=True))
_UNIT = bindparam("unit", type_=Text)

_OPEN_MATTER = (
    select(Escalation.to_unit, false())
    .where(Escalation.number == _NUMBER, Escalation.state != EscalationState.RESOLVED)
    .order_by(Escalation.escalation.desc())
    .limit(1)
)
# The row stays locked: it orders all changes of a case's escalations.
_LOCK = (
    upsert(File)
    .values(number=_NUMBER)
    .on_conflict_do_update(index_elements=[File.number], set_={"last": File.last})
    .returning(File)
)
_NEXT = update(File).where(File.number == _NUMBER).values(last=File.last + 1).returning(File.last)
_GET = select(Escalation).where(Escalation.number == _NUMBER, Escalation.escalation == _ESCALATION)
_GET_LOCKED = _GET.with_for_update()
_LIVE = (
    select(Escalation)
    .where(Escalation.number == _NUMBER, Escalation.state.not_in(PASSED_ON))
    .order_by(Escalation.escalation.desc())
    .with_for_update()
)
_ADD_REASON = insert(AddedReason).values(
    {name: bindparam(name) for name in (
        "number", "escalation", "reason", "subject", "from_unit", "added_at", "breach",
    )}
)  # fmt: skip
_WANTED = (
    func.unnest(bindparam("numbers", type_=ARRAY(Text)), bindparam("escalations", type_=ARRAY(Integer)))
    .table_valued("number", "escalation")
    .render_derived("wanted")
)
_REASONS = (
    select(AddedReason)
    .join(_WANTED, and_(AddedReason.number == _WANTED.c.number, AddedReason.escalation == _WANTED.c.escalation))
    .where(AddedReason.withdrawn_at.is_(None))
    .order_by(AddedReason.added_at)
)
_FACTS = (
    select(CaseFact)
    .options(load_only(CaseFact.category, CaseFact.grade, CaseFact.about))
    .where(CaseFact.number == _NUMBER)
)
_KNOWN = select(File.number).where(File.number == _NUMBER)
_SETTLE = (
    update(Escalation)
    .where(Escalation.number == _NUMBER, Escalation.state != EscalationState.RESOLVED)
    .values(state=EscalationState.RESOLVED, resolved_at=_AT, version=Escalation.version + 1)
    .returning(Escalation)
)


async def open_matter(connection: Connection, number: str) -> tuple[str, bool] | None:
    """Return the unit on whose case clocks may be started here: the one an open escalation went to."""
    return (await connection.execute(_OPEN_MATTER, {"number": number})).first()


async def lock(connection: Connection, number: str) -> File:
    """Return the row of a case or file, locked; created at the first escalation of a case."""
    return (await connection.execute(_LOCK, {"number": number})).one()


async def add(connection: Connection, number: str, **columns: object) -> Escalation:
    """Store a new escalation under the next number of its case, whose row is locked, and return its row."""
    escalation = await connection.scalar(_NEXT, {"number": number})
    state = EscalationState.RAISED
    return await rows.insert(connection, Escalation, number=number, escalation=escalation, state=state, **columns)


async def get(connection: Connection, number: str, escalation: int, *, lock: bool = False) -> Escalation:
    """Return an escalation's row; NOT_FOUND where there is none."""
    row = await find(connection, number, escalation, lock=lock)
    return rows.not_found(row, f"{names.file_name(number)}/escalations/{escalation}")


async def find(connection: Connection, number: str, escalation: int, *, lock: bool = False) -> Escalation | None:
    """Return an escalation's row; None where there is none."""
    which = {"number": number, "escalation": escalation}
    return (await connection.execute(_GET_LOCKED if lock else _GET, which)).first()


async def change(connection: Connection, number: str, escalation: int, **columns: object) -> Escalation:
    """Change columns of an escalation and return its new row."""
    return await rows.update(connection, Escalation, {"number": number, "escalation": escalation}, **columns)


async def facts(connection: Connection, number: str) -> CaseFact | None:
    """Return category, grade and the unit complained about as supervision knows them; None if it does not."""
    return (await connection.execute(_FACTS, {"number": number})).first()


async def resolve_below(connection: Connection, row: Escalation, at: datetime) -> list[Escalation]:
    """Resolve all escalations that one continued, and return their rows, the nearest first."""
    resolved: list[Escalation] = []
    while row.climbed_from:
        row = await get(connection, row.number, row.climbed_from, lock=True)
        if row.state is EscalationState.CLIMBED:
            state = EscalationState.RESOLVED
            resolved.append(await change(connection, row.number, row.escalation, state=state, resolved_at=at))
    return resolved


async def live(connection: Connection, number: str) -> Sequence[Escalation]:
    """Return the open escalations of a case, newest first, locked."""
    return await connection.execute(_LIVE, {"number": number})


async def add_reason(connection: Connection, row: Escalation, **columns: object) -> Escalation:
    """Add a reason to an escalation and return its new row."""
    parameters = {"number": row.number, "escalation": row.escalation, **columns}
    await connection.execute(_ADD_REASON, parameters)
    return await change(connection, row.number, row.escalation, reason=row.reason)


async def reasons(connection: Connection, rows: Sequence[Escalation]) -> dict[tuple[str, int], list[AddedReason]]:
    """Return what was added to escalations, in order, by case and escalation."""
    parameters = {"numbers": [row.number for row in rows], "escalations": [row.escalation for row in rows]}
    found: dict[tuple[str, int], list[AddedReason]] = {}
    for each in await connection.execute(_REASONS, parameters):
        found.setdefault((each.number, each.escalation), []).append(each)
    return found


async def must_be_known(connection: Connection, number: str) -> None:
    """Raise NOT_FOUND for a case that was never escalated."""
    if not await connection.scalar(_KNOWN, {"number": number}):
        raise CaseError(Reason.NOT_FOUND, names.file_name(number))


async def settle(connection: Connection, number: str, at: datetime) -> Sequence[Escalation]:
    """Resolve the open escalations of a case and return their rows, in order."""
    found = await connection.execute(_SETTLE, {"number": number, "at": at})
    return sorted(found, key=lambda row: row.escalation)


_TOLD = func.unnest(Escalation.told).column_valued("told_unit")


@lru_cache(maxsize=8)
def _listed(number: bool, only_open: bool, behind: bool) -> Select[Escalation]:
    # Escalations that continue each other belong together: every unit on the way may read all of them.
    found = select(Escalation).where(
        or_(
            Escalation.to_unit.like(_UNIT),
            Escalation.from_unit.like(_UNIT),
            Escalation.origin.like(_UNIT),
            exists(select(_TOLD).where(_TOLD.like(_UNIT))),
        )
    )
    if number:
        found = found.where(Escalation.number == _NUMBER)
    if only_open:
        # One that was continued is shown as the next one, which its units can see: one line per case.
        found = found.where(Escalation.state.not_in(PASSED_ON))
    place = tuple_(Escalation.created_at, Escalation.number, Escalation.escalation)
    if behind:
        found = found.where(place < tuple_(_AT, bindparam("behind", type_=Text), _ESCALATION))
    newest = (Escalation.created_at.desc(), Escalation.number.desc(), Escalation.escalation.desc())
    return found.order_by(*newest).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection,
    unit: str,
    number: str,
    only_open: bool,
    behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Escalation]:
    """Return rows to, from or notified to units of the pattern, newest first, after the mark `behind`."""
    at, last, escalation = behind or (None, "", 0)
    parameters = {
        "unit": unit, "number": number, "at": at, "behind": last, "escalation": escalation, "limit": limit,
    }  # fmt: skip
    return await connection.execute(_listed(bool(number), only_open, behind is not None), parameters)


_KEEP_BREACH = (
    upsert(Breach)
    .values(number=_NUMBER, breach=bindparam("breach"), escalation=_ESCALATION, raised_at=_AT)
    .on_conflict_do_nothing(index_elements=[Breach.number, Breach.breach])
)
_WITHDRAW = (
    update(Breach)
    .where(Breach.number == _NUMBER, Breach.breach == bindparam("breach"), Breach.withdrawn_at.is_(None))
    .values(withdrawn_at=_AT)
    .returning(Breach.escalation)
)
_WITHDRAW_REASON = (
    update(AddedReason)
    .where(
        AddedReason.number == _NUMBER, AddedReason.breach == bindparam("breach"), AddedReason.withdrawn_at.is_(None)
    )
    .values(withdrawn_at=_AT)
    .returning(AddedReason.escalation)
)  # fmt: skip
_BEGINNING = (
    select(Escalation.number, Escalation.escalation, Escalation.state)
    .where(Escalation.number == _NUMBER, Escalation.escalation == _ESCALATION)
    .cte("climb", recursive=True)
)
_CLIMB = _BEGINNING.union_all(
    select(Escalation.number, Escalation.escalation, Escalation.state).join(
        _BEGINNING,
        and_(Escalation.number == _BEGINNING.c.number, Escalation.climbed_from == _BEGINNING.c.escalation),
    )
)
# In those that continued it, their own clocks do not count, only other missed deadlines of the case.
_LEFT = (
    select(func.count())
    .select_from(Breach)
    .join(_CLIMB, and_(Breach.number == _CLIMB.c.number, Breach.escalation == _CLIMB.c.escalation))
    .where(
        Breach.withdrawn_at.is_(None),
        or_(Breach.escalation == _ESCALATION, Breach.breach.not_like("clocks/escalation/%")),
    )
)
# Those that continued it are based on the same breach.
_STANDING_ON = (
    select(_CLIMB.c.escalation).where(_CLIMB.c.state != EscalationState.RESOLVED).order_by(_CLIMB.c.escalation)
)


async def keep_breach(connection: Connection, row: Escalation, breach: str, at: datetime) -> None:
    """Store the missed deadline that caused an escalation, once."""
    parameters = {"number": row.number, "breach": breach, "escalation": row.escalation, "at": at}
    await connection.execute(_KEEP_BREACH, parameters)


async def withdraw_breach(connection: Connection, number: str, breach: str, at: datetime) -> int | None:
    """Withdraw a missed deadline; return the escalation it caused, None if it caused none."""
    return await connection.scalar(_WITHDRAW, {"number": number, "breach": breach, "at": at})


async def withdraw_reason(connection: Connection, number: str, breach: str, at: datetime) -> int | None:
    """Withdraw a reason; return the escalation it had been added to, None if there is none."""
    return await connection.scalar(_WITHDRAW_REASON, {"number": number, "breach": breach, "at": at})


async def has_breaches(connection: Connection, number: str, escalation: int) -> bool:
    """Return whether a missed deadline still supports an escalation or one that continued it."""
    return bool(await connection.scalar(_LEFT, {"number": number, "escalation": escalation}))


async def climb(connection: Connection, number: str, escalation: int) -> list[int]:
    """Return an escalation and those that continued it, without resolved ones, in order."""
    found = await connection.execute(_STANDING_ON, {"number": number, "escalation": escalation})
    return [each for (each,) in found]


_PIN = (
    upsert(PinnedLadder)
    .values({name: bindparam(name) for name in ("hash", "name", "version", "content")})
    .on_conflict_do_nothing(index_elements=[PinnedLadder.hash])
)
_PINNED = select(PinnedLadder.content).where(PinnedLadder.hash == bindparam("hash"))


async def pin(connection: Connection, key: str, name: str, version: str, content: str) -> None:
    """Store the content of a ladder under its hash, once."""
    await connection.execute(_PIN, {"hash": key, "name": name, "version": version, "content": content})


async def pinned(connection: Connection, key: str) -> dict[str, Any]:
    """Return the content of a stored ladder."""
    ((content,),) = await connection.execute(_PINNED, {"hash": key})
    return content
