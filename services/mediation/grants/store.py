"""SQL of grants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from casework import names
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

EXCLUDED = 3
"""Scope of an exclusion."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""When an exclusion ends by itself."""
FROM_CASES = f"SELECT number FROM grants WHERE holder = :subject AND scope = {EXCLUDED} AND ended_at IS NULL"
"""SQL for the cases that an account is excluded from."""

_NEXT = text("SELECT coalesce(max(grant_no), 0) + 1 FROM grants WHERE number = :number")
_IS_PARTY = text("SELECT EXISTS (SELECT FROM parties WHERE number = :number AND subject = :subject)")
_GET = text("SELECT * FROM grants WHERE number = :number AND grant_no = :grant")
_LISTED = text("""
    SELECT g.*, c.sealed_key, c.erased_at FROM grants g JOIN cases c USING (number)
    WHERE (CAST(:number AS text) = '' OR g.number = :number) AND (CAST(:unit AS text) = '' OR c.unit LIKE :unit)
      AND (g.emergency OR NOT CAST(:emergency AS boolean))
      AND (g.made_at, g.number, g.grant_no) < (CAST(:at AS timestamptz), :behind, CAST(:grant AS integer))
    ORDER BY g.made_at DESC, g.number DESC, g.grant_no DESC LIMIT :limit
""")


def name_of(row: Any) -> str:
    """Return `cases/{case}/grants/{grant}`."""
    return f"{names.case_name(row.number)}/grants/{row.grant_no}"


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a grant under the next number of its case, which is locked, and return its row."""
    grant = await connection.scalar(_NEXT, {"number": number})
    return await rows.insert(connection, "grants", number=number, grant_no=grant, **columns)


async def get(connection: Connection, number: str, grant: int) -> Any:
    """Return a grant's row; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET, {"number": number, "grant": grant})).first()
    return rows.not_found(row, f"{names.case_name(number)}/grants/{grant}")


async def is_party(connection: Connection, number: str, subject: str) -> bool:
    """Return whether an account signs in for a party of a case."""
    return bool(await connection.scalar(_IS_PARTY, {"number": number, "subject": subject}))


async def end(connection: Connection, row: Any, at: datetime, by: str) -> Any:
    """End a grant and return its new row."""
    key = {"number": row.number, "grant_no": row.grant_no}
    return await rows.update(connection, "grants", key, ended_at=at, ended_by=by)


async def listed(
    connection: Connection, number: str, unit: str, emergency: bool, behind: tuple[datetime, str, int], limit: int
) -> Sequence[Any]:
    """Return grants of a case, or of the cases of a unit pattern, newest first."""
    parameters = {
        "number": number, "unit": unit, "emergency": emergency, "at": behind[0], "behind": behind[1],
        "grant": behind[2], "limit": limit,
    }  # fmt: skip
    return (await connection.execute(_LISTED, parameters)).all()
