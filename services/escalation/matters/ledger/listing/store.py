"""Statements over the whole ledger: lists, counts, exports, pages of versions and readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Integer,
    Select,
    Text,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, load_only

from casework.supervision.matters.matter import MatterState
from services.escalation.matters.ledger.models import (
    MatterEvidence,
    MatterProgress,
    MatterReading,
    MatterVersion,
)
from services.escalation.models import File, Matter, MatterAssignment
from services.kit.storage import paging
from services.kit.storage.database import Connection

RESTS = (MatterState.CHECKING, MatterState.STRUCK_OFF)
"""States in which the accountable unit has nothing to do."""

_UNIT, _NUMBER = bindparam("unit", type_=Text), bindparam("number", type_=Text)
_NUMBERS = bindparam("numbers", type_=ARRAY(Text))
_TODAY = bindparam("today", type_=Date)
_LIMIT = bindparam("limit", type_=Integer)
# A matter is visible to its keeping and accountable units, to those that ever had a part in it, and to its author's.
_SEEN = or_(
    Matter.keeper.like(_UNIT),
    Matter.unit.like(_UNIT),
    Matter.number.in_(select(MatterAssignment.number).where(MatterAssignment.unit.like(_UNIT))),
    # Whoever put it forward finds it again.
    Matter.number.in_(
        select(MatterVersion.number).where(MatterVersion.unit.like(_UNIT), MatterVersion.version == literal_column("1"))
    ),
)
_OVERDUE = and_(Matter.due_on < _TODAY, Matter.state.not_in(RESTS))
_PROGRESS = (
    select(MatterProgress.number, MatterProgress.sealed)
    .ext(distinct_on(MatterProgress.number))
    .where(MatterProgress.number == any_(_NUMBERS))
    .order_by(MatterProgress.number, MatterProgress.progress.desc())
)
_PARTS = (
    select(MatterAssignment)
    .join(Matter, and_(Matter.number == MatterAssignment.number, Matter.entry == MatterAssignment.entry))
    .where(MatterAssignment.number == any_(_NUMBERS))
    .order_by(MatterAssignment.number, MatterAssignment.assignment)
)
_KEYS = (
    select(File)
    .options(load_only(File.number, File.sealed_key, File.erased_at))
    .where(File.number == any_(_NUMBERS))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list; `unit` is the unit whose subtree may be shown, an empty value means no filter."""

    unit: str
    today: date
    level: str = ""
    state: int = 0
    grade: int = 0
    overdue: bool = False
    categories: Sequence[str] | None = None
    """Only these categories, those of a field; None for all."""

    @property
    def filters(self) -> tuple[bool, bool, bool, bool, bool]:
        """The possible filters: level, state, grade, overdue, categories."""
        return bool(self.level), bool(self.state), bool(self.grade), self.overdue, self.categories is not None

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            "unit": paging.subtree(self.unit), "today": self.today, "level": self.level, "state": self.state,
            "grade": self.grade, "categories": list(self.categories or ()),
        }  # fmt: skip


def _where(level: bool, state: bool, grade: bool, overdue: bool, categories: bool) -> list[ColumnElement[bool]]:
    parts: list[ColumnElement[bool]] = [_SEEN]
    parts += [Matter.level == bindparam("level")] if level else []
    parts += [Matter.state == bindparam("state")] if state else []
    parts += [Matter.grade == bindparam("grade")] if grade else []
    parts += [_OVERDUE] if overdue else []
    parts += [Matter.category == any_(bindparam("categories", type_=ARRAY(Text)))] if categories else []
    return parts


@lru_cache(maxsize=64)
def _listed(behind: bool, *filters: bool) -> Select[Matter]:
    found = select(Matter).where(*_where(*filters))
    if behind:
        place = tuple_(bindparam("day", type_=Date), _NUMBER)
        found = found.where(tuple_(Matter.urgent_on, Matter.number) > place)
    return found.order_by(Matter.urgent_on, Matter.number).limit(_LIMIT)


async def listed(
    connection: Connection, wanted: Wanted, behind: tuple[date, str] | None, limit: int
) -> Sequence[Matter]:
    """Return matters, overdue ones first and then by due date; `behind` is where the page before ended."""
    day, number = behind or (None, "")
    parameters = {**wanted.parameters, "limit": limit, "day": day, "number": number}
    return await connection.execute(_listed(behind is not None, *wanted.filters), parameters)


class Counted(NamedTuple):
    """How many matters there are; `kind` is `ALL`, or one of `BY_STATE` to `BY_CATEGORY`."""

    kind: int
    state: MatterState
    grade: int
    level: str
    answers: str
    category: str
    matters: int
    overdue: int


