"""SQL over the whole ledger: lists, counts, what an export holds, versions and readings page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from casework.supervision.matters.matter import MatterState
from services.kit.storage import paging
from services.kit.storage.database import Connection, text

# A matter is seen by whoever keeps it, answers for it, or ever had a part in it.
_SEEN = """(keeper LIKE :unit OR unit LIKE :unit
    OR number IN (SELECT number FROM matter_assignments WHERE unit LIKE :unit))"""
_OVERDUE = "(due_on < CAST(:today AS date) AND state NOT IN (:checking, :struck_off))"
_PROGRESS = text("""
    SELECT DISTINCT ON (number) number, sealed FROM matter_progress
    WHERE number = ANY(CAST(:numbers AS text[])) ORDER BY number, progress DESC
""")
_PARTS = text("""
    SELECT a.* FROM matter_assignments a JOIN matters m ON m.number = a.number AND m.entry = a.entry
    WHERE a.number = ANY(CAST(:numbers AS text[])) ORDER BY a.number, a.assignment
""")
_KEYS = text("SELECT number, sealed_key, erased_at FROM files WHERE number = ANY(CAST(:numbers AS text[]))")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which matters are wanted; `unit` is the unit whose subtree may be shown, an empty value leaves a filter out."""

    unit: str
    today: date
    level: str = ""
    state: int = 0
    grade: int = 0
    overdue: bool = False

    @property
    def where(self) -> str:
        """The condition, as SQL."""
        parts = [_SEEN]
        parts += ["level = :level"] if self.level else []
        parts += ["state = :state"] if self.state else []
        parts += ["grade = :grade"] if self.grade else []
        parts += [_OVERDUE] if self.overdue else []
        return " AND ".join(parts)

    @property
    def parameters(self) -> dict[str, Any]:
        """What the condition's names stand for."""
        given: dict[str, Any] = {"unit": paging.subtree(self.unit)}
        given |= {name: getattr(self, name) for name in ("level", "state", "grade") if getattr(self, name)}
        return {**given, **self.rests} if self.overdue else given

    @property
    def rests(self) -> dict[str, Any]:
        """What tells an overdue matter."""
        return {
            "today": self.today,
            "checking": int(MatterState.CHECKING),
            "struck_off": int(MatterState.STRUCK_OFF),
        }


async def listed(connection: Connection, wanted: Wanted, behind: tuple[date, str] | None, limit: int) -> Sequence[Any]:
    """Return matters, overdue ones first and then by due date; `behind` is where the page before ended."""
    where, parameters = wanted.where, {**wanted.parameters, "limit": limit}
    if behind:
        where += " AND (urgent_on, number) > (CAST(:day AS date), :number)"
        parameters |= {"day": behind[0], "number": behind[1]}
    query = f"SELECT * FROM matters WHERE {where} ORDER BY urgent_on, number LIMIT :limit"
    return (await connection.execute(text(query), parameters)).all()


async def counted(connection: Connection, wanted: Wanted) -> Sequence[Any]:
    """Return how many matters there are in all and by state, grade, level and unit, in one statement.

    `kind` says by what: 15 for all of them, 7, 11, 13 and 14 by state, grade, level and unit.
    """
    query = f"""
        SELECT GROUPING(state, grade, level, answers) AS kind, state, grade, level, answers,
               count(*) AS count, count(*) FILTER (WHERE late) AS overdue
        FROM (
            SELECT state, grade, level, {_OVERDUE} AS late,
                   CASE WHEN unit LIKE :unit THEN unit WHEN unit = '' AND keeper LIKE :unit THEN keeper
                        ELSE '' END AS answers
            FROM matters WHERE {wanted.where}
        ) AS found
        GROUP BY GROUPING SETS ((), (state), (grade), (level), (answers)) ORDER BY state, grade, level, answers
    """
    return (await connection.execute(text(query), {**wanted.parameters, **wanted.rests})).all()


@dataclass(frozen=True, slots=True)
class Sealed:
    """What an export needs of many matters beside their rows, by number."""

    keys: dict[str, Any]
    parts: dict[str, list[Any]]
    progress: dict[str, bytes]


async def sealed_of(connection: Connection, numbers: Sequence[str]) -> Sealed:
    """Return keys, parts and last reports of matters."""
    asked = {"numbers": list(numbers)}
    keys = {row.number: row for row in await connection.execute(_KEYS, asked)}
    parts: dict[str, list[Any]] = {}
    for row in await connection.execute(_PARTS, asked):
        parts.setdefault(row.number, []).append(row)
    progress = {row.number: bytes(row.sealed) for row in await connection.execute(_PROGRESS, asked)}
    return Sealed(keys, parts, progress)


async def texts(connection: Connection, table: str, order: str, number: str, limit: int) -> Sequence[Any]:
    """Return sealed texts below a matter: rows of one of its tables in an order."""
    query = text(f"SELECT * FROM {table} WHERE number = :number AND sealed IS NOT NULL ORDER BY {order} LIMIT :limit")
    return (await connection.execute(query, {"number": number, "limit": limit})).all()


async def versions(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return versions of a matter behind a number, oldest first."""
    query = text("""
        SELECT * FROM matter_versions WHERE number = :number AND version > :behind ORDER BY version LIMIT :limit
    """)
    return (await connection.execute(query, {"number": number, "behind": behind, "limit": limit})).all()


async def readings(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return who looked at what is told of a matter, latest first, behind an id."""
    query = text("""
        SELECT * FROM matter_readings WHERE number = :number AND id < :behind ORDER BY id DESC LIMIT :limit
    """)
    return (await connection.execute(query, {"number": number, "behind": behind, "limit": limit})).all()
