"""Erasures and holds as stored, and the statements of what an erasure removes."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, case, exists, func, not_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from casework.case import Stage
from casework.mediation.closing import YEARS, Retention
from services.kit.storage.database import Connection
from services.kit.storage.tables.erasure_tables import ErasureTables
from services.mediation.models.agreement import Agreement
from services.mediation.models.cases import Case
from services.mediation.models.closing import Closing
from services.mediation.models.documents import DocumentVersion
from services.mediation.models.erasure import Erasure, Hold, Reach
from services.mediation.models.evidence import Evidence
from services.mediation.models.people import Companion, Party
from services.mediation.models.safeguards import Screening
from services.mediation.models.sessions import SessionRecord
from services.mediation.notices import store as notices
from services.mediation.people import store as people


class Due(NamedTuple):
    """A case whose retention is over."""

    number: str
    retention: Retention
    until: datetime


KEPT = ErasureTables(Erasure, Reach, Hold)
"""Erasures and holds as stored."""
_NUMBER = bindparam("number", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_COUNTED = {
    "parties": Party, "companions": Companion, "screenings": Screening, "session_records": SessionRecord,
    "evidence": Evidence, "agreements": Agreement, "documents": DocumentVersion,
}  # fmt: skip
_COUNTS = select(
    *(
        select(func.count()).select_from(each).where(each.__table__.c.number == _NUMBER).scalar_subquery()
        for each in _COUNTED.values()
    )
)
_UNIT = select(Case.unit).where(Case.number == _NUMBER, Case.erased_at.is_(None))
_KEPT_YEARS = case(*((Closing.retention == retention, years) for retention, years in YEARS.items()))
# The last closing of each case that is closed, and until when its file is kept after it.
_LAST = (
    select(
        Closing.number,
        Closing.retention,
        (Closing.closed_at + func.make_interval(_KEPT_YEARS)).label("until"),
    )
    .ext(distinct_on(Closing.number))
    .join(Case, Case.number == Closing.number)
    .where(Case.unit.like(bindparam("unit", type_=Text)), Case.stage == Stage.CLOSED, Case.erased_at.is_(None))
    .order_by(Closing.number, Closing.closing.desc())
    .subquery("last")
)
_HELD = exists().where(Hold.number == _LAST.c.number, Hold.lifted_at.is_(None))


async def counts(connection: Connection, number: str) -> dict[str, int]:
    """Return counts of what a case has here; the caucus compartment is erased too, but not even counted."""
    return dict(zip(_COUNTED, (await connection.execute(_COUNTS, {"number": number})).one(), strict=True))


@lru_cache(maxsize=2)
def _due(behind: bool) -> Select[*tuple[Any, ...]]:
    found = select(_LAST.c.number, _LAST.c.retention, _LAST.c.until).where(
        _LAST.c.retention.in_(sorted(YEARS)),
        _LAST.c.until <= bindparam("now", type_=DateTime(timezone=True)),
        not_(_HELD),
    )
    if behind:
        found = found.where(tuple_(_LAST.c.until, _LAST.c.number) > tuple_(_AT, bindparam("behind", type_=Text)))
    return found.order_by(_LAST.c.until, _LAST.c.number).limit(bindparam("limit", type_=Integer))


async def due(
    connection: Connection, unit: str, now: datetime, behind: tuple[datetime, str] | None, limit: int
) -> list[Due]:
    """Return cases of a unit pattern whose retention is over, the longest expired first."""
    at, number = behind or (None, "")
    parameters = {"unit": unit, "now": now, "at": at, "behind": number, "limit": limit}
    return [Due(*row) for row in await connection.execute(_due(behind is not None), parameters)]


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Destroy the key of a case and what it sealed; return the unit of what was erased, by number."""
    unit = await connection.scalar(_UNIT, {"number": number})
    if unit is None:
        return {}
    await people.erase(connection, number, now)
    await notices.drop(connection, number, now)
    return {number: unit}
