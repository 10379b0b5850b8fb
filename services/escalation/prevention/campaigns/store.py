"""Statements of campaigns, checks and findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import DateTime, Integer, Select, Text, any_, bindparam, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY

from casework import names
from casework.supervision.prevention.campaign import FindingState
from services.escalation.prevention.campaigns.models import Campaign, CampaignPlace, Check, Finding
from services.kit.storage import rows
from services.kit.storage.database import Connection


class Progress(NamedTuple):
    """The progress of a place of a campaign in a round."""

    place: str
    unit: str
    checks: int
    findings: int
    handed_over: int


_NUMBER, _UNIT = bindparam("number", type_=Text), bindparam("unit", type_=Text)
_PLACES_ASKED = any_(bindparam("places", type_=ARRAY(Text)))
_BEHIND, _LIMIT = bindparam("behind", type_=Integer), bindparam("limit", type_=Integer)
_GET = select(Campaign).where(Campaign.number == _NUMBER)
_PLACE = insert(CampaignPlace).values(number=_NUMBER, place=bindparam("place"), unit=_UNIT)
_AT_PLACE = (CampaignPlace.number == _NUMBER, CampaignPlace.place == bindparam("place"))
_ASSIGN = update(CampaignPlace).where(*_AT_PLACE).values(unit=_UNIT)
_UNIT_AT = select(CampaignPlace.unit).where(*_AT_PLACE)
_PLACES = (
    select(CampaignPlace)
    .where(CampaignPlace.number == any_(bindparam("numbers", type_=ARRAY(Text))))
    .order_by(CampaignPlace.number, CampaignPlace.place)
)
_OF_CAMPAIGN = update(Campaign).where(Campaign.number == _NUMBER)
_NEXT_CHECK = _OF_CAMPAIGN.values(checks=Campaign.checks + 1).returning(Campaign.checks)
_NEXT_FINDING = _OF_CAMPAIGN.values(findings=Campaign.findings + 1).returning(Campaign.findings)
_GET_CHECK = select(Check).where(Check.number == _NUMBER, Check.check_no == bindparam("nth"))
_GET_FINDING = select(Finding).where(Finding.number == _NUMBER, Finding.finding == bindparam("nth"))
_PENDING = (
    select(func.count())
    .select_from(Finding)
    .where(Finding.number == _NUMBER, Finding.state == FindingState.RECORDED)
)  # fmt: skip
_ROUND = bindparam("round", type_=Integer)
_CHECKED = (
    select(Check.place, func.count().label("checks"))
    .where(Check.number == _NUMBER, Check.round == _ROUND)
    .group_by(Check.place)
    .subquery("checked")
)
_FOUND = (
    select(
        Finding.place,
        func.count().label("findings"),
        func.count().filter(Finding.state == FindingState.HANDED_OVER).label("handed_over"),
    )
    .where(Finding.number == _NUMBER, Finding.round == _ROUND)
    .group_by(Finding.place)
    .subquery("found")
)
_PROGRESS = (
    select(
        CampaignPlace.place,
        CampaignPlace.unit,
        func.coalesce(_CHECKED.c.checks, 0),
        func.coalesce(_FOUND.c.findings, 0),
        func.coalesce(_FOUND.c.handed_over, 0),
    )
    .outerjoin(_CHECKED, _CHECKED.c.place == CampaignPlace.place)
    .outerjoin(_FOUND, _FOUND.c.place == CampaignPlace.place)
    .where(CampaignPlace.number == _NUMBER, CampaignPlace.place == _PLACES_ASKED)
    .order_by(CampaignPlace.place)
)
_CHECKS = (
    select(Check)
    .where(Check.number == _NUMBER, Check.place == _PLACES_ASKED, Check.check_no > _BEHIND)
    .order_by(Check.check_no)
    .limit(_LIMIT)
)
_OF_PLACES = select(Finding).where(Finding.number == _NUMBER, Finding.place == _PLACES_ASKED, Finding.finding > _BEHIND)
_FINDINGS = _OF_PLACES.order_by(Finding.finding).limit(_LIMIT)
_STILL_HERE = _FINDINGS.where(Finding.state == FindingState.RECORDED)


async def add(connection: Connection, number: str, places: Sequence[str], **columns: object) -> Campaign:
    """Store a campaign whose places belong to the leading unit until assigned, and return its row."""
    row = await rows.insert(connection, Campaign, number=number, **columns)
    told = [{"number": number, "place": place, "unit": row.unit} for place in places]
    await connection.execute(_PLACE, told)
    return row


async def get(connection: Connection, number: str) -> Campaign:
    """Return a campaign; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def change(connection: Connection, row: Campaign, **columns: object) -> Campaign:
    """Change columns of a campaign and return its new row."""
    return await rows.update(connection, Campaign, {"number": row.number}, **columns)


