"""Statements of the mediation of a case and of consents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, Integer, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import load_only

from casework import names
from casework.names import clock_id
from services.kit.clocks.models import LIVE, Clock
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.consents import Consent, Mediation
from services.mediation.models.people import Party

_NUMBER = bindparam("number", type_=Text)
_PARTY = bindparam("party", type_=Integer)
_BEGIN = insert(Mediation).values(number=bindparam("number")).on_conflict_do_nothing()
_GET = select(Mediation).where(Mediation.number == _NUMBER)
_LOCK = _GET.with_for_update()
_LISTED = (
    select(Consent)
    .where(Consent.number == _NUMBER, Consent.consent > bindparam("behind", type_=Integer))
    .order_by(Consent.consent)
    .limit(bindparam("limit", type_=Integer))
)
_OF_PARTY = update(Party).where(Party.number == _NUMBER, Party.party == _PARTY)
_WITHDRAW = _OF_PARTY.where(Party.withdrawn_at.is_(None)).values(
    withdrawn_at=bindparam("at", type_=DateTime(timezone=True)), version=Party.version + 1
)
_STAY = _OF_PARTY.where(Party.withdrawn_at.is_not(None)).values(withdrawn_at=None, version=Party.version + 1)
_FACTS = select(Mediation.matter_facts).where(Mediation.number == _NUMBER)
_CLOCKS = (
    select(Clock)
    .options(load_only(Clock.id, Clock.rule, Clock.state, Clock.started_at, Clock.due_at))
    .where(Clock.number == _NUMBER, Clock.id.like(bindparam("keys", type_=Text)))
)
_DUE = (
    select(Clock.rule, func.max(Clock.due_at))
    .where(Clock.number == _NUMBER, Clock.state.in_(LIVE))
    .group_by(Clock.rule)
)  # fmt: skip


async def begin(connection: Connection, number: str) -> Mediation:
    """Return the mediation of a case, proposed if there was none."""
    await connection.execute(_BEGIN, {"number": number})
    return await get(connection, number)


async def find(connection: Connection, number: str) -> Mediation | None:
    """Return the mediation of a case; None where it has none."""
    return (await connection.execute(_GET, {"number": number})).first()


async def lock(connection: Connection, number: str) -> Mediation | None:
    """Return the mediation of a case, locked for change; None where it has none."""
    return (await connection.execute(_LOCK, {"number": number})).first()


async def get(connection: Connection, number: str) -> Mediation:
    """Return the row of a case's mediation; NOT_FOUND where none was proposed."""
    return rows.not_found(await find(connection, number), names.mediation_name(number))


async def change(connection: Connection, number: str, **columns: object) -> Mediation:
    """Change columns of a mediation and return its new row."""
    return await rows.update(connection, Mediation, {"number": number}, **columns)


async def add(connection: Connection, number: str, **columns: object) -> Consent:
    """Store a party's answer under the next number of its case, and return the row; the case must be locked."""
    return await rows.add(connection, Consent, "consent", {"number": number}, rows.PAGED, **columns)


async def listed(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Consent]:
    """Return the consents and refusals of a case, oldest first."""
    return await connection.execute(_LISTED, {"number": number, "behind": behind, "limit": limit})


async def withdraw(connection: Connection, number: str, party: int, at: datetime) -> None:
    """Store that a party left."""
    await connection.execute(_WITHDRAW, {"number": number, "party": party, "at": at})


async def stay(connection: Connection, number: str, party: int) -> None:
    """Take a party that left back into the mediation: it consented again."""
    await connection.execute(_STAY, {"number": number, "party": party})


async def facts(connection: Connection, number: str) -> list[str]:
    """Return the declared facts of a case by which its other routes are chosen."""
    return await connection.scalar(_FACTS, {"number": number}) or []


async def clocks_of(connection: Connection, number: str, keys: str) -> Sequence[Clock]:
    """Return key, rule, state and due time of the clocks of a case whose key matches."""
    return await connection.execute(_CLOCKS, {"number": number, "keys": clock_id(number, keys)})


async def running(connection: Connection, number: str) -> dict[str, datetime | None]:
    """Return the due times of the clocks of a case that have not ended, by rule."""
    return dict(await connection.execute(_DUE, {"number": number}))
