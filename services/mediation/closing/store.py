"""Statements of closings: parties' views, numbers, visits, reopenings, and what the conditions check."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import DateTime, Integer, Text, bindparam, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from casework.mediation.closing import Retention, Satisfaction, Standing, View, sides_heard
from casework.mediation.course import MediationState
from casework.mediation.fulfilment import ROUTE_TOLD, is_open
from services.kit.clocks.models import LIVE, Clock
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.rows import not_found
from services.mediation import standing
from services.mediation.agreement import store as agreements
from services.mediation.fulfilment import store as fulfilment
from services.mediation.models.closing import Closing, ClosingView, Reopening, Visit, VisitAnswer
from services.mediation.models.consents import Mediation
from services.mediation.models.fulfilment import DefaultStep
from services.mediation.models.mediators import Ask

_NUMBER, _DAYS = bindparam("number", type_=Text), bindparam("days", type_=Integer)
_SAID = upsert(ClosingView).values({each.name: bindparam(each.name) for each in ClosingView.__table__.columns})
_VIEW = _SAID.on_conflict_do_update(
    index_elements=list(ClosingView.__table__.primary_key),
    set_={name: _SAID.excluded[name] for name in ("view", "sealed", "recorded_at", "recorded_by")},
)
_REOPENED = select(func.max(Reopening.reopened_at)).where(Reopening.number == _NUMBER).scalar_subquery()
_BEFORE_ALL = literal_column("'-infinity'", DateTime(timezone=True))
_VIEWS_SINCE = select(ClosingView.party, ClosingView.view).where(
    ClosingView.number == _NUMBER, ClosingView.recorded_at > func.coalesce(_REOPENED, _BEFORE_ALL)
)
_ASKED = select(select(Ask.ask).where(Ask.number == _NUMBER).exists())


async def record_view(
    connection: Connection, number: str, party: int, view: View, sealed: bytes | None, at: datetime, by: str
) -> None:
    """Store a party's view of the closing; the last one counts."""
    parameters = {"number": number, "party": party, "view": view, "sealed": sealed, "recorded_at": at,
                  "recorded_by": by}  # fmt: skip
    await connection.execute(_VIEW, parameters)


async def views(connection: Connection, number: str) -> Sequence[ClosingView]:
    """Return the parties' views of the closing."""
    return await rows.find(connection, ClosingView, ClosingView.party, number=number)


async def facts(connection: Connection, number: str, now: datetime) -> Standing | None:
    """Return what the closing conditions check; None for a case without a mediation, which has none.

    The same applies if mediation was only proposed and no mediator was asked: there is nothing to end.
    """
    mediation = await standing.mediation(connection, number)
    if mediation is None or await _only_proposed(connection, mediation):
        return None
    people = await standing.standing(connection, number)
    said = list(await connection.execute(_VIEWS_SINCE, {"number": number}))
    notices = await agreements.notices(connection, number)
    told = {_part(step) for step in await fulfilment.steps(connection, number) if step.remedy in ROUTE_TOLD}
    parts = await fulfilment.of_case(connection, number)
    # A party that left got the list of routes when leaving, whatever notice was made out for it.
    unserved = [row for row in notices if row.served_at is None and row.party in people.there]
    return Standing(
        ended=mediation.ended_at is not None,
        effective=bool(await agreements.effective(connection, number)),
        unserved=len(unserved),
        sides=frozenset(people.there.values()) & {1, 2},
        heard=sides_heard(said, people.there),
        open_parts=sum(is_open(fulfilment.facts(row).state(now), row.due_on is None, _part(row) in told)
                       for row in parts),
        left=any(person.withdrawn for person in people.people),
    )  # fmt: skip


async def _only_proposed(connection: Connection, mediation: Mediation) -> bool:
    asked = await connection.scalar(_ASKED, {"number": mediation.number})
    return mediation.state is MediationState.PROPOSED and mediation.round == 1 and not asked


def _part(row: fulfilment.Owed | DefaultStep) -> tuple[int, int, int]:
    return row.agreement, row.clause, row.instalment


_RUNNING = select(Clock.id, Clock.rule_hash).where(Clock.number == _NUMBER, Clock.state.in_(LIVE)).order_by(Clock.id)


async def running_clocks(connection: Connection, number: str) -> Sequence[tuple[str, str]]:
    """Return the ids of the clocks of a case that have not ended, and the hash of each one's rule."""
    return await connection.execute(_RUNNING, {"number": number})


async def close(
    connection: Connection, number: str, unit: str, document: str, retention: Retention, at: datetime
) -> None:
    """Store a closing of a case, its first or one after a reopening."""
    await rows.add(
        connection, Closing, "closing", {"number": number}, unit=unit, document_number=document, retention=retention,
        closed_at=at,
    )  # fmt: skip


_LAST = select(Closing).where(Closing.number == _NUMBER).order_by(Closing.closing.desc()).limit(1)


async def last_closing(connection: Connection, number: str) -> Closing | None:
    """Return the last closing of a case; None where it was never closed."""
    return (await connection.execute(_LAST, {"number": number})).first()


_PLAN = (
    upsert(Visit)
    .values({name: bindparam(name) for name in ("number", "days", "due_on", "due_at")})
    .on_conflict_do_nothing(index_elements=list(Visit.__table__.primary_key))
    .returning(Visit.days)
)
_VISITED = (
    update(Visit)
    .where(Visit.number == _NUMBER, Visit.days == _DAYS)
    .values({name: bindparam(name) for name in ("visited_at", "visited_by", "performance", "recurred", "sealed")})
)
_ANSWER = insert(VisitAnswer).values({each.name: bindparam(each.name) for each in VisitAnswer.__table__.columns})


async def plan_visit(connection: Connection, number: str, days: int, on: date, at: datetime) -> bool:
    """Plan a visit; return whether it was not planned before."""
    visit = {"number": number, "days": days, "due_on": on, "due_at": at}
    return await connection.scalar(_PLAN, visit) is not None


async def visits(connection: Connection, number: str) -> tuple[Sequence[Visit], Sequence[VisitAnswer]]:
    """Return the visits of a case, earliest first, and what the parties said in them."""
    return await rows.find(connection, Visit, Visit.days, number=number), await said(connection, number)


async def said(connection: Connection, number: str) -> Sequence[VisitAnswer]:
    """Return what the parties said in the visits of a case, in the order of the visits."""
    return await rows.find(connection, VisitAnswer, VisitAnswer.days, VisitAnswer.party, number=number)


async def visit(connection: Connection, number: str, days: int, name: str) -> Visit:
    """Return a visit; NOT_FOUND where none is planned."""
    return not_found((await rows.find(connection, Visit, number=number, days=days)).first(), name)


async def visited(
    connection: Connection, row: Visit, answers: Sequence[tuple[int, Satisfaction]], **columns: object
) -> None:
    """Store the result of a visit and the parties' answers."""
    of = {"number": row.number, "days": row.days}
    await connection.execute(_VISITED, {**of, **columns})
    await connection.execute(_ANSWER, [{**of, "party": party, "satisfaction": answer} for party, answer in answers])


async def reopen(connection: Connection, number: str, **columns: object) -> int:
    """Store a reopening and return how many there have been."""
    return (await rows.add(connection, Reopening, "reopening", {"number": number}, **columns)).reopening
