"""Statements of the versions of plans and of their changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, func, insert, select, tuple_, update

from casework.errors import CaseError, Reason
from casework.mediation.plan_change import ChangeState, PlanCause, Planned
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.plans import PlanChange, PlanVersion

_NUMBER = bindparam("number", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_IS_OPEN = PlanChange.state == ChangeState.PROPOSED
_COLUMNS = ("number", "plan_version", "cause", "change", "made_by", "approved_by", "made_at", "tasks", "migration")
_ADD = insert(PlanVersion).values({name: bindparam(name) for name in _COLUMNS})
_LAST = (
    select(PlanVersion)
    .where(PlanVersion.number == _NUMBER)
    .order_by(PlanVersion.plan_version.desc())
    .limit(bindparam("limit", type_=Integer))
)
_VERSIONS = (
    select(PlanVersion)
    .where(PlanVersion.number == _NUMBER, PlanVersion.plan_version >= bindparam("since", type_=Integer))
    .order_by(PlanVersion.plan_version)
    .limit(bindparam("limit", type_=Integer))
)
_CURRENT = select(func.max(PlanVersion.plan_version)).where(PlanVersion.number == _NUMBER)
_OPEN = select(select(PlanChange.change).where(PlanChange.number == _NUMBER, _IS_OPEN).exists())
_LAPSE = (
    update(PlanChange)
    .where(PlanChange.number == _NUMBER, _IS_OPEN)
    .values(state=ChangeState.LAPSED, decided_at=_AT, version=PlanChange.version + 1)
    .returning(PlanChange)
)


def name_of(number: str, change: int) -> str:
    """Return `cases/{number}/planChanges/{change}`."""
    return f"cases/{number}/planChanges/{change}"


def tasks_of(version: PlanVersion) -> list[Planned]:
    """Return the tasks that a version has."""
    return [Planned(**each) for each in version.tasks]


async def add_version(
    connection: Connection, number: str, version: int, cause: PlanCause, tasks: Sequence[Planned], made_at: datetime,
    made_by: str, approved_by: str = "", change: int = 0, migration: int = 0,
) -> None:  # fmt: skip
    """Store a version of the plan of a locked case."""
    stored = [{name: getattr(each, name) for name in Planned.__slots__} for each in tasks]
    await connection.execute(
        _ADD,
        {
            "number": number, "plan_version": version, "cause": cause, "change": change, "made_by": made_by,
            "approved_by": approved_by, "made_at": made_at, "tasks": stored, "migration": migration,
        },
    )  # fmt: skip


async def last(connection: Connection, number: str) -> PlanVersion | None:
    """Return the current version of a plan; None for a case that is being opened."""
    return (await connection.execute(_LAST, {"number": number, "limit": 1})).first()


async def current(connection: Connection, number: str) -> int:
    """Return the number of the current version of a plan."""
    return await connection.scalar(_CURRENT, {"number": number}) or 0


async def versions(connection: Connection, number: str, since: int, limit: int) -> Sequence[PlanVersion]:
    """Return versions of a plan from this one on, oldest first."""
    return list(await connection.execute(_VERSIONS, {"number": number, "since": since, "limit": limit}))


async def version(connection: Connection, number: str, plan_version: int) -> PlanVersion:
    """Return a version of a plan; NOT_FOUND where there is none."""
    name = f"cases/{number}/plan/versions/{plan_version}"
    return await rows.get(connection, PlanVersion, name, number=number, plan_version=plan_version)


async def waits(connection: Connection, number: str) -> bool:
    """Return whether a change of the plan waits for its decision."""
    return bool(await connection.scalar(_OPEN, {"number": number}))


async def none_may_wait(connection: Connection, number: str) -> None:
    """Raise PLAN_CHANGE_OPEN while a change of the plan waits for its decision."""
    if await waits(connection, number):
        raise CaseError(Reason.PLAN_CHANGE_OPEN)


async def next_of(connection: Connection, number: str) -> int:
    """Return the number of the next change in a locked case."""
    return await rows.next_of(connection, PlanChange.change, number=number)


async def add(connection: Connection, **columns: object) -> PlanChange:
    """Store a change and return its row."""
    return await rows.insert(connection, PlanChange, **columns)


async def get(connection: Connection, number: str, change: int) -> PlanChange:
    """Return a change; NOT_FOUND where there is none."""
    return await rows.get(connection, PlanChange, name_of(number, change), number=number, change=change)


async def changes_of(connection: Connection, number: str) -> Sequence[PlanChange]:
    """Return all changes of the plan of a case, oldest first."""
    return await rows.find(connection, PlanChange, PlanChange.change, number=number)


async def change(connection: Connection, row: PlanChange, **columns: object) -> PlanChange:
    """Change columns of a change and return its new row."""
    return await rows.update(connection, PlanChange, {"number": row.number, "change": row.change}, **columns)


async def lapse(connection: Connection, number: str, at: datetime) -> Sequence[PlanChange]:
    """Let the open change of a case lapse, and return its row."""
    return await connection.execute(_LAPSE, {"number": number, "at": at})


@lru_cache(maxsize=8)
def _listed(number: bool, only_open: bool, behind: bool) -> Select[PlanChange]:
    place = (PlanChange.proposed_at, PlanChange.number, PlanChange.change)
    found = select(PlanChange)
    if number:
        found = found.where(PlanChange.number == _NUMBER)
    else:
        found = found.where(PlanChange.unit.like(bindparam("unit", type_=Text)))
    if only_open:
        found = found.where(_IS_OPEN)
    if behind:
        after = (_AT, bindparam("behind", type_=Text), bindparam("change", type_=Integer))
        found = found.where(tuple_(*place) > tuple_(*after))
    return found.order_by(*place).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, number: str, only_open: bool, behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[PlanChange]:  # fmt: skip
    """Return changes of a case, or of the cases of a unit pattern, oldest first."""
    parameters: dict[str, object] = {"unit": unit, "number": number, "limit": limit}
    if behind:
        parameters |= dict(zip(("at", "behind", "change"), behind, strict=True))
    return await connection.execute(_listed(bool(number), only_open, behind is not None), parameters)
