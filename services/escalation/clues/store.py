"""Statements of clues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    LargeBinary,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    column,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from casework import names
from casework.door.clue import SHOWN_TO_ADDRESSEE, ClueResult
from services.escalation import scope
from services.escalation.clues.models import ClueErasure, ClueHold, ClueReach, ClueUse
from services.escalation.models import Clue, ClueCode, File
from services.kit.instants import NEVER
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event
from services.kit.storage.tables.erasure_tables import ErasureTables

READINGS = {"ClueTextRead": False, "ClueReporterRead": True}
"""Events of a reading; whether who gave the clue was read."""

_INSTANT = DateTime(timezone=True)
_NUMBER, _NUMBERS = bindparam("number", type_=Text), any_(bindparam("numbers", type_=ARRAY(Text)))
_LIMIT, _NOW = bindparam("limit", type_=Integer), bindparam("now", type_=_INSTANT)
_GET = select(Clue).where(Clue.number == _NUMBER)
_USES = select(ClueUse).where(ClueUse.number == _NUMBERS).order_by(ClueUse.number, ClueUse.used_at, ClueUse.target)
_USE = insert(ClueUse).values(number=_NUMBER, target=bindparam("target"), used_at=bindparam("at", type_=_INSTANT))
# All texts are erased: of a clue that was not true only number, kind and places remain.
_ERASE = (
    update(Clue)
    .where(Clue.number == _NUMBER)
    .values(
        sealed_clue=None, sealed_reporter=None, sealed_instruction=None, sealed_finding=None, sealed_transfer=None,
        sealed_handling=None, sealed_return=None, sealed_earlier=None, declined="",
    )
)  # fmt: skip
_ERASE_CODE = update(ClueCode).where(ClueCode.number == _NUMBER).values(sealed=None)
_BY_CODE = select(ClueCode).where(ClueCode.code_index == bindparam("index", type_=LargeBinary)).with_for_update()
_SLIP = select(ClueCode).where(ClueCode.number == _NUMBER)
_COUNT_WRONG = (
    update(ClueCode)
    .where(ClueCode.number == _NUMBER)
    .values(failed=bindparam("failed"), closed_until=bindparam("until", type_=_INSTANT))
)
KEPT = ErasureTables(ClueErasure, ClueReach, ClueHold)
"""Erasures and holds as stored."""
_READINGS = (
    select(Event)
    .where(
        Event.number == _NUMBER, Event.kind.in_(sorted(READINGS)), Event.id < bindparam("behind", type_=BigInteger)
    )
    .order_by(Event.id.desc())
    .limit(_LIMIT)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list: `unit` is the one whose subtree may be shown; an empty value means no filter."""

    unit: str
    now: datetime
    state: int = 0
    source: int = 0
    about: str = ""
    open: bool = False
    overdue: bool = False

    @property
    def filters(self) -> tuple[bool, ...]:
        """The filters that are set: state, source, about, open, overdue."""
        return bool(self.state), bool(self.source), bool(self.about), self.open, self.overdue

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the statements."""
        own, about = scope.subtree(self.unit), scope.subtree(self.about or "cn")
        return {**own, "state": self.state, "source": self.source, "about_low": about["low"],
                "about_high": about["high"], "now": self.now}  # fmt: skip


async def add(connection: Connection, number: str, **columns: object) -> Clue:
    """Store a clue and return its row."""
    return await rows.insert(connection, Clue, number=number, **columns)


async def get(connection: Connection, number: str) -> Clue:
    """Return a clue; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def change(connection: Connection, row: Clue, **columns: object) -> Clue:
    """Change columns of a clue and return its new row."""
    return await rows.update(connection, Clue, {"number": row.number}, **columns)


async def erase(connection: Connection, row: Clue) -> None:
    """Erase the texts of a clue and who gave it, with the words of its code."""
    for statement in (_ERASE, _ERASE_CODE):
        await connection.execute(statement, {"number": row.number})


async def keep_code(connection: Connection, number: str, index: bytes, sealed: bytes) -> None:
    """Store the code of a clue."""
    await rows.insert(connection, ClueCode, number=number, code_index=index, sealed=sealed)


async def slip(connection: Connection, number: str) -> ClueCode | None:
    """Return the code of a clue; None if it has none."""
    return (await connection.execute(_SLIP, {"number": number})).first()


async def by_code(connection: Connection, index: bytes) -> ClueCode:
    """Return the clue that a code belongs to, locked, so that simultaneous answers are all counted; NOT_FOUND."""
    return rows.not_found((await connection.execute(_BY_CODE, {"index": index})).first(), "clues")


async def count_wrong(connection: Connection, number: str, failed: int, until: datetime | None) -> None:
    """Store how many wrong answers in a row a code had, and until when it is closed."""
    await connection.execute(_COUNT_WRONG, {"number": number, "failed": failed, "until": until})


async def told(connection: Connection, number: str) -> dict[str, int]:
    """Return counts of what an erasure of a clue reaches."""
    return {"clues": 1}


