"""Statements of holders: which official of a unit is responsible for a matter, a letter, a task of a task force.

One table for all of supervision, so that a hand-over or an absence finds everything an official holds. An official is
known by the account that signs in; names stay with the identity provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import DateTime, Text, bindparam, select, update

from services.escalation.models import Holding
from services.kit.storage import rows
from services.kit.storage.database import Connection

_HELD = (
    Holding.number == bindparam("number", type_=Text),
    Holding.subject == bindparam("subject", type_=Text),
    Holding.role == bindparam("role", type_=Text),
    Holding.until.is_(None),
)
_RELEASE = (
    update(Holding)
    .where(*_HELD)
    .values(until=bindparam("at", type_=DateTime(timezone=True)))
    .returning(Holding.official)
)  # fmt: skip
_OF = (
    select(Holding)
    .where(Holding.official == bindparam("official"), Holding.unit == bindparam("unit"), Holding.until.is_(None))
    .order_by(Holding.number, Holding.subject, Holding.role)
)
_WHO = select(Holding.official).where(*_HELD)


async def assign(
    connection: Connection, number: str, subject: str, role: str, *, unit: str, official: str, at: datetime
) -> None:
    """Make an official of a unit the holder of a part of a file in a role, replacing the former one."""
    await release(connection, number, subject, role, at)
    await rows.insert(
        connection, Holding, number=number, subject=subject, role=role, unit=unit, official=official, since=at
    )


async def release(connection: Connection, number: str, subject: str, role: str, at: datetime) -> str:
    """End the holding and return the official; empty if there was none."""
    held = {"number": number, "subject": subject, "role": role}
    return await connection.scalar(_RELEASE, {**held, "at": at}) or ""


async def holder(connection: Connection, number: str, subject: str, role: str) -> str:
    """Return the current holder; empty if there is none."""
    return await connection.scalar(_WHO, {"number": number, "subject": subject, "role": role}) or ""


async def held_by(connection: Connection, unit: str, official: str) -> Sequence[Holding]:
    """Return everything an official holds for a unit."""
    return await connection.execute(_OF, {"unit": unit, "official": official})
