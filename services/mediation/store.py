"""Statements of cases and of the tasks of their plans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import attrgetter

from sqlalchemy import (
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    all_,
    any_,
    bindparam,
    column,
    distinct,
    exists,
    func,
    insert,
    or_,
    select,
    table,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert

from casework import names
from casework.case import DONE, Stage, TaskState
from casework.errors import CaseError, Reason
from casework.mediation.choosing import OUT_FOR, AskState, PanelRole, PanelState
from services.kit.instants import NEVER
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.listing import KEPT_FROM, By, Listing, Order
from services.kit.storage.sealing import SealedBytes, WrappedKey
from services.mediation.models.cases import Case, Task, TaskReport
from services.mediation.models.consents import Mediation
from services.mediation.models.documents import TakeOut
from services.mediation.models.grants import GIVING, Grant, GrantScope
from services.mediation.models.mediators import Ask, PanelMember
from services.mediation.models.people import Party
from services.mediation.opening import Opened

# Parameters of several statements, each with its type.
_NUMBER = bindparam("number", type_=Text)
_SUBJECT = bindparam("subject", type_=Text)
_TASK = bindparam("task", type_=Integer)
_UNIT = bindparam("unit", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_NOW = bindparam("now", type_=DateTime(timezone=True))
_BEHIND = bindparam("behind", type_=Text)
_LIMIT = bindparam("limit", type_=Integer)

_OPEN_MATTER = select(Case.unit, Case.stage == Stage.CLOSED).where(Case.number == _NUMBER)
_OWNER = select(Case.unit).where(Case.number == _NUMBER)


async def open_matter(connection: Connection, number: str) -> tuple[str, bool] | None:
    """Return the unit of a case, on which clocks may be started here, and whether it is closed.

    On a closed case only clocks that are not part of its handling.
    """
    return (await connection.execute(_OPEN_MATTER, {"number": number})).first()


async def owner(connection: Connection, number: str) -> str | None:
    """Return the unit that owns the history of a case; None if there is no case."""
    return await connection.scalar(_OWNER, {"number": number})


_DUE = func.coalesce(Task.due_at, NEVER)
"""The due time in lists of a task whose clock is paused without an end: after all others."""

_CASE_COLUMNS = (
    "number", "stage", "unit", "about", "channel", "category", "grade", "received_at", "opened_at", "due_at",
    "due_clock", "open_tasks", "plan", "plan_version", "sealed_key", "sealed", "updated_at",
)  # fmt: skip
_TASK_COLUMNS = (
    "number", "task", "state", "unit", "key", "measure", "evidence_rule", "milestone", "optional", "sealed", "due_at",
    "updated_at",
)  # fmt: skip
_ADD_CASE = (
    upsert(Case)
    .values({name: bindparam(name) for name in _CASE_COLUMNS})
    .on_conflict_do_nothing(index_elements=[Case.number])
    .returning(Case.number)
)
_ADD_TASK = insert(Task).values({name: bindparam(name) for name in _TASK_COLUMNS})


async def add(connection: Connection, opened: Opened) -> None:
    """Store a new case with its tasks; ALREADY_EXISTS where the number has a case."""
    if not await connection.scalar(_ADD_CASE, opened.case):
        raise CaseError(Reason.ALREADY_EXISTS, names.case_name(opened.case["number"]))
    await connection.execute(_ADD_TASK, opened.tasks)


async def add_task(connection: Connection, row: dict[str, object]) -> None:
    """Store a task that is added to the plan of a case; the case must be locked."""
    await connection.execute(_ADD_TASK, row)


_LAST_TASK = select(func.coalesce(func.max(Task.task), 0)).where(Task.number == _NUMBER)
_LEFT = select(func.count()).where(Task.number == _NUMBER, Task.state.not_in(sorted(DONE)), Task.optional.is_(False))


async def last_task(connection: Connection, number: str) -> int:
    """Return the number of the newest task of a case; 0 where it has none."""
    return await connection.scalar(_LAST_TASK, {"number": number}) or 0


async def count_open(connection: Connection, number: str, at: datetime) -> Case:
    """Count the open tasks of a case that is being handled, and return its row: handled once none is left to do."""
    left = await connection.scalar(_LEFT, {"number": number}) or 0
    stage = Stage.HANDLING if left else Stage.HANDLED
    return await change(connection, number, at, open_tasks=left, stage=stage)


_GET = select(Case).where(Case.number == _NUMBER)
_LOCK = _GET.with_for_update()
_GET_TASK = select(Task).where(Task.number == _NUMBER, Task.task == _TASK)
_TASKS = select(Task).where(Task.number == _NUMBER).order_by(Task.task)


async def get(connection: Connection, number: str) -> Case:
    """Return a case's row; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.case_name(number))


