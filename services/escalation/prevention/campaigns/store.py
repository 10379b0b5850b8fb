"""SQL of campaigns, checks and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.prevention.campaign import FindingState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.kit.storage.rows import not_found

_PLACE = text("INSERT INTO campaign_places (number, place, unit) VALUES (:number, :place, :unit)")
_ASSIGN = text("UPDATE campaign_places SET unit = :unit WHERE number = :number AND place = :place")
_PLACES = text("SELECT * FROM campaign_places WHERE number = ANY(:numbers) ORDER BY number, place")
_NEXT_CHECK = text("UPDATE campaigns SET checks = checks + 1 WHERE number = :number RETURNING checks")
_NEXT_FINDING = text("UPDATE campaigns SET findings = findings + 1 WHERE number = :number RETURNING findings")
_PENDING = text("SELECT count(*) FROM findings WHERE number = :number AND state = 1")
_PROGRESS = text("""
    SELECT p.place, p.unit, coalesce(c.checks, 0) AS checks, coalesce(f.findings, 0) AS findings,
           coalesce(f.handed_over, 0) AS handed_over
    FROM campaign_places p
    LEFT JOIN (SELECT place, count(*) AS checks FROM campaign_checks WHERE number = :number AND round = :round
               GROUP BY place) c ON c.place = p.place
    LEFT JOIN (SELECT place, count(*) AS findings, count(*) FILTER (WHERE state = 2) AS handed_over FROM findings
               WHERE number = :number AND round = :round GROUP BY place) f ON f.place = p.place
    WHERE p.number = :number AND p.place = ANY(:places) ORDER BY p.place
""")


_CHECKS = text("""
    SELECT * FROM campaign_checks WHERE number = :number AND place = ANY(:places) AND check_no > :behind
    ORDER BY check_no LIMIT :limit
""")


async def add(connection: Connection, number: str, places: Sequence[str], **columns: Any) -> Any:
    """Store a campaign whose places are the leading unit's until others are named, and return its row."""
    row = await rows.insert(connection, "campaigns", number=number, **columns)
    told = [{"number": number, "place": place, "unit": row.unit} for place in places]
    await connection.execute(_PLACE, told)
    return row


async def get(connection: Connection, number: str) -> Any:
    """Return a campaign; NOT_FOUND where there is none."""
    found = (await rows.select(connection, "campaigns", "number", number=number)).first()
    return not_found(found, names.file_name(number))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a campaign and return its new row."""
    return await rows.update(connection, "campaigns", {"number": row.number}, **columns)


async def assign(connection: Connection, number: str, assigned: Mapping[str, str]) -> None:
    """Store which unit goes to which of the places."""
    told = [{"number": number, "place": place, "unit": unit} for place, unit in assigned.items()]
    await connection.execute(_ASSIGN, told)


async def places(connection: Connection, numbers: Sequence[str]) -> dict[str, list[Any]]:
    """Return the places of several campaigns, in order of code."""
    found: dict[str, list[Any]] = {number: [] for number in numbers}
    for row in await connection.execute(_PLACES, {"numbers": list(numbers)}):
        found[row.number].append(row)
    return found


async def unit_at(connection: Connection, number: str, place: str) -> str | None:
    """Return the unit that goes to a place; None where the place is none of the campaign's."""
    found = (await rows.select(connection, "campaign_places", "place", number=number, place=place)).first()
    return found.unit if found else None


async def check(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a check under the next number of its campaign and return its row."""
    nth = await connection.scalar(_NEXT_CHECK, {"number": number})
    return await rows.insert(connection, "campaign_checks", number=number, check_no=nth, **columns)


async def get_check(connection: Connection, number: str, nth: int) -> Any:
    """Return a check; NOT_FOUND where there is none."""
    found = (await rows.select(connection, "campaign_checks", "check_no", number=number, check_no=nth)).first()
    return not_found(found, f"{names.file_name(number)}/checks/{nth}")


async def find(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a finding under the next number of its campaign and return its row."""
    nth = await connection.scalar(_NEXT_FINDING, {"number": number})
    return await rows.insert(
        connection, "findings", number=number, finding=nth, state=int(FindingState.RECORDED), **columns
    )


async def get_finding(connection: Connection, number: str, nth: int) -> Any:
    """Return a finding; NOT_FOUND where there is none."""
    found = (await rows.select(connection, "findings", "finding", number=number, finding=nth)).first()
    return not_found(found, f"{names.file_name(number)}/findings/{nth}")


async def handed_over(connection: Connection, row: Any, report: str, at: datetime) -> Any:
    """Store the report a finding has become and return its new row."""
    key = {"number": row.number, "finding": row.finding}
    return await rows.update(
        connection, "findings", key, state=int(FindingState.HANDED_OVER), report=report, handed_over_at=at
    )


async def pending(connection: Connection, number: str) -> int:
    """Return how many findings have not arrived in intake."""
    return int(await connection.scalar(_PENDING, {"number": number}))


async def progress(connection: Connection, number: str, nth: int, places: Sequence[str]) -> Sequence[Any]:
    """Return places of a campaign with the counts of a round, in order of code."""
    return (await connection.execute(_PROGRESS, {"number": number, "round": nth, "places": list(places)})).all()


async def checks(connection: Connection, number: str, places: Sequence[str], behind: int, limit: int) -> Sequence[Any]:
    """Return checks of these places of a campaign, oldest first."""
    parameters = {"number": number, "places": list(places), "behind": behind, "limit": limit}
    return (await connection.execute(_CHECKS, parameters)).all()


async def findings(
    connection: Connection, number: str, places: Sequence[str], only_pending: bool, behind: int, limit: int
) -> Sequence[Any]:
    """Return findings of these places of a campaign, oldest first."""
    where = "AND state = 1" if only_pending else ""
    query = f"""SELECT * FROM findings WHERE number = :number AND place = ANY(:places) AND finding > :behind {where}
        ORDER BY finding LIMIT :limit"""
    parameters = {"number": number, "places": list(places), "behind": behind, "limit": limit}
    return (await connection.execute(text(query), parameters)).all()


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return campaigns that units of the pattern lead or go out for, newest first."""
    where = [
        """(unit LIKE :unit OR EXISTS (
        SELECT FROM campaign_places p WHERE p.number = campaigns.number AND p.unit LIKE :unit))"""
    ]
    parameters: dict[str, Any] = {"unit": unit, "limit": limit}
    if only_open:
        where.append("ended_at IS NULL")
    if behind:
        where.append("(created_at, number) < (CAST(:at AS timestamptz), :behind)")
        parameters.update(at=behind[0], behind=behind[1])
    query = f"""SELECT * FROM campaigns WHERE {" AND ".join(where)}
        ORDER BY created_at DESC, number DESC LIMIT :limit"""
    return (await connection.execute(text(query), parameters)).all()
