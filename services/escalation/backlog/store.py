"""Statements of the backlog and of plans to clear it: counted from the facts, as of the end of a day.

A matter is open at an instant if it was received before and is not over, or was over later. Of a matter that was
closed and reopened only the last closing is known: it counts as open throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased

from casework import names
from casework.supervision.matters.backlog import TOLD, Fate, SettledBy
from services.escalation.backlog.models import BacklogMatter, BacklogPlan, BacklogTarget
from services.escalation.models import CaseFact
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.storage import rows
from services.kit.storage.database import Connection

_INSTANT = DateTime(timezone=True)
_AT, _BEFORE, _AFTER = (bindparam(name, type_=_INSTANT) for name in ("at", "before", "after"))
_NUMBER, _LIMIT = bindparam("number", type_=Text), bindparam("limit", type_=Integer)
_NUMBERS = any_(bindparam("numbers", type_=ARRAY(Text)))

_OPEN = and_(
    CaseFact.received_at <= _BEFORE,
    CaseFact.received_at > _AFTER,
    or_(CaseFact.closed_at.is_(None), CaseFact.closed_at > _AT),
)


class Line(NamedTuple):
    """A matter of the backlog."""

    number: str
    unit: str
    category: str
    received_at: datetime
    fate: int
    merged_into: str


class OfUnit(NamedTuple):
    """How many matters of a unit are in a band of age, by its number from 1."""

    unit: str
    band: int
    matters: int


class Progress(NamedTuple):
    """What became of the matters of a target."""

    plan: str
    target: int
    fate: int
    matters: int


@dataclass(frozen=True, slots=True)
class Asked:
    """As of which instant, and which ages: received at `before` or earlier, and after `after`."""

    units: Range
    at: datetime
    before: datetime
    after: datetime

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of the statements."""
        return {**self.units, "at": self.at, "before": self.before, "after": self.after}


_AGE = bindparam("day", type_=Date) - cast(func.timezone("Asia/Shanghai", CaseFact.received_at), Date)
_AGED = (
    select(
        CaseFact.unit.label("unit"),
        func.width_bucket(_AGE, bindparam("bands", type_=ARRAY(Integer)), type_=Integer).label("band"),
    )
    .where(within(CaseFact.unit), _OPEN)
    .subquery("aged")
).c
_BY_BAND = select(_AGED.unit, _AGED.band, func.count()).group_by(_AGED.unit, _AGED.band).order_by(_AGED.unit)
_COUNT = select(func.count()).select_from(CaseFact).where(within(CaseFact.unit), _OPEN)


@lru_cache(maxsize=2)
def _listed(behind: bool) -> Select[str, str, str, datetime, int, str]:
    found = select(
        CaseFact.number, CaseFact.unit, CaseFact.category, CaseFact.received_at, literal(0), literal("")
    ).where(within(CaseFact.unit), _OPEN)
    if behind:
        end = tuple_(bindparam("mark", type_=_INSTANT), bindparam("key", type_=Text))
        found = found.where(tuple_(CaseFact.received_at, CaseFact.number) > end)
    return found.order_by(CaseFact.received_at, CaseFact.number).limit(_LIMIT)


async def listed(connection: Connection, asked: Asked, behind: tuple[datetime, str] | None, limit: int) -> list[Line]:
    """Return open matters, the oldest first."""
    mark, key = behind or (None, "")
    parameters = {**asked.parameters, "mark": mark, "key": key, "limit": limit}
    return [Line(*row) for row in await connection.execute(_listed(behind is not None), parameters)]


async def counted(connection: Connection, asked: Asked) -> int:
    """Return how many open matters there are."""
    return await connection.scalar(_COUNT, asked.parameters) or 0


async def by_band(connection: Connection, asked: Asked, day: date, bands: Sequence[int]) -> list[OfUnit]:
    """Return how many open matters units have by age on a day; `bands` are the ages at which each band begins."""
    parameters = {**asked.parameters, "day": day, "bands": list(bands)}
    return [OfUnit(*row) for row in await connection.execute(_BY_BAND, parameters)]


# --- plans ----------------------------------------------------------------------------------------------------------

_PLAN = select(BacklogPlan).where(BacklogPlan.number == _NUMBER)
_TARGETS = (
    select(BacklogTarget).where(BacklogTarget.number == _NUMBERS).order_by(BacklogTarget.number, BacklogTarget.target)
)
_FIX = insert(BacklogMatter).from_select(
    ["plan", "matter", "target", "unit", "received_at"],
    select(_NUMBER, CaseFact.number, bindparam("target", type_=Integer), CaseFact.unit, CaseFact.received_at).where(
        within(CaseFact.unit), _OPEN
    ),
)
_SEEN = or_(
    within(BacklogPlan.unit),
    and_(
        BacklogPlan.state.in_(sorted(TOLD)),
        BacklogPlan.number.in_(select(BacklogTarget.number).where(within(BacklogTarget.unit))),
    ),
)

# A merged matter goes on in the one it was merged into: intake names the last one of a chain.
_Own, _Heir = aliased(CaseFact, name="own"), aliased(CaseFact, name="heir")
_IS_MERGED = and_(_Own.state == "MERGED", _Own.merged_into != "", _Own.closed_at <= _AT)


def _settled(fact: type[CaseFact]) -> ColumnElement[bool]:
    return and_(fact.closed_at <= _AT, fact.case_seq > 0, fact.outcome.in_(list(SettledBy)))