async def lock(connection: Connection, number: str) -> Case:
    """Return a case's row, locked for change; the lock orders all changes of the case."""
    return rows.not_found((await connection.execute(_LOCK, {"number": number})).first(), names.case_name(number))


async def get_task(connection: Connection, number: str, task: int) -> Task:
    """Return a task's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET_TASK, {"number": number, "task": task})).first()
    return rows.not_found(row, names.task_name(number, task))


async def tasks_of(connection: Connection, number: str) -> Sequence[Task]:
    """Return the rows of a case's tasks, in order of the plan."""
    return await connection.execute(_TASKS, {"number": number})


async def change(connection: Connection, number: str, at: datetime, **columns: object) -> Case:
    """Change columns of a case and return its new row."""
    return await rows.update(connection, Case, {"number": number}, **columns, updated_at=at)


async def change_task(connection: Connection, number: str, task: int, at: datetime, **columns: object) -> Task:
    """Change columns of a task and return its new row."""
    return await rows.update(connection, Task, {"number": number, "task": task}, **columns, updated_at=at)


async def add_report(
    connection: Connection, row: Task, evidence: str, sealed: SealedBytes | None, by: str, at: datetime
) -> int:
    """Store a report that a task of a locked case is done, and return its number."""
    number = await rows.next_of(connection, TaskReport.report, rows.FEW, number=row.number, task=row.task)
    await rows.insert(
        connection, TaskReport, number=row.number, task=row.task, report=number, evidence=evidence, sealed=sealed,
        reported_by=by, reported_at=at,
    )  # fmt: skip
    return number


async def reports_of(connection: Connection, number: str, task: int) -> Sequence[TaskReport]:
    """Return the reports of a task, oldest first."""
    return (await rows.find(connection, TaskReport, TaskReport.report, number=number, task=task)).all()


_INSTANT = DateTime(timezone=True)
_SHORTS = ARRAY(SmallInteger)
LISTED = Listing(
    Case, Case.number, Case.unit.like(_UNIT), Order("open_time", descending=True),
    {"open_time": By(Case.opened_at, attrgetter("opened_at"))},
    {
        "stages": Case.stage == any_(bindparam("stages", type_=_SHORTS)),
        "overdue_by": Case.due_at < func.coalesce(Case.closed_at, bindparam("overdue_by", type_=_INSTANT)),
        "categories": Case.category == any_(bindparam("categories", type_=ARRAY(Text))),
        "grades": Case.grade == any_(bindparam("grades", type_=_SHORTS)),
        "channels": Case.channel == any_(bindparam("channels", type_=_SHORTS)),
        "start": Case.opened_at >= bindparam("start", type_=_INSTANT),
        "end": Case.opened_at < bindparam("end", type_=_INSTANT),
        KEPT_FROM: Case.number != all_(bindparam(KEPT_FROM, type_=ARRAY(Text))),
    },
)  # fmt: skip
"""Lists of cases of a unit pattern."""