class Due(NamedTuple):
    """A clue whose retention is over."""

    number: str
    result: ClueResult
    until: datetime


async def due(
    connection: Connection, years: Mapping[ClueResult, int], within: Mapping[str, str], now: datetime,
    behind: tuple[datetime, str] | None, limit: int,
) -> list[Due]:  # fmt: skip
    """Return clues of a range of units whose retention is over, the longest expired first; `years` by result."""
    mark, number = behind or (None, "")
    parameters = {
        **within, "results": list(map(int, years)), "years": list(years.values()), "now": now, "at": mark,
        "behind": number, "limit": limit,
    }  # fmt: skip
    return [Due(*row) for row in await connection.execute(_due(behind is not None), parameters)]


async def use(connection: Connection, row: Clue, target: str, at: datetime) -> None:
    """Record what a clue was used for."""
    await connection.execute(_USE, {"number": row.number, "target": target, "at": at})


async def uses(connection: Connection, numbers: Sequence[str]) -> dict[str, list[ClueUse]]:
    """Return what clues were used for, by their number."""
    found: dict[str, list[ClueUse]] = {number: [] for number in numbers}
    for each in await connection.execute(_USES, {"numbers": list(numbers)}):
        found[each.number].append(each)
    return found


async def readings(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Event]:
    """Return the events of readings of a clue, latest first."""
    return (await connection.execute(_READINGS, {"number": number, "behind": behind, "limit": limit})).all()


_LOW, _HIGH = bindparam("low", type_=Text), bindparam("high", type_=Text)


def _within(
    unit: InstrumentedAttribute[str], low: ColumnElement[str] = _LOW, high: ColumnElement[str] = _HIGH
) -> ColumnElement[bool]:
    return and_(unit >= low, unit < high)


_CLASSES = (
    func.unnest(bindparam("results", type_=ARRAY(SmallInteger)), bindparam("years", type_=ARRAY(Integer)))
    .table_valued(column("result", SmallInteger), column("years", Integer))
    .render_derived("classes")
)
_UNTIL = Clue.closed_at + func.make_interval(_CLASSES.c.years)
_HELD = exists().where(ClueHold.number == Clue.number, ClueHold.lifted_at.is_(None))


@lru_cache(maxsize=2)
def _due(behind: bool) -> Select[*tuple[Any, ...]]:
    found = (
        select(Clue.number, Clue.result, _UNTIL)
        .join(_CLASSES, Clue.result == _CLASSES.c.result)
        .join(File, File.number == Clue.number)
        .where(_within(Clue.unit), File.erased_at.is_(None), _UNTIL <= _NOW, not_(_HELD))
    )
    if behind:
        end = tuple_(bindparam("at", type_=_INSTANT), bindparam("behind", type_=Text))
        found = found.where(tuple_(_UNTIL, Clue.number) > end)
    return found.order_by(_UNTIL, Clue.number).limit(_LIMIT)


_SEEN = or_(
    _within(Clue.unit),
    _within(Clue.verifier),
    and_(_within(Clue.addressee), Clue.state.in_(sorted(SHOWN_TO_ADDRESSEE))),
)
_DUE = func.coalesce(Clue.due_at, literal(NEVER, _INSTANT))
_ABOUT = _within(Clue.about, bindparam("about_low", type_=Text), bindparam("about_high", type_=Text))


def _where(state: bool, source: bool, about: bool, only_open: bool, overdue: bool) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = [_SEEN]
    parts += [Clue.state == bindparam("state", type_=SmallInteger)] if state else []
    parts += [Clue.source == bindparam("source", type_=SmallInteger)] if source else []
    parts += [_ABOUT] if about else []
    parts += [Clue.closed_at.is_(None)] if only_open else []
    parts += [Clue.due_at < _NOW] if overdue else []
    return parts


@lru_cache(maxsize=64)
def _listed(behind: bool, *filters: bool) -> Select[Clue]:
    found = select(Clue).where(*_where(*filters))
    if behind:
        end = tuple_(bindparam("at", type_=_INSTANT), bindparam("behind", type_=Text))
        found = found.where(tuple_(_DUE, Clue.number) > end)
    return found.order_by(_DUE, Clue.number).limit(_LIMIT)


@lru_cache(maxsize=32)
def _counted(*filters: bool) -> Select[int]:
    return select(func.count()).select_from(Clue).where(*_where(*filters))


async def listed(
    connection: Connection, wanted: Wanted, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Clue]:
    """Return clues of the units, the next due first, closed ones last."""
    at, number = behind or (None, "")
    parameters = {**wanted.parameters, "at": at, "behind": number, "limit": limit}
    return (await connection.execute(_listed(behind is not None, *wanted.filters), parameters)).all()


async def counted(connection: Connection, wanted: Wanted) -> int:
    """Return how many clues there are with these filters."""
    return await connection.scalar(_counted(*wanted.filters), wanted.parameters) or 0
