"""Statements of clues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute

from casework import names
from casework.door.clue import SHOWN_TO_ADDRESSEE
from services.escalation import scope
from services.escalation.clues.models import ClueUse
from services.escalation.models import Clue
from services.kit.instants import NEVER
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event

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
        sealed_handling=None, sealed_return=None, declined="",
    )
)  # fmt: skip
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
    """Erase the texts of a clue and who gave it."""
    await connection.execute(_ERASE, {"number": row.number})


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