@lru_cache(maxsize=32)
def _listed_tasks(number: bool, unit: bool, states: bool, overdue: bool, behind: bool) -> Select[Task]:
    found = select(Task)
    if number:
        found = found.where(Task.number == _NUMBER)
    if unit:
        found = found.where(Task.unit.like(_UNIT))
    if states:
        found = found.where(Task.state == any_(bindparam("states", type_=ARRAY(SmallInteger))))
    if overdue:
        found = found.where(Task.due_at < func.coalesce(Task.reported_at, _NOW), Task.state != TaskState.CANCELLED)
    if behind:
        found = found.where(tuple_(_DUE, Task.number, Task.task) > tuple_(_AT, _BEHIND, _TASK))
    return found.order_by(_DUE, Task.number, Task.task).limit(_LIMIT)


async def listed_tasks(
    connection: Connection,
    unit: str,
    number: str,
    states: Sequence[int],
    overdue_by: datetime | None,
    behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Task]:
    """Return rows of tasks, earliest deadline first, of a unit pattern; a case's tasks where `number` is given."""
    at, after, task = behind or (None, "", 0)
    parameters = {
        "number": number, "unit": unit, "states": list(states), "now": overdue_by, "at": at, "behind": after,
        "task": task, "limit": limit,
    }  # fmt: skip
    statement = _listed_tasks(bool(number), bool(unit), bool(states), overdue_by is not None, behind is not None)
    return await connection.execute(statement, parameters)


_CHANGED = {"version": Task.version + 1, "updated_at": _AT}
_OPEN_TASKS = (Task.number == _NUMBER, Task.state.not_in(sorted(DONE)))
_CANCEL_TASKS = update(Task).where(*_OPEN_TASKS).values(state=TaskState.CANCELLED, **_CHANGED)
_TRANSFER = (
    update(Task)
    .where(*_OPEN_TASKS, Task.unit == bindparam("before", type_=Text))
    .values(unit=_UNIT, dispatched_at=_AT, **_CHANGED)
)


async def cancel_tasks(connection: Connection, number: str, at: datetime) -> None:
    """Cancel the tasks of a case that ended before they were done."""
    await connection.execute(_CANCEL_TASKS, {"number": number, "at": at})


async def transfer(connection: Connection, number: str, before: str, unit: str, at: datetime) -> None:
    """Move the open tasks of the formerly accountable unit to the one that is accountable now."""
    await connection.execute(_TRANSFER, {"number": number, "before": before, "unit": unit, "at": at})


_KEYS = select(Case.number, Case.sealed_key).where(
    Case.number == any_(bindparam("numbers", type_=ARRAY(Text))), Case.sealed_key.is_not(None), Case.erased_at.is_(None)
)


async def keys_of(connection: Connection, numbers: Iterable[str]) -> dict[str, WrappedKey]:
    """Return the data keys of cases, wrapped, by number; without those that have none."""
    found = await connection.execute(_KEYS, {"numbers": sorted(numbers)})
    return {number: key for number, key in found if key is not None}


_KEY = select(Case.sealed_key).where(Case.number == _NUMBER)
_KEEP_KEY = update(Case).where(Case.number == _NUMBER).values(sealed_key=bindparam("key"))


async def key_of(connection: Connection, number: str) -> WrappedKey | None:
    """Return the data key of a case, wrapped; None where it has none."""
    return await connection.scalar(_KEY, {"number": number})


async def keep_key(connection: Connection, number: str, key: WrappedKey) -> None:
    """Store the data key of a case."""
    await connection.execute(_KEEP_KEY, {"number": number, "key": key})


@dataclass(frozen=True, slots=True)
class Says:
    """The parts of an account in a case, and who else has a part in it."""

    mediator: str
    mediator_unit: str
    units: list[str] | None
    """The units that have open tasks."""
    is_out: bool
    """Whether the account was asked to mediate it, and is out of the question."""
    is_party: bool
    scope: GrantScope | None
    """What was granted to the account."""
    panel: PanelRole | None
    """As what the account takes part beside the mediator of record."""
    is_asked: bool
    """Whether it was asked to, and has not answered."""