def _fate(fate: Fate) -> ColumnElement[int]:
    return literal_column(str(int(fate)), Integer)


def _of(fact: type[CaseFact]) -> ColumnElement[int]:
    """Return what became of a matter by itself."""
    over = (fact.closed_at <= _AT, _fate(Fate.LEFT))
    return case((_settled(fact), _fate(Fate.SETTLED)), over, else_=_fate(Fate.OPEN))


_TOLD = (
    select(
        BacklogMatter.plan,
        BacklogMatter.target,
        BacklogMatter.matter,
        BacklogMatter.unit,
        func.coalesce(_Own.category, "", type_=Text).label("category"),
        BacklogMatter.received_at,
        case((_IS_MERGED, _of(_Heir)), else_=_of(_Own)).label("fate"),
        case((_IS_MERGED, _Own.merged_into), else_="").label("merged_into"),
    )
    .outerjoin_from(BacklogMatter, _Own, _Own.number == BacklogMatter.matter)
    .outerjoin(_Heir, _Heir.number == _Own.merged_into)
    .where(BacklogMatter.plan == _NUMBERS, BacklogMatter.target == any_(bindparam("targets", type_=ARRAY(Integer))))
    .subquery("told")
).c
_PROGRESS = select(_TOLD.plan, _TOLD.target, _TOLD.fate, func.count()).group_by(_TOLD.plan, _TOLD.target, _TOLD.fate)


async def add(connection: Connection, number: str, **columns: object) -> BacklogPlan:
    """Store a plan and return its row."""
    return await rows.insert(connection, BacklogPlan, number=number, **columns)


async def add_target(connection: Connection, number: str, target: int, **columns: object) -> BacklogTarget:
    """Store a target of a plan and return its row."""
    return await rows.insert(connection, BacklogTarget, number=number, target=target, **columns)


async def get(connection: Connection, number: str) -> BacklogPlan:
    """Return a plan; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_PLAN, {"number": number})).first(), names.file_name(number))


async def targets(connection: Connection, numbers: Sequence[str]) -> Sequence[BacklogTarget]:
    """Return the targets of plans, in order."""
    return (await connection.execute(_TARGETS, {"numbers": list(numbers)})).all()


async def change(connection: Connection, row: BacklogPlan, **columns: object) -> BacklogPlan:
    """Change columns of a plan and return its new row."""
    return await rows.update(connection, BacklogPlan, {"number": row.number}, **columns)


async def change_target(connection: Connection, row: BacklogTarget, **columns: object) -> BacklogTarget:
    """Change columns of a target and return its new row."""
    return await rows.update(connection, BacklogTarget, {"number": row.number, "target": row.target}, **columns)


async def fix(connection: Connection, row: BacklogTarget, asked: Asked) -> None:
    """Fix which matters a target counts: those that are backlog of its unit now."""
    await connection.execute(_FIX, {**asked.parameters, "number": row.number, "target": row.target})


async def progress(
    connection: Connection, numbers: Sequence[str], targets: Sequence[int], at: datetime
) -> list[Progress]:
    """Return what became of the matters that plans count, by target."""
    parameters = {"numbers": list(numbers), "targets": list(targets), "at": at}
    return [Progress(*row) for row in await connection.execute(_PROGRESS, parameters)]


@lru_cache(maxsize=4)
def _counted_ones(behind: bool, of_fate: bool) -> Select[str, str, str, datetime, int, str]:
    told = (_TOLD.matter, _TOLD.unit, _TOLD.category, _TOLD.received_at, _TOLD.fate, _TOLD.merged_into)
    found = select(*told)
    if of_fate:
        found = found.where(_TOLD.fate == bindparam("fate", type_=Integer))
    if behind:
        end = tuple_(bindparam("mark", type_=_INSTANT), bindparam("key", type_=Text))
        found = found.where(tuple_(_TOLD.received_at, _TOLD.matter) > end)
    return found.order_by(_TOLD.received_at, _TOLD.matter).limit(_LIMIT)


async def plan_matters(
    connection: Connection, number: str, targets: Sequence[int], at: datetime, fate: int,
    behind: tuple[datetime, str] | None, limit: int,
) -> list[Line]:  # fmt: skip
    """Return the matters that targets of a plan count, the oldest first."""
    mark, key = behind or (None, "")
    parameters = {"numbers": [number], "targets": list(targets), "at": at, "fate": fate, "mark": mark, "key": key,
                  "limit": limit}  # fmt: skip
    return [Line(*row) for row in await connection.execute(_counted_ones(behind is not None, bool(fate)), parameters)]


@lru_cache(maxsize=2)
def _plans(behind: bool) -> Select[BacklogPlan]:
    found = select(BacklogPlan).where(_SEEN)
    if behind:
        end = tuple_(bindparam("mark", type_=_INSTANT), bindparam("key", type_=Text))
        found = found.where(tuple_(BacklogPlan.drafted_at, BacklogPlan.number) < end)
    return found.order_by(BacklogPlan.drafted_at.desc(), BacklogPlan.number.desc()).limit(_LIMIT)


async def plans(
    connection: Connection, units: Range, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[BacklogPlan]:
    """Return plans that units keep or have a target of, latest first."""
    mark, key = behind or (None, "")
    parameters = {**units, "mark": mark, "key": key, "limit": limit}
    return (await connection.execute(_plans(behind is not None), parameters)).all()
