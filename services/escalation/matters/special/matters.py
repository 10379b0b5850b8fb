"""Matters of the ledger as special handling sees them: looked up, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_GET = text("SELECT * FROM matters WHERE number = :number")
_RUNNING = text("""
    SELECT id, due_at FROM clocks WHERE number = :number AND split_part(id, '.', 2) LIKE :keys AND state IN (1, 4)
    ORDER BY due_at NULLS LAST, id
""")

_BEGUN = text("SELECT count(*) FROM clocks WHERE number = :number AND split_part(id, '.', 2) LIKE :keys")


async def get(connection: Connection, number: str) -> Any:
    """Return a matter's row; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


def concerned(matter: Any) -> tuple[str, ...]:
    """Return the units that have a matter: the one that keeps it, and the one that answers for it."""
    return tuple(unit for unit in (matter.keeper, matter.unit) if unit)


def must_be_listed(matter: Any) -> None:
    """Raise WRONG_STATE for a matter that was struck off: nothing new is begun about it."""
    if matter.struck_off_at is not None:
        raise CaseError(Reason.WRONG_STATE, "STRUCK_OFF", state="STRUCK_OFF")


def answerable(matter: Any) -> str:
    """Return the unit that answers for a matter; the one that keeps it while nobody was given it."""
    return str(matter.unit or matter.keeper)


async def running(connection: Connection, number: str, keys: str = "%") -> Sequence[Any]:
    """Return the running clocks of a file whose key matches, earliest first: rows of id and due_at."""
    return await connection.execute(_RUNNING, {"number": number, "keys": keys})


async def begun(connection: Connection, number: str, keys: str) -> int:
    """Return how many clocks of a file whose key matches were ever started."""
    return int(await connection.scalar(_BEGUN, {"number": number, "keys": keys}))