_UNITS = select(func.array_agg(distinct(Task.unit)).label("units")).where(*_OPEN_TASKS).subquery("open_tasks")
_OUT = (AskState.REPLACED, AskState.DISCLOSED, AskState.RELIEVED)
_ON_PANEL = (PanelMember.number == _NUMBER, PanelMember.subject == _SUBJECT, PanelMember.subject != "")
_OFF_PANEL = or_(PanelMember.state.in_((PanelState.REPLACED, PanelState.DISCLOSED)), PanelMember.reason.in_(OUT_FOR))
_SAYS = select(
    func.coalesce(Mediation.mediator, ""),
    func.coalesce(Mediation.mediator_unit, ""),
    _UNITS.c.units,
    or_(
        exists().where(Ask.number == _NUMBER, Ask.subject == _SUBJECT, or_(Ask.state.in_(_OUT), Ask.kin, Ask.interest)),
        exists().where(*_ON_PANEL, _OFF_PANEL),
    ),
    exists().where(Party.number == _NUMBER, Party.subject == _SUBJECT, Party.subject != ""),
    select(func.max(Grant.scope, type_=Grant.scope.type))
    .where(
        Grant.number == _NUMBER, Grant.holder == _SUBJECT, Grant.scope.in_(GIVING), Grant.ended_at.is_(None),
        Grant.expires_at > _NOW,
    )
    .scalar_subquery(),
    select(PanelMember.role).where(*_ON_PANEL, PanelMember.state == PanelState.ACCEPTED).limit(1).scalar_subquery(),
    exists().where(*_ON_PANEL, PanelMember.state == PanelState.ASKED),
).select_from(_UNITS.outerjoin(Mediation, Mediation.number == _NUMBER))  # fmt: skip


async def says(connection: Connection, number: str, subject: str, now: datetime) -> Says:
    """Return the parts of an account in a case."""
    row = (await connection.execute(_SAYS, {"number": number, "subject": subject, "now": now})).one()
    return Says(*row)


_BY_WHICH = (
    select(Grant.grant_no)
    .where(
        Grant.number == _NUMBER, Grant.holder == _SUBJECT, Grant.scope.in_(GIVING), Grant.ended_at.is_(None),
        Grant.expires_at > _NOW,
    )
    .order_by(Grant.scope.desc(), Grant.grant_no)
    .limit(1)
)  # fmt: skip


async def by_which(connection: Connection, number: str, subject: str, now: datetime) -> int:
    """Return the number of the widest grant in force that lets an account do something in a case; 0 for none."""
    return await connection.scalar(_BY_WHICH, {"number": number, "subject": subject, "now": now}) or 0


async def reasons(connection: Connection, number: str) -> dict[str, SealedBytes]:
    """Return the sealed reason of each grant and each taking out of a case, by its name within the case."""
    granted = {f"grants/{row.grant_no}": row.reason for row in await rows.find(connection, Grant, number=number)}
    taken = {f"takeOuts/{row.take_out}": row.reason for row in await rows.find(connection, TakeOut, number=number)}
    return granted | taken


_TASK_UNITS = func.array(select(distinct(Task.unit)).where(Task.number == Case.number).scalar_subquery())
_WHOSE = select(Case.number, Case.unit, Case.about, _TASK_UNITS).where(
    Case.number == any_(bindparam("numbers", type_=ARRAY(Text)))
)


async def whose(connection: Connection, numbers: Iterable[str]) -> Sequence[tuple[str, str, str, list[str]]]:
    """Return number, unit, unit complained of and units of the tasks, of those cases that exist."""
    return await connection.execute(_WHOSE, {"numbers": sorted(numbers)})


@lru_cache(maxsize=32)
def _in_case(collection: str, key: str) -> Select[bool]:
    found = table(collection, column("number"), column(key))
    return select(true()).select_from(found).where(found.c.number == _NUMBER, found.c[key] == _TASK)


async def has(connection: Connection, number: str, collection: str, key: str, part: int) -> bool:
    """Return whether a case has a part with a number: `collection` is its table, `key` the column of that number."""
    return bool(await connection.scalar(_in_case(collection, key), {"number": number, "task": part}))
