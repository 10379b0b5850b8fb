"""Statements of offers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, or_, select, tuple_, update
from sqlalchemy.sql.dml import ReturningUpdate

from casework.errors import CaseError, Reason
from casework.mediation.offer import OfferState
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.offers import Offer

_NUMBER, _TASK = bindparam("number", type_=Text), bindparam("task", type_=Integer)
_OFFER = bindparam("offer", type_=Integer)
_AT = bindparam("at", type_=DateTime(timezone=True))
_IS_OPEN = Offer.state == OfferState.MADE
_OPEN = select(select(Offer.offer).where(Offer.number == _NUMBER, Offer.task == _TASK, _IS_OPEN).exists())


def name_of(number: str, offer: int) -> str:
    """Return `cases/{number}/offers/{offer}`."""
    return f"cases/{number}/offers/{offer}"


async def next_of(connection: Connection, number: str, task: int) -> int:
    """Return the number of the next offer of a locked case; OFFER_OPEN while one about the same is not answered."""
    if await connection.scalar(_OPEN, {"number": number, "task": task}):
        raise CaseError(Reason.OFFER_OPEN)
    return await rows.next_of(connection, Offer.offer, rows.PAGED, number=number)


async def add(connection: Connection, **columns: object) -> Offer:
    """Store an offer and return its row."""
    return await rows.insert(connection, Offer, state=OfferState.MADE, **columns)


async def get(connection: Connection, number: str, offer: int) -> Offer:
    """Return an offer; NOT_FOUND where there is none."""
    return await rows.get(connection, Offer, name_of(number, offer), number=number, offer=offer)


async def change(connection: Connection, row: Offer, **columns: object) -> Offer:
    """Change columns of an offer and return its new row."""
    return await rows.update(connection, Offer, {"number": row.number, "offer": row.offer}, **columns)


@lru_cache(maxsize=2)
def _lapse(of_task: bool) -> ReturningUpdate[Offer]:
    found = update(Offer).where(Offer.number == _NUMBER, _IS_OPEN)
    if of_task:
        found = found.where(Offer.task == _TASK)
    return found.values(state=OfferState.LAPSED, ended_at=_AT, version=Offer.version + 1).returning(Offer)


async def lapse(connection: Connection, number: str, task: int | None, at: datetime) -> Sequence[Offer]:
    """Let open offers lapse, of a task or all of the case, and return their rows."""
    return await connection.execute(_lapse(task is not None), {"number": number, "task": task, "at": at})


@lru_cache(maxsize=8)
def _listed(number: bool, only_open: bool, behind: bool) -> Select[Offer]:
    unit, place = bindparam("unit", type_=Text), (Offer.made_at, Offer.number, Offer.offer)
    found = select(Offer).where(or_(Offer.unit.like(unit), Offer.offered.like(unit)))
    if number:
        found = found.where(Offer.number == _NUMBER)
    if only_open:
        found = found.where(_IS_OPEN)
    if behind:
        found = found.where(tuple_(*place) > tuple_(_AT, bindparam("behind", type_=Text), _OFFER))
    return found.order_by(*place).limit(bindparam("limit", type_=Integer))


async def listed(
    connection: Connection, unit: str, number: str, only_open: bool, behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Offer]:  # fmt: skip
    """Return offers by units of the pattern or to them, oldest first."""
    parameters = {"unit": unit, "number": number, "limit": limit}
    if behind:
        parameters |= dict(zip(("at", "behind", "offer"), behind, strict=True))
    return await connection.execute(_listed(bool(number), only_open, behind is not None), parameters)