async def assign(connection: Connection, number: str, assigned: Mapping[str, str]) -> None:
    """Store the units of places."""
    told = [{"number": number, "place": place, "unit": unit} for place, unit in assigned.items()]
    await connection.execute(_ASSIGN, told)


async def places(connection: Connection, numbers: Sequence[str]) -> dict[str, list[CampaignPlace]]:
    """Return the places of several campaigns, in order of code."""
    found: dict[str, list[CampaignPlace]] = {number: [] for number in numbers}
    for row in await connection.execute(_PLACES, {"numbers": list(numbers)}):
        found[row.number].append(row)
    return found


async def unit_at(connection: Connection, number: str, place: str) -> str | None:
    """Return the unit of a place; None if it is not a place of the campaign."""
    return await connection.scalar(_UNIT_AT, {"number": number, "place": place})


async def check(connection: Connection, number: str, **columns: object) -> Check:
    """Store a check under the next number of its campaign and return its row."""
    nth = await connection.scalar(_NEXT_CHECK, {"number": number})
    return await rows.insert(connection, Check, number=number, check_no=nth, **columns)


async def get_check(connection: Connection, number: str, nth: int) -> Check:
    """Return a check; NOT_FOUND where there is none."""
    found = (await connection.execute(_GET_CHECK, {"number": number, "nth": nth})).first()
    return rows.not_found(found, f"{names.file_name(number)}/checks/{nth}")


async def find(connection: Connection, number: str, **columns: object) -> Finding:
    """Store a finding under the next number of its campaign and return its row."""
    nth = await connection.scalar(_NEXT_FINDING, {"number": number})
    return await rows.insert(connection, Finding, number=number, finding=nth, state=FindingState.RECORDED, **columns)


async def get_finding(connection: Connection, number: str, nth: int) -> Finding:
    """Return a finding; NOT_FOUND where there is none."""
    found = (await connection.execute(_GET_FINDING, {"number": number, "nth": nth})).first()
    return rows.not_found(found, f"{names.file_name(number)}/findings/{nth}")


async def handed_over(connection: Connection, row: Finding, report: str, at: datetime) -> Finding:
    """Store the report made of a finding and return its new row."""
    key = {"number": row.number, "finding": row.finding}
    return await rows.update(connection, Finding, key, state=FindingState.HANDED_OVER, report=report, handed_over_at=at)


async def pending(connection: Connection, number: str) -> int:
    """Return how many findings have not arrived in intake."""
    return await connection.scalar(_PENDING, {"number": number}) or 0


async def progress(connection: Connection, number: str, nth: int, places: Sequence[str]) -> Sequence[Progress]:
    """Return places of a campaign with the counts of a round, in order of code."""
    parameters = {"number": number, "round": nth, "places": list(places)}
    return [Progress(*row) for row in await connection.execute(_PROGRESS, parameters)]


async def checks(
    connection: Connection, number: str, places: Sequence[str], behind: int, limit: int
) -> Sequence[Check]:
    """Return checks of these places of a campaign, oldest first."""
    parameters = {"number": number, "places": list(places), "behind": behind, "limit": limit}
    return await connection.execute(_CHECKS, parameters)


async def findings(
    connection: Connection, number: str, places: Sequence[str], only_pending: bool, behind: int, limit: int
) -> Sequence[Finding]:
    """Return findings of these places of a campaign, oldest first."""
    parameters = {"number": number, "places": list(places), "behind": behind, "limit": limit}
    return await connection.execute(_STILL_HERE if only_pending else _FINDINGS, parameters)


@lru_cache(maxsize=4)
def _listed(only_open: bool, behind: bool) -> Select[Campaign]:
    goes_out = select(CampaignPlace).where(CampaignPlace.number == Campaign.number, CampaignPlace.unit.like(_UNIT))
    found = select(Campaign).where(or_(Campaign.unit.like(_UNIT), goes_out.exists()))
    if only_open:
        found = found.where(Campaign.ended_at.is_(None))
    if behind:
        end = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("last", type_=Text))
        found = found.where(tuple_(Campaign.created_at, Campaign.number) < end)
    return found.order_by(Campaign.created_at.desc(), Campaign.number.desc()).limit(_LIMIT)


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Campaign]:
    """Return campaigns that units of the pattern lead or check for, newest first."""
    at, last = behind or (None, "")
    parameters = {"unit": unit, "at": at, "last": last, "limit": limit}
    return await connection.execute(_listed(only_open, behind is not None), parameters)
