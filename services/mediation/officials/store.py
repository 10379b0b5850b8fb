"""Statements of the list of officials."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Boolean, Date, Integer, Text, any_, bindparam, func, or_, select, tuple_, union
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework import names
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event, Look
from services.mediation.officials.models import OfficialRow, OfficialVersionRow

_UNIT, _NO = bindparam("unit", type_=Text), bindparam("official_no", type_=Integer)
_ACCOUNT, _NUMBER = bindparam("account", type_=Text), bindparam("number", type_=Text)
_GET = select(OfficialRow).where(OfficialRow.unit == _UNIT, OfficialRow.official_no == _NO)
_LOCK = _GET.with_for_update()
# One at a time in a unit: of two entries of an account, the second sees the first.
_ALONE = select(func.pg_advisory_xact_lock(4214, func.hashtext(_UNIT)))
_OTHERS = select(OfficialRow).where(
    OfficialRow.unit == _UNIT, OfficialRow.account == _ACCOUNT, OfficialRow.official_no != _NO
)
_LISTED = (
    select(OfficialRow)
    .where(
        OfficialRow.unit.like(_UNIT), or_(_ACCOUNT == "", OfficialRow.account == _ACCOUNT),
        or_(
            bindparam("ended", type_=Boolean), OfficialRow.last_on.is_(None),
            OfficialRow.last_on >= bindparam("today", type_=Date),
        ),
        or_(bindparam("anybody", type_=Boolean), OfficialRow.signs),
        tuple_(OfficialRow.unit, OfficialRow.official_no) > tuple_(bindparam("behind", type_=Text), _NO),
    )
    .order_by(OfficialRow.unit, OfficialRow.official_no)
    .limit(bindparam("limit", type_=Integer))
)  # fmt: skip
_LATEST = 100
_VERSIONS = (
    select(OfficialVersionRow)
    .where(OfficialVersionRow.unit == _UNIT, OfficialVersionRow.official_no == _NO)
    .order_by(OfficialVersionRow.version.desc())
    .limit(_LATEST)
)
_KEEP = insert(OfficialVersionRow).values({each.name: bindparam(each.name) for each in OfficialVersionRow.__table__.c})
_ACTED = union(
    select(Event.actor).where(Event.number == _NUMBER), select(Look.actor).where(Look.number == _NUMBER)
).subquery()
_NAMED = select(OfficialRow).where(
    or_(
        OfficialRow.account.in_(select(_ACTED.c.actor)),
        OfficialRow.account == any_(bindparam("also", type_=ARRAY(Text(collation="C")))),
    )
)


def split(name: str) -> tuple[str, int]:
    """Return unit and number of the name of an entry."""
    unit, _, number = names.last(name).rpartition("-")
    return unit, int(number)


async def get(connection: Connection, name: str, *, locked: bool = False) -> OfficialRow:
    """Return an entry; NOT_FOUND if there is none."""
    unit, number = split(name)
    key = {"unit": unit, "official_no": number}
    if locked:
        await connection.execute(_ALONE, {"unit": unit})
    return rows.not_found((await connection.execute(_LOCK if locked else _GET, key)).first(), name)


async def others(connection: Connection, unit: str, account: str, but: int = 0) -> Sequence[OfficialRow]:
    """Return the entries of an account in a unit, but for one; until the end, nobody else enters anything there."""
    await connection.execute(_ALONE, {"unit": unit})
    return list(await connection.execute(_OTHERS, {"unit": unit, "account": account, "official_no": but}))


async def add(connection: Connection, unit: str, at: datetime, by: str, **columns: object) -> OfficialRow:
    """Store an entry under the next number of its unit, and return it."""
    row = await rows.add(connection, OfficialRow, "official_no", {"unit": unit}, rows.PAGED, **columns)
    return await _kept(connection, row, at, by)


async def change(connection: Connection, row: OfficialRow, at: datetime, by: str, **columns: object) -> OfficialRow:
    """Change an entry, keep what it said before, and return it."""
    row = await rows.update(
        connection, OfficialRow, {"unit": row.unit, "official_no": row.official_no}, **columns
    )  # fmt: skip
    return await _kept(connection, row, at, by)


async def _kept(connection: Connection, row: OfficialRow, at: datetime, by: str) -> OfficialRow:
    same = ("unit", "official_no", "version", "sealed", "signs", "first_on", "last_on")
    await connection.execute(_KEEP, {name: getattr(row, name) for name in same} | {"entered_at": at, "entered_by": by})
    return row


async def versions(connection: Connection, row: OfficialRow) -> Sequence[OfficialVersionRow]:
    """Return everything an entry says and said, the newest first."""
    return list(await connection.execute(_VERSIONS, {"unit": row.unit, "official_no": row.official_no}))


async def listed(
    connection: Connection, unit: str, account: str, today: date, behind: tuple[str, int], limit: int, *,
    ended: bool, signing: bool,
) -> Sequence[OfficialRow]:  # fmt: skip
    """Return entries of a unit pattern, by unit and number; of one account only if it is given."""
    return list(
        await connection.execute(
            _LISTED,
            {
                "unit": unit, "account": account, "today": today, "behind": behind[0], "official_no": behind[1],
                "limit": limit, "ended": ended, "anybody": not signing,
            },
        )
    )  # fmt: skip


async def of_case(connection: Connection, number: str, also: Sequence[str]) -> Sequence[OfficialRow]:
    """Return the entries of everybody who did or read something in a case, and of these accounts."""
    return list(await connection.execute(_NAMED, {"number": number, "also": list(also)}))
