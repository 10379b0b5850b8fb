"""SQL of closings: views, numbers, visits, reopenings, and what the gates look at."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework.mediation.closing import Standing, sides_heard
from casework.mediation.course import MediationState
from casework.mediation.fulfilment import ROUTE_TOLD, is_open
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found
from services.mediation import standing
from services.mediation.agreement import store as agreements
from services.mediation.fulfilment import store as fulfilment

_VIEW = text("""
    INSERT INTO closing_views (number, party, view, sealed, recorded_at, recorded_by)
    VALUES (:number, :party, :view, :sealed, :at, :by)
    ON CONFLICT (number, party) DO UPDATE SET view = excluded.view, sealed = excluded.sealed,
        recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by
""")


async def record_view(
    connection: Connection, number: str, party: int, view: int, sealed: bytes | None, at: datetime, by: str
) -> None:
    """Store what a party says to the closing; a later word counts."""
    parameters = {"number": number, "party": party, "view": view, "sealed": sealed, "at": at, "by": by}
    await connection.execute(_VIEW, parameters)


async def views(connection: Connection, number: str) -> list[Any]:
    """Return what the parties said to the closing."""
    return await rows.select(connection, "closing_views", "party", number=number)


_VIEWS_SINCE = text("""
    SELECT party, view FROM closing_views v WHERE number = :number
    AND recorded_at > coalesce((SELECT max(reopened_at) FROM reopenings r WHERE r.number = v.number), '-infinity')
""")


async def facts(connection: Connection, number: str, now: datetime) -> Standing | None:
    """Return what the gates look at; None for a case without a mediation, which has no gates.

    Nor has one in which mediation was only ever proposed, and nobody asked to mediate: there is nothing to end.
    """
    mediation = await standing.mediation(connection, number)
    if mediation is None or await _only_proposed(connection, mediation):
        return None
    people = await standing.standing(connection, number)
    said = [(row.party, row.view) for row in await connection.execute(_VIEWS_SINCE, {"number": number})]
    notices = await agreements.notices(connection, number)
    told = {_part(step) for step in await fulfilment.steps(connection, number) if step.remedy in ROUTE_TOLD}
    parts = await fulfilment.of_case(connection, number)
    # Whoever left after a notice was made out is owed the list of routes all the same, and got it on leaving.
    unserved = [row for row in notices if row.served_at is None and row.party in people.there]
    return Standing(
        ended=mediation.ended_at is not None,
        effective=bool(await agreements.effective(connection, number)),
        unserved=len(unserved),
        sides=frozenset(people.there.values()) & {1, 2},
        heard=sides_heard(said, people.there),
        open_parts=sum(is_open(fulfilment.facts(row).state(now), row.due_on is None, _part(row) in told)
                       for row in parts),
    )  # fmt: skip


async def _only_proposed(connection: Connection, mediation: Any) -> bool:
    asked = await rows.select(connection, "asks", "ask", number=mediation.number)
    return mediation.state == MediationState.PROPOSED and mediation.round == 1 and not asked


def _part(row: Any) -> tuple[int, int, int]:
    return row.agreement, row.clause, row.instalment


_CLOSE = text("""
    INSERT INTO closings (number, closing, unit, document_number, retention, closed_at)
    SELECT CAST(:number AS text), coalesce(max(closing), 0) + 1, :unit, :document, :retention, :at
    FROM closings WHERE number = :number
""")


async def close(connection: Connection, number: str, unit: str, document: str, retention: int, at: datetime) -> None:
    """Store a closing of a case, its first or one after a reopening."""
    parameters = {"number": number, "unit": unit, "document": document, "retention": retention, "at": at}
    await connection.execute(_CLOSE, parameters)


async def last_closing(connection: Connection, number: str) -> Any:
    """Return the last closing of a case; None where it was never closed."""
    return (await rows.select(connection, "closings", "closing DESC", number=number)).first()


async def visits(connection: Connection, number: str) -> tuple[list[Any], list[Any]]:
    """Return the visits of a case, earliest first, and what the parties said in them."""
    return (
        await rows.select(connection, "visits", "days", number=number),
        await rows.select(connection, "visit_answers", "days, party", number=number),
    )


_VISITED = text("""
    UPDATE visits SET visited_at = :at, visited_by = :by, performance = :performance, recurred = :recurred,
        sealed = :sealed
    WHERE number = :number AND days = :days RETURNING *
""")
_SAID = text("""
    INSERT INTO visit_answers (number, days, party, satisfaction) VALUES (:number, :days, :party, :satisfaction)
""")


async def visit(connection: Connection, number: str, days: int, name: str) -> Any:
    """Return a visit; NOT_FOUND where none is planned."""
    return not_found((await rows.select(connection, "visits", "days", number=number, days=days)).first(), name)


async def visited(connection: Connection, row: Any, said: Sequence[tuple[int, int]], **columns: Any) -> None:
    """Store what a visit found and what the parties said."""
    of = {"number": row.number, "days": row.days}
    await connection.execute(_VISITED, {**of, **columns})
    await connection.execute(_SAID, [{**of, "party": party, "satisfaction": answer} for party, answer in said])


_REOPENINGS = text("SELECT count(*) + 1 FROM reopenings WHERE number = :number")


async def reopen(connection: Connection, number: str, **columns: Any) -> int:
    """Store that a case was reopened and return for which time."""
    nth: int = await connection.scalar(_REOPENINGS, {"number": number})
    await rows.insert(connection, "reopenings", number=number, reopening=nth, **columns)
    return nth
