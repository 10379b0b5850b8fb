"""SQL of erasures and holds, and of what an erasure takes away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.kit.storage import rows
from services.kit.storage.database import Connection, text
from services.mediation.people import store as people

_DUE = text("""
    SELECT * FROM (
        SELECT DISTINCT ON (number) number, closings.retention, closings.closed_at,
               closings.closed_at + make_interval(years => CASE retention WHEN 1 THEN 10 ELSE 30 END) AS until
        FROM closings JOIN cases USING (number)
        WHERE cases.unit LIKE :unit AND stage = 4 AND erased_at IS NULL ORDER BY number, closing DESC
    ) last
    WHERE retention IN (1, 2) AND until <= :now
      AND NOT EXISTS (SELECT FROM holds WHERE holds.number = last.number AND lifted_at IS NULL)
      AND (CAST(:at AS timestamptz) IS NULL OR (until, number) > (CAST(:at AS timestamptz), :behind))
    ORDER BY until, number LIMIT :limit
""")
_LIFT = text("""
    UPDATE holds SET lifted_at = :at, lifted_by = :by, lifted_evidence = :evidence
    WHERE number = :number AND lifted_at IS NULL
""")
_COUNTS = text("""
    SELECT (SELECT count(*) FROM parties WHERE number = :number) AS parties,
           (SELECT count(*) FROM companions WHERE number = :number) AS companions,
           (SELECT count(*) FROM screenings WHERE number = :number) AS screenings,
           (SELECT count(*) FROM session_records WHERE number = :number) AS session_records,
           (SELECT count(*) FROM evidence WHERE number = :number) AS evidence,
           (SELECT count(*) FROM agreements WHERE number = :number) AS agreements,
           (SELECT count(*) FROM document_versions WHERE number = :number) AS documents
""")
_UNIT = text("SELECT unit FROM cases WHERE number = :number AND erased_at IS NULL")


async def find(connection: Connection, number: str) -> Any:
    """Return the erasure of a case; None where nobody asked for one."""
    return (await rows.select(connection, "erasures", "number", number=number)).first()


async def request(connection: Connection, number: str, **columns: Any) -> None:
    """Keep that an erasure is asked for, in place of one that was refused."""
    if await find(connection, number) is None:
        await rows.insert(connection, "erasures", number=number, **columns)
    else:
        await rows.update(connection, "erasures", {"number": number}, **columns)


async def decide(connection: Connection, number: str, **columns: Any) -> None:
    """Keep what became of an erasure."""
    await rows.update(connection, "erasures", {"number": number}, **columns)


async def reached(connection: Connection, number: str, service: str, counts: str, erased: bool) -> None:
    """Keep what an erasure reaches in a service, the last word of it."""
    query = text("""
        INSERT INTO erasure_reach (number, service, counts, erased)
        VALUES (:number, :service, CAST(:counts AS jsonb), :erased)
        ON CONFLICT (number, service) DO UPDATE SET counts = excluded.counts,
            erased = erasure_reach.erased OR excluded.erased
    """)
    parameters = {"number": number, "service": service, "counts": counts, "erased": erased}
    await connection.execute(query, parameters)


async def reach(connection: Connection, number: str) -> list[Any]:
    """Return what an erasure reaches, by service."""
    return list(await rows.select(connection, "erasure_reach", "service", number=number))


async def counts(connection: Connection, number: str) -> dict[str, int]:
    """Return how much of what a case has here; what was said in caucus goes too, and is not even counted."""
    row = (await connection.execute(_COUNTS, {"number": number})).one()
    names = ("parties", "companions", "screenings", "session_records", "evidence", "agreements", "documents")
    return {name: int(getattr(row, name)) for name in names}


async def hold(connection: Connection, number: str, **columns: Any) -> None:
    """Place a hold on a case's data."""
    nth = await connection.scalar(text("SELECT count(*) + 1 FROM holds WHERE number = :number"), {"number": number})
    await rows.insert(connection, "holds", number=number, hold=nth, **columns)


async def holds(connection: Connection, number: str) -> list[Any]:
    """Return the holds that stand on a case's data."""
    return [row for row in await rows.select(connection, "holds", "hold", number=number) if row.lifted_at is None]


async def lift(connection: Connection, number: str, at: datetime, by: str, evidence: str) -> None:
    """Lift every hold on a case's data."""
    await connection.execute(_LIFT, {"number": number, "at": at, "by": by, "evidence": evidence})


async def due(
    connection: Connection, unit: str, now: datetime, behind: tuple[datetime, str] | None, limit: int
) -> Sequence[Any]:
    """Return cases of a unit pattern whose time of keeping is over, the longest over first."""
    at, number = behind or (None, "")
    parameters = {"unit": unit, "now": now, "at": at, "behind": number, "limit": limit}
    return (await connection.execute(_DUE, parameters)).all()


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Destroy the key of a case and what was sealed under it; return the unit of what was erased, by number."""
    unit = await connection.scalar(_UNIT, {"number": number})
    if unit is None:
        return {}
    await people.erase(connection, number, now)
    return {number: str(unit)}
