"""Statements of the facts that supervision counts: two, however many cases are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, Text, any_, bindparam, distinct, false, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, distinct_on

from casework.case import DONE, Outcome, Stage
from casework.mediation.agreement import AgreementState, Extent
from casework.mediation.closing import ReopenReason, Satisfaction
from casework.mediation.fulfilment import Instalment
from services.kit.storage.database import Connection
from services.mediation.models.agreement import AgreedClause, Agreement, Part, RightsNotice
from services.mediation.models.cases import Case, Task
from services.mediation.models.closing import Closing, Reopening, Visit, VisitAnswer
from services.mediation.models.consents import Mediation
from services.mediation.models.grants import GIVING, Grant, GrantScope
from services.mediation.models.people import KeptSide, Party

_ASKED = any_(bindparam("numbers", type_=ARRAY(Text)))


@dataclass(frozen=True, slots=True)
class Facts:
    """What is counted of a case."""

    number: str
    seq: int
    stage: Stage
    unit: str
    category: str
    grade: int
    received_at: datetime
    opened_at: datetime
    closed_at: datetime | None
    outcome: Outcome | None
    mediated: bool
    ended_at: datetime | None
    notices: int
    served: int
    extents: list[Extent] | None
    """How much each agreement that binds settles, by number."""
    visits: int
    recurred: bool
    answers: int
    satisfied: int
    reopenings: int
    came_again: bool
    last_closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """The standing of a case."""

    number: str
    seq: int
    unit: str
    about: str
    mediator: str | None
    closed: bool
    co_units: list[str] | None
    excluded: list[str] | None
    parties: list[str] | None
    """Accounts that sign in for a party."""
    outcome: Outcome | None
    closed_at: datetime | None
    due_at: datetime | None
    sided: list[str] | None
    """Accounts that stand, or once stood, on a side."""


_NOTICES = (
    select(func.count().label("made"), func.count(RightsNotice.served_at).label("served"))
    .where(RightsNotice.number == Case.number)
    .lateral("notices")
)
_AGREED = (
    select(func.array_agg(Agreement.extent).label("extents"))
    .where(Agreement.number == Case.number, Agreement.state == AgreementState.EFFECTIVE)
    .lateral("agreed")
)
_VISITS = (
    select(
        func.count(Visit.visited_at).label("made"),
        func.coalesce(func.bool_or(Visit.recurred), false()).label("recurred"),
    )
    .where(Visit.number == Case.number)
    .lateral("made_visits")
)
_LAST_ANSWER = (
    select(VisitAnswer.satisfaction)
    .ext(distinct_on(VisitAnswer.party))
    .where(VisitAnswer.number == Case.number)
    .order_by(VisitAnswer.party, VisitAnswer.days.desc())
    .correlate(Case)
    .subquery("last")
)
_ANSWERS = (
    select(
        func.count().label("given"),
        func.count().filter(_LAST_ANSWER.c.satisfaction == Satisfaction.SATISFIED).label("satisfied"),
    )
    .select_from(_LAST_ANSWER)
    .where(_LAST_ANSWER.c.satisfaction != Satisfaction.NO_ANSWER)
    .lateral("answers")
)
_REOPENINGS = (
    select(
        func.count().label("made"),
        func.coalesce(func.bool_or(Reopening.reason == ReopenReason.RECURRENCE), false()).label("came_again"),
    )
    .where(Reopening.number == Case.number)
    .lateral("made_reopenings")
)
_LAST_CLOSED = select(func.max(Closing.closed_at)).where(Closing.number == Case.number).scalar_subquery()
_FACTS: Select[*tuple[Any, ...]] = (
    select(
        Case.number, Case.seq, Case.stage, Case.unit, Case.category, Case.grade, Case.received_at, Case.opened_at,
        Case.closed_at, Case.outcome, Mediation.number.is_not(None), Mediation.ended_at, _NOTICES.c.made,
        _NOTICES.c.served, _AGREED.c.extents, _VISITS.c.made, _VISITS.c.recurred, _ANSWERS.c.given,
        _ANSWERS.c.satisfied, _REOPENINGS.c.made, _REOPENINGS.c.came_again, _LAST_CLOSED,
    )
    .select_from(Case)
    .outerjoin(Mediation, Mediation.number == Case.number)
    .join(_NOTICES, true())
    .join(_AGREED, true())
    .join(_VISITS, true())
    .join(_ANSWERS, true())
    .join(_REOPENINGS, true())
    .where(Case.number == _ASKED)
    .order_by(Case.number)
)  # fmt: skip
_CO_UNITS = (
    select(func.array_agg(aggregate_order_by(distinct(Task.unit), Task.unit)))
    .where(Task.number == Case.number, Task.state.not_in(sorted(DONE)))
    .scalar_subquery()
)
_EXCLUDED = (
    select(func.array_agg(aggregate_order_by(distinct(Grant.holder), Grant.holder)))
    .where(Grant.number == Case.number, Grant.scope == GrantScope.EXCLUDED, Grant.ended_at.is_(None))
    .scalar_subquery()
)
_SIGN_IN = (
    select(func.array_agg(aggregate_order_by(distinct(Party.subject), Party.subject)))
    .where(Party.number == Case.number, Party.subject != "")
    .scalar_subquery()
)
_SIDED = (
    select(func.array_agg(aggregate_order_by(KeptSide.subject, KeptSide.subject)))
    .where(KeptSide.number == Case.number)
    .scalar_subquery()
)
_STANDINGS = (
    select(
        Case.number, Case.seq, Case.unit, Case.about, Mediation.mediator, Case.stage == Stage.CLOSED, _CO_UNITS,
        _EXCLUDED, _SIGN_IN, Case.outcome, Case.closed_at, Case.due_at, _SIDED,
    )
    .outerjoin(Mediation, Mediation.number == Case.number)
    .where(Case.number == _ASKED)
    .order_by(Case.number)
)  # fmt: skip
_GRANTS = (
    select(Grant.number, Grant.holder, func.max(Grant.expires_at))
    .where(Grant.number == _ASKED, Grant.ended_at.is_(None), Grant.scope.in_(GIVING))
    .group_by(Grant.number, Grant.holder)
)
_PARTS = (
    select(
        Part.number, AgreedClause.kind, Part.amount, Part.paid, Part.due_at, Part.begun, Part.performed_on,
        Part.defaulted_at,
    )
    .join(
        AgreedClause,
        (AgreedClause.number == Part.number)
        & (AgreedClause.agreement == Part.agreement)
        & (AgreedClause.clause == Part.clause),
    )
    .join(Agreement, (Agreement.number == Part.number) & (Agreement.agreement == Part.agreement))
    .where(Part.number == _ASKED, Agreement.state == AgreementState.EFFECTIVE, Part.due_on.is_not(None))
)  # fmt: skip


async def facts(connection: Connection, numbers: Sequence[str]) -> list[Facts]:
    """Return the facts of each of the cases that exist, in order of number."""
    return [Facts(*row) for row in await connection.execute(_FACTS, {"numbers": list(numbers)})]


async def standings(connection: Connection, numbers: Sequence[str]) -> list[Standing]:
    """Return the standing of each of the cases that exist, and whether it is closed."""
    return [Standing(*row) for row in await connection.execute(_STANDINGS, {"numbers": list(numbers)})]


async def grants(connection: Connection, numbers: Sequence[str]) -> Mapping[str, list[tuple[str, datetime]]]:
    """Return by case who was granted access and until when, of grants that were not revoked."""
    found: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for number, holder, until in await connection.execute(_GRANTS, {"numbers": list(numbers)}):
        found[number].append((holder, until))
    return found


async def parts(connection: Connection, numbers: Sequence[str]) -> Mapping[str, list[Instalment]]:
    """Return by case the parts of its effective agreements that have a day."""
    found: dict[str, list[Instalment]] = defaultdict(list)
    rows = await connection.execute(_PARTS, {"numbers": list(numbers)})
    for number, kind, amount, paid, due_at, begun, performed_on, defaulted_at in rows:
        found[number].append(Instalment(kind, amount, paid, due_at, begun, performed_on, defaulted_at))
    return found
