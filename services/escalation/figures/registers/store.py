"""Statements of the four lists and four ledgers, each a query over existing records; and of the fixes of rules.

All queries return lines of the same form: unit, instant, key, number, subject, what, due_at, category, grade, outcome,
performance. The conditions on unit and instant are pushed into each part, where an index serves them.
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    SQLColumnExpression,
    Text,
    and_,
    bindparam,
    case,
    cast,
    collate,
    func,
    literal,
    null,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from casework import names
from casework.door.clue import ClueResult, ClueState
from casework.supervision.figures.assessment import RuleFixState
from services.escalation.figures.models import Digest, DigestDay, RuleFix, WorkClock
from services.escalation.models import CaseFact, Clue, File, Matter
from services.escalation.scope import Range
from services.escalation.store import within
from services.kit.clocks.models import LIVE, ClockState
from services.kit.storage import rows
from services.kit.storage.database import Connection


class Register(IntEnum):
    """A list or a ledger; the numbers are those of the contract."""

    RESPONSIBILITY = 1
    TASK = 2
    PROBLEM = 3
    INSTITUTION = 4
    WORK = 5
    LEAD = 6
    JUDGEMENT = 7
    DISPOSAL = 8


LEDGERS = frozenset({Register.WORK, Register.LEAD, Register.JUDGEMENT, Register.DISPOSAL})
"""Shown newest first; the lists oldest first."""
_LOOKED_AT = ("assessments", "meetings", "warnings", "consultations", "clusters", "reviews")
"""Files in which somebody reviewed the state of affairs."""


class Entry(NamedTuple):
    """A line of a list or a ledger."""

    unit: str
    at: datetime
    key: str
    number: str
    subject: str
    what: str
    due_at: datetime | None
    category: str
    grade: int
    outcome: str
    performance: str


Column = SQLColumnExpression[Any]
"""A column, or an expression over columns."""
Line = Select[str, datetime, str, str, str, str, datetime | None, str, int, str, str]
_NOTHING = literal("")
_NOUGHT = literal(0)
_NEVER = cast(null(), DateTime(timezone=True))


def _line(
    at: Column, key: Column, what: Column, *, unit: Column, number: Column, subject: Column = _NOTHING,
    due: Column = _NEVER, category: Column = _NOTHING, grade: Column = _NOUGHT, outcome: Column = _NOTHING,
    performance: Column = _NOTHING,
) -> Line:  # fmt: skip
    told = (unit, at, key, number, subject, what, due, category, grade, outcome, performance)
    return select(*(each.label(name) for name, each in zip(Entry._fields, told, strict=True)))


def _of_case(at: Column, what: Column, *holds: ColumnElement[bool], mark: str = "") -> Line:
    fact = CaseFact
    return _line(
        at, fact.number.concat(mark) if mark else fact.number, what, unit=fact.unit, number=fact.number,
        category=fact.category, grade=fact.grade, outcome=fact.mediation, performance=fact.performance,
    ).where(*holds)  # fmt: skip


def _of_clock(at: Column, what: Column, *holds: ColumnElement[bool]) -> Line:
    clock = WorkClock
    return _line(
        at, clock.service.concat("/").concat(clock.clock), what, unit=clock.unit, number=clock.number,
        subject=clock.subject, due=clock.due_at,
    ).where(*holds)  # fmt: skip


def _either(first: InstrumentedAttribute[str], second: InstrumentedAttribute[str]) -> ColumnElement[str]:
    """Return the first word in lower case, or the second if there is none."""
    return func.lower(case((first != "", first), else_=second))


def _named(number: Column, states: type[IntEnum]) -> Column:
    """Return the name of a state in lower case; empty where it has none."""
    return case(*((number == state, state.name.lower()) for state in states), else_="")


_RUNS, _ON_THE_LEDGER = WorkClock.state.in_(LIVE), and_(Matter.struck_off_at.is_(None), Matter.unit != "")
_DAY = cast(Digest.day, Text)
_SOURCES: dict[Register, tuple[Line, ...]] = {
    Register.RESPONSIBILITY: (
        _of_case(CaseFact.received_at, _either(CaseFact.stage, CaseFact.state), CaseFact.closed_at.is_(None)),
        _line(
            Matter.registered_at, Matter.number, Matter.level, unit=Matter.unit, number=Matter.number,
            category=Matter.category, grade=Matter.grade,
        ).where(_ON_THE_LEDGER),
    ),
    Register.TASK: (_of_clock(WorkClock.started_at, WorkClock.rule, _RUNS),),
    Register.PROBLEM: (
        _of_clock(
            WorkClock.due_at, literal("overdue-").concat(WorkClock.rule), _RUNS,
            WorkClock.due_at < bindparam("now", type_=DateTime(timezone=True)),
        ),
        _of_case(
            CaseFact.last_closed_at, literal("recurred"), CaseFact.recurred.is_(True),
            CaseFact.last_closed_at.is_not(None), mark="/recurred",
        ),
        _of_case(
            CaseFact.last_closed_at, literal("not-performed"), CaseFact.performance.in_(("NOT", "PART")),
            CaseFact.last_closed_at.is_not(None), mark="/not-performed",
        ),
        _line(
            Matter.registered_at, Matter.number.concat("/returned"), literal("returned"), unit=Matter.unit,
            number=Matter.number,
        ).where(Matter.returned > 0, _ON_THE_LEDGER),
    ),
    Register.INSTITUTION: (
        _line(
            RuleFix.proposed_at, RuleFix.number,
            _named(RuleFix.state, RuleFixState),
            unit=RuleFix.unit, number=RuleFix.number, subject=RuleFix.problem,
        ),
    ),
    Register.WORK: (
        _of_clock(
            WorkClock.stopped_at, WorkClock.rule, WorkClock.state == ClockState.MET, WorkClock.stopped_at.is_not(None)
        ),
    ),
    Register.LEAD: (
        _of_case(CaseFact.received_at, CaseFact.door),
        _line(
            Clue.registered_at, Clue.number, literal("clue-").concat(_named(Clue.state, ClueState)), unit=Clue.unit,
            number=Clue.number, due=Clue.due_at, category=Clue.category, outcome=_named(Clue.result, ClueResult),
        ),
    ),
    Register.JUDGEMENT: (
        _line(
            DigestDay.compiled_at, Digest.unit.concat("/").concat(_DAY), literal("digest"), unit=Digest.unit,
            number=_NOTHING, subject=literal("units/").concat(Digest.unit).concat("/digests/").concat(_DAY),
        ).join_from(Digest, DigestDay, DigestDay.day == Digest.day),
        _line(
            File.opened_at, File.number, func.split_part(File.number, "-", 1), unit=File.unit, number=File.number
        ).where(File.opened_at.is_not(None), func.split_part(File.number, "-", 1).in_(_LOOKED_AT)),
    ),
    Register.DISPOSAL: (
        _of_case(CaseFact.closed_at, _either(CaseFact.outcome, CaseFact.state), CaseFact.closed_at.is_not(None)),
    ),
}  # fmt: skip


@lru_cache(maxsize=16)
def _listed(register: Register, behind: bool) -> Line:
    lines = union_all(*_SOURCES[register]).subquery("lines").c
    newest_first = register in LEDGERS
    place = (lines.at, collate(lines.key, "C"))
    found = select(*lines).where(within(lines.unit))
    if behind:
        end = tuple_(bindparam("mark", type_=DateTime(timezone=True)), bindparam("key", type_=Text))
        found = found.where(tuple_(*place) < end if newest_first else tuple_(*place) > end)
    order = [each.desc() if newest_first else each.asc() for each in place]
    return found.order_by(*order).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, register: Register, units: Range, behind: tuple[datetime, str] | None, now: datetime,
    limit: int,
) -> list[Entry]:  # fmt: skip
    """Return lines of a register: lists oldest first, ledgers newest first."""
    mark, key = behind or (None, "")
    parameters = {**units, "now": now, "limit": limit, "mark": mark, "key": key}
    found = await connection.execute(_listed(register, behind is not None), parameters)
    return [Entry(*row) for row in found]


async def propose(connection: Connection, number: str, **columns: object) -> RuleFix:
    """Store a new fix and return its row."""
    return await rows.insert(connection, RuleFix, number=number, **columns)


async def fix(connection: Connection, number: str) -> RuleFix:
    """Return a fix; NOT_FOUND where there is none."""
    return await rows.get(connection, RuleFix, names.file_name(number), number=number)


async def decide(connection: Connection, number: str, **columns: object) -> RuleFix:
    """Change columns of a fix and return its new row."""
    return await rows.update(connection, RuleFix, {"number": number}, **columns)
