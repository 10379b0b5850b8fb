"""Erasing what was told of a case in supervision: its file, its reviews, the matter of the ledger it became.

Each has a data key of its own, and its texts are gone with it: explanations, consultations, plans, minutes, replies.
Letters to units stay: they are about units, and no number of a person passes into one.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Text, any_, bindparam, func, select, union, update
from sqlalchemy.dialects.postgresql import ARRAY

from services.escalation.models import Escalation, File, Matter, Review
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_ORIGIN = (
    select(Escalation.origin)
    .where(Escalation.number == File.number)
    .order_by(Escalation.escalation.desc())
    .limit(1)
    .scalar_subquery()
)
_TOUCHED = (
    select(File.number, func.coalesce(func.nullif(File.unit, ""), _ORIGIN, "cn", type_=Text))
    .where(
        File.erased_at.is_(None),
        File.number.in_(
            union(
                select(_NUMBER),
                select(Review.number).where(Review.case_number == _NUMBER),
                select(Matter.number).where(Matter.source == _NUMBER),
            )
        ),
    )
    .order_by(File.number)
    .with_for_update(key_share=True)
)
_ERASE = (
    update(File)
    .where(File.number == any_(bindparam("numbers", type_=ARRAY(Text))))
    .values(sealed_key=None, erased_at=bindparam("at", type_=DateTime(timezone=True)))
)


async def touched(connection: Connection, number: str) -> dict[str, str]:
    """Return the unit of each file an erasure of a case reaches, by number."""
    return dict(iter(await connection.execute(_TOUCHED, {"number": number})))


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Erase what was told of a case; return the unit of each file that was erased now."""
    found = await touched(connection, number)
    if found:
        await connection.execute(_ERASE, {"numbers": list(found), "at": now})
    return found