ALL, BY_STATE, BY_GRADE, BY_LEVEL, BY_UNIT, BY_CATEGORY = 31, 15, 23, 27, 29, 30
"""What GROUPING says of a row: a bit for each property that it is not counted by."""


@lru_cache(maxsize=32)
def _counted(*filters: bool) -> Select[Any]:
    found = (
        select(
            Matter.state,
            Matter.grade,
            Matter.level,
            _OVERDUE.label("late"),
            case(
                (Matter.unit.like(_UNIT), Matter.unit),
                (and_(Matter.unit == "", Matter.keeper.like(_UNIT)), Matter.keeper),
                else_="",
            ).label("answers"),
            Matter.category,
        )
        .where(*_where(*filters))
        .subquery("found")
        .c
    )
    by = (found.state, found.grade, found.level, found.answers, found.category)
    return (
        select(
            func.grouping(*by), *by, func.count(), func.count().filter(found.late)
        )
        .group_by(func.grouping_sets(tuple_(), *(tuple_(each) for each in by)))
        .order_by(*by)
    )  # fmt: skip


async def counted(connection: Connection, wanted: Wanted) -> list[Counted]:
    """Return how many matters there are in all and by state, grade, level, unit and category, in one statement."""
    rows = await connection.execute(_counted(*wanted.filters), wanted.parameters)
    return [Counted(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an export needs of many matters besides their rows, by number."""

    keys: Mapping[str, File]
    parts: Mapping[str, list[MatterAssignment]]
    progress: Mapping[str, bytes]


async def sealed_of(connection: Connection, numbers: Sequence[str]) -> Sealed:
    """Return keys, parts and last progress reports of matters."""
    asked = {"numbers": list(numbers)}
    keys = {row.number: row for row in await connection.execute(_KEYS, asked)}
    parts: dict[str, list[MatterAssignment]] = {}
    for row in await connection.execute(_PARTS, asked):
        parts.setdefault(row.number, []).append(row)
    progress = dict(iter(await connection.execute(_PROGRESS, asked)))
    return Sealed(keys, parts, progress)


Told = TypeVar("Told", MatterAssignment, MatterProgress, MatterEvidence, MatterVersion)


def _texts(model: type[Told], order: ColumnElement[int] | InstrumentedAttribute[int]) -> Select[Told]:
    return select(model).where(model.number == _NUMBER, model.sealed.is_not(None)).order_by(order).limit(_LIMIT)


_PART_TEXTS = _texts(MatterAssignment, MatterAssignment.assignment)
_PROGRESS_TEXTS = _texts(MatterProgress, MatterProgress.progress.desc())
_EVIDENCE_TEXTS = _texts(MatterEvidence, MatterEvidence.evidence)
_VERSION_TEXTS = _texts(MatterVersion, MatterVersion.version)


async def part_texts(connection: Connection, number: str, limit: int) -> Sequence[MatterAssignment]:
    """Return the parts of a matter that have a sealed text, in order."""
    return await connection.execute(_PART_TEXTS, {"number": number, "limit": limit})


async def progress_texts(connection: Connection, number: str, limit: int) -> Sequence[MatterProgress]:
    """Return the progress reports of a matter that have a sealed text, latest first."""
    return await connection.execute(_PROGRESS_TEXTS, {"number": number, "limit": limit})


async def evidence_texts(connection: Connection, number: str, limit: int) -> Sequence[MatterEvidence]:
    """Return the evidence of a matter that has a sealed text, in order."""
    return await connection.execute(_EVIDENCE_TEXTS, {"number": number, "limit": limit})


async def version_texts(connection: Connection, number: str, limit: int) -> Sequence[MatterVersion]:
    """Return the versions of a matter that have a sealed note, oldest first."""
    return await connection.execute(_VERSION_TEXTS, {"number": number, "limit": limit})


_VERSIONS = (
    select(MatterVersion)
    .where(MatterVersion.number == _NUMBER, MatterVersion.version > bindparam("behind"))
    .order_by(MatterVersion.version)
    .limit(_LIMIT)
)
_READINGS = (
    select(MatterReading)
    .where(MatterReading.number == _NUMBER, MatterReading.id < bindparam("behind"))
    .order_by(MatterReading.id.desc())
    .limit(_LIMIT)
)


async def versions(connection: Connection, number: str, behind: int, limit: int) -> Sequence[MatterVersion]:
    """Return versions of a matter after a number, oldest first."""
    return await connection.execute(_VERSIONS, {"number": number, "behind": behind, "limit": limit})


async def readings(connection: Connection, number: str, behind: int, limit: int) -> Sequence[MatterReading]:
    """Return who read the texts of a matter, latest first, after an id."""
    return await connection.execute(_READINGS, {"number": number, "behind": behind, "limit": limit})
