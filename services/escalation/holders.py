"""Who holds what: which official answers inside a unit for a matter, a letter, a task of a task force.

One table for all of supervision, so that a hand-over or an absence finds everything an official holds. An official is
known by the account that signs in; names stay with the identity provider.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_RELEASE = text("""
    UPDATE holdings SET until = :at WHERE number = :number AND subject = :subject AND role = :role AND until IS NULL
    RETURNING *
""")
_OF = text("""
    SELECT * FROM holdings WHERE official = :official AND unit = :unit AND until IS NULL ORDER BY number, subject, role
""")
_WHO = text("""
    SELECT official FROM holdings WHERE number = :number AND subject = :subject AND role = :role AND until IS NULL
""")


async def assign(
    connection: Connection, number: str, subject: str, role: str, *, unit: str, official: str, at: datetime
) -> None:
    """Let an official of a unit hold a part of a file in a role, in place of whoever held it."""
    await release(connection, number, subject, role, at)
    await rows.insert(
        connection, "holdings", number=number, subject=subject, role=role, unit=unit, official=official, since=at
    )


async def release(connection: Connection, number: str, subject: str, role: str, at: datetime) -> str:
    """End who holds it and return the official; empty where nobody did."""
    ended = (await connection.execute(_RELEASE, {"number": number, "subject": subject, "role": role, "at": at})).first()
    return str(ended.official) if ended else ""


async def holder(connection: Connection, number: str, subject: str, role: str) -> str:
    """Return the official who holds it now; empty where nobody does."""
    return await connection.scalar(_WHO, {"number": number, "subject": subject, "role": role}) or ""


async def held_by(connection: Connection, unit: str, official: str) -> Sequence[Any]:
    """Return everything an official holds for a unit: rows of number, subject, role and since."""
    return (await connection.execute(_OF, {"unit": unit, "official": official})).all()
