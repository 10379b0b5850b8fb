"""Statements of grants."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, false, select, true, tuple_, union_all

from casework import names
from services.kit.serving.access import Kept
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import SealedBytes, WrappedKey
from services.mediation.models.cases import Case
from services.mediation.models.grants import Grant, GrantScope
from services.mediation.models.people import KeptSide, Party

_NUMBER = bindparam("number", type_=Text)
_GRANT = bindparam("grant", type_=Integer)
_SUBJECT = bindparam("subject", type_=Text)
_KEPT = union_all(
    select(Grant.number, true().label("excluded")).where(
        Grant.holder == _SUBJECT, Grant.scope == GrantScope.EXCLUDED, Grant.ended_at.is_(None)
    ),
    select(KeptSide.number, false()).where(KeptSide.subject == _SUBJECT),
).subquery("kept")
_KEPT_FROM = select(_KEPT.c.number, _KEPT.c.excluded)
_IS_PARTY = select(true()).where(Party.number == _NUMBER, Party.subject == _SUBJECT).limit(1)
_GET = select(Grant).where(Grant.number == _NUMBER, Grant.grant_no == _GRANT)


class Listed(NamedTuple):
    """A grant, and what opens its reason."""

    number: str
    grant_no: int
    holder: str
    scope: GrantScope
    reason: SealedBytes
    emergency: bool
    made_by: str
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    party: int
    key: WrappedKey | None
    erased_at: datetime | None


def name_of(row: Grant | Listed) -> str:
    """Return `cases/{case}/grants/{grant}`."""
    return f"{names.case_name(row.number)}/grants/{row.grant_no}"


async def kept_from(connection: Connection, subject: str) -> Kept:
    """Return the cases that an account is excluded from, and those on a side of which it ever stood."""
    found = list(await connection.execute(_KEPT_FROM, {"subject": subject}))
    return Kept(
        frozenset(number for number, excluded in found if excluded),
        frozenset(number for number, excluded in found if not excluded),
    )


async def add(connection: Connection, number: str, **columns: object) -> Grant:
    """Store a grant under the next number of its case, which is locked, and return its row."""
    return await rows.add(connection, Grant, "grant_no", {"number": number}, rows.PAGED, **columns)


async def get(connection: Connection, number: str, grant: int) -> Grant:
    """Return a grant's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET, {"number": number, "grant": grant})).first()
    return rows.not_found(row, f"{names.case_name(number)}/grants/{grant}")


async def is_party(connection: Connection, number: str, subject: str) -> bool:
    """Return whether an account signs in for a party of a case."""
    return bool(await connection.scalar(_IS_PARTY, {"number": number, "subject": subject}))


async def end(connection: Connection, row: Grant, at: datetime, by: str) -> Grant:
    """End a grant and return its new row."""
    key = {"number": row.number, "grant_no": row.grant_no}
    return await rows.update(connection, Grant, key, ended_at=at, ended_by=by)


@lru_cache(maxsize=8)
def _listed(number: bool, unit: bool, emergency: bool) -> Select[*tuple[Any, ...]]:
    found = select(
        Grant.number, Grant.grant_no, Grant.holder, Grant.scope, Grant.reason, Grant.emergency, Grant.made_by,
        Grant.made_at, Grant.expires_at, Grant.ended_at, Grant.party, Case.sealed_key, Case.erased_at,
    ).join(Case, Case.number == Grant.number)  # fmt: skip
    if number:
        found = found.where(Grant.number == _NUMBER)
    if unit:
        found = found.where(Case.unit.like(bindparam("unit", type_=Text)))
    if emergency:
        found = found.where(Grant.emergency)
    made = tuple_(Grant.made_at, Grant.number, Grant.grant_no)
    behind = tuple_(bindparam("at", type_=DateTime(timezone=True)), bindparam("behind", type_=Text), _GRANT)
    newest = (Grant.made_at.desc(), Grant.number.desc(), Grant.grant_no.desc())
    return found.where(made < behind).order_by(*newest).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, number: str, unit: str, emergency: bool, behind: tuple[datetime, str, int], limit: int
) -> list[Listed]:
    """Return grants of a case, or of the cases of a unit pattern, newest first."""
    parameters = {"number": number, "unit": unit, "at": behind[0], "behind": behind[1], "grant": behind[2],
                  "limit": limit}  # fmt: skip
    statement = _listed(bool(number), bool(unit), emergency)
    return [Listed(*row) for row in await connection.execute(statement, parameters)]
