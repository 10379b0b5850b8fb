"""Statements of the read model: facts replace older ones, never newer ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import SmallInteger, Text, bindparam, case, column, func, literal, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeEngine

from services.escalation.figures.models import ClockFact
from services.escalation.models import CaseFact
from services.kit.storage.database import Connection
from services.kit.storage.models import Model, Numbered, Stored


def _told(model: type[Model], names: Iterable[str], **constants: str) -> Insert:
    """Return the insert of facts that are passed as a list of objects."""
    columns = [column(name, _plain(model.__table__.c[name].type)) for name in names]
    given = func.jsonb_to_recordset(bindparam("rows", type_=Stored))
    told = given.table_valued(*columns).render_derived(name="told", with_types=True)
    values = {each.name: told.c[each.name] for each in columns}
    values |= {name: literal(value) for name, value in constants.items()}
    return insert(model).from_select(list(values), select(*values.values()))


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type as in a JSON object: without collation, a state as a number."""
    return Text() if isinstance(kind, Text) else SmallInteger() if isinstance(kind, Numbered) else kind


_REPORT_COLUMNS = (
    "unit", "place", "door", "category", "grade", "state", "received_at", "accepted_at", "declined_at", "closed_at",
    "about", "merged_into", "report_seq",
)  # fmt: skip
_CASE_COLUMNS = (
    "unit", "category", "grade", "stage", "opened_at", "closed_at", "last_closed_at", "outcome", "mediation",
    "mediation_ended_at", "notices", "notices_served", "performance", "answers", "satisfied", "visits", "recurred",
    "reopenings", "case_seq",
)  # fmt: skip
_CLOCK_COLUMNS = (
    "number", "rule", "unit", "subject", "state", "started_at", "due_at", "next_at", "stopped_at", "taken_by",
    "seq",
)  # fmt: skip
_OF_THE_CASE = ("unit", "category", "grade", "closed_at")
"""If a matter has a case, the case decides which unit it belongs to and whether it is over."""

_report = _told(CaseFact, ("number", *_REPORT_COLUMNS))
_case = _told(CaseFact, ("number", "received_at", *_CASE_COLUMNS), place="", door="")
_clock = _told(ClockFact, ("service", "clock", *_CLOCK_COLUMNS))
_REPORTS = _report.on_conflict_do_update(
    index_elements=[CaseFact.number],
    set_={
        name: case((CaseFact.case_seq == 0, _report.excluded[name]), else_=CaseFact.__table__.c[name])
        if name in _OF_THE_CASE
        else _report.excluded[name]
        for name in _REPORT_COLUMNS
    },
    where=CaseFact.report_seq <= _report.excluded.report_seq,
).returning(CaseFact.number)
_CASES = _case.on_conflict_do_update(
    index_elements=[CaseFact.number],
    set_={name: _case.excluded[name] for name in _CASE_COLUMNS},
    where=CaseFact.case_seq <= _case.excluded.case_seq,
).returning(CaseFact.number)
_CLOCKS = _clock.on_conflict_do_update(
    index_elements=[ClockFact.service, ClockFact.clock],
    set_={name: _clock.excluded[name] for name in _CLOCK_COLUMNS},
    where=ClockFact.seq <= _clock.excluded.seq,
).returning(ClockFact.clock)


async def record(
    connection: Connection,
    reports: Iterable[Mapping[str, Any]],
    cases: Iterable[Mapping[str, Any]],
    clocks: Iterable[Mapping[str, Any]],
) -> int:
    """Write facts, and return how many rows were changed or renewed. No key may occur twice."""
    written = 0
    statements: tuple[tuple[ReturningInsert[str], Iterable[Mapping[str, Any]]], ...] = (
        (_REPORTS, reports), (_CASES, cases), (_CLOCKS, clocks),
    )  # fmt: skip
    for statement, facts in statements:
        if told := list(facts):
            written += len(await connection.execute(statement, {"rows": told}))
    return written
