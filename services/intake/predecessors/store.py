"""Statements of portable case files that came in."""

from __future__ import annotations

from sqlalchemy import Integer, Text, bindparam, select

from services.intake.predecessors.models import Predecessor, PredecessorPart
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import SealedBytes

_PART = select(PredecessorPart.sealed).where(
    PredecessorPart.number == bindparam("number", type_=Text), PredecessorPart.part == bindparam("part", type_=Integer)
)


async def of_digest(connection: Connection, digest: str) -> Predecessor | None:
    """Return what came in with this digest; None if nothing did."""
    return (await rows.find(connection, Predecessor, digest=digest)).first()


async def get(connection: Connection, number: str) -> Predecessor:
    """Return from where a report came; NOT_FOUND if it did not come as a portable case file."""
    return await rows.get(connection, Predecessor, f"reports/{number}/predecessor", number=number)


async def add(connection: Connection, number: str, **columns: object) -> Predecessor:
    """Store from where a new report comes, and return the row."""
    return await rows.insert(connection, Predecessor, number=number, **columns)


async def add_part(connection: Connection, number: str, part: int, sealed: SealedBytes) -> None:
    """Store a part of its file."""
    await rows.insert(connection, PredecessorPart, number=number, part=part, sealed=sealed)


async def part(connection: Connection, number: str, part: int) -> SealedBytes | None:
    """Return a part of a file, from 1; None after the last."""
    return await connection.scalar(_PART, {"number": number, "part": part})
