"""SQL of the mediation of a case and of what was said to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text

_BEGIN = text("INSERT INTO mediations (number) VALUES (:number) ON CONFLICT DO NOTHING")
_ADD = text("""
    INSERT INTO consents (number, consent, party, round, step, given, medium, language, read_back, interpreter,
                          assisted_by, given_by, at, recorded_at, recorded_by)
    SELECT :number, coalesce(max(consent), 0) + 1, :party, :round, :step, :given, :medium, :language, :read_back,
           :interpreter, :assisted_by, :given_by, :at, :recorded_at, :recorded_by
    FROM consents WHERE number = :number RETURNING *
""")


async def begin(connection: Connection, number: str) -> Any:
    """Return the mediation of a case, proposed if there was none."""
    await connection.execute(_BEGIN, {"number": number})
    return await get(connection, number)


async def get(connection: Connection, number: str) -> Any:
    """Return the row of a case's mediation; NOT_FOUND where none was proposed."""
    row = (
        await connection.execute(text("SELECT * FROM mediations WHERE number = :number"), {"number": number})
    ).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.mediation_name(number))
    return row


async def change(connection: Connection, number: str, **columns: Any) -> Any:
    """Change columns of a mediation and return its new row."""
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    query = f"UPDATE mediations SET {sets}, version = version + 1 WHERE number = :number RETURNING *"
    return (await connection.execute(text(query), {"number": number, **columns})).one()


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Keep what a party said, under the next number of its case, and return the row; the case must be locked."""
    return (await connection.execute(_ADD, {"number": number, **columns})).one()


async def listed(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return what was said in a case, oldest first."""
    query = text("SELECT * FROM consents WHERE number = :number AND consent > :behind ORDER BY consent LIMIT :limit")
    return (await connection.execute(query, {"number": number, "behind": behind, "limit": limit})).all()


async def withdraw(connection: Connection, number: str, party: int, at: datetime) -> None:
    """Keep that a party left."""
    query = text("""
        UPDATE parties SET withdrawn_at = :at, version = version + 1
        WHERE number = :number AND party = :party AND withdrawn_at IS NULL
    """)
    await connection.execute(query, {"number": number, "party": party, "at": at})


async def stay(connection: Connection, number: str, party: int) -> None:
    """Let a party that left be in the mediation again: it said yes anew."""
    query = text("""
        UPDATE parties SET withdrawn_at = NULL, version = version + 1
        WHERE number = :number AND party = :party AND withdrawn_at IS NOT NULL
    """)
    await connection.execute(query, {"number": number, "party": party})
