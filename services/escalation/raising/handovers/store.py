"""SQL of hand-overs and their items."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.supervision.raising.handover import HandoverState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_GET = text("SELECT * FROM handovers WHERE number = :number")
_ITEMS = text("SELECT * FROM handover_items WHERE number = :number ORDER BY item")
_OPEN_ITEMS = text("""
    SELECT count(*) AS open FROM handover_items WHERE number = :number AND acknowledged_at IS NULL
""")
_OPEN = text("SELECT true FROM handovers WHERE unit = :unit AND official = :official AND state = 1")
# The clocks are those of the unit's own subtree: a thing of another unit is handed over by its name alone.
_ADD = text("""
    INSERT INTO handover_items (number, item, file, subject, role, due_on, clocks)
    SELECT :number, coalesce((SELECT max(item) FROM handover_items WHERE number = :number), 0) + 1, :file, :subject,
           :role, :due_on, coalesce((
               SELECT jsonb_agg(jsonb_build_array(id, rule, due_at) ORDER BY due_at, id) FROM clocks
               WHERE number = :file AND state IN (1, 4) AND unit LIKE :unit
                 AND (subject = :subject OR subject LIKE :below)
           ), '[]')
    ON CONFLICT (number, subject, role) DO NOTHING
""")
_ACKNOWLEDGE = text("""
    UPDATE handover_items SET acknowledged_at = :at
    WHERE number = :number AND item = ANY(CAST(:items AS integer[])) AND acknowledged_at IS NULL
""")
_MOVED = text("UPDATE handover_items SET moved_at = :at WHERE number = :number AND item = :item")
_LISTED = """
    SELECT h.*, (SELECT count(*) FROM handover_items i WHERE i.number = h.number AND acknowledged_at IS NULL) AS open
    FROM handovers h WHERE unit LIKE :unit AND (created_at, number) > (CAST(:at AS timestamptz), :number) {open}
    ORDER BY created_at, number LIMIT :limit
"""


async def get(connection: Connection, number: str) -> Any:
    """Return a hand-over; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


async def items(connection: Connection, number: str) -> Sequence[Any]:
    """Return the items of a hand-over, in order."""
    return (await connection.execute(_ITEMS, {"number": number})).all()


async def open_items(connection: Connection, number: str) -> int:
    """Return how many items are not acknowledged."""
    return int(await connection.scalar(_OPEN_ITEMS, {"number": number}))


async def is_open(connection: Connection, unit: str, official: str) -> bool:
    """Return whether an official hands over what is held for a unit already."""
    return bool(await connection.scalar(_OPEN, {"unit": unit, "official": official}))


async def add(connection: Connection, number: str, subject: str, role: str, unit: str, due_on: Any = None) -> None:
    """List one thing with its open clocks as they stand; once."""
    parameters = {
        "number": number, "file": names.number_of(subject), "subject": subject, "role": role, "due_on": due_on,
        "unit": unit, "below": f"{subject}/%",
    }  # fmt: skip
    await connection.execute(_ADD, parameters)


async def acknowledge(connection: Connection, number: str, items: Collection[int], at: datetime) -> None:
    """Keep that these items were acknowledged."""
    await connection.execute(_ACKNOWLEDGE, {"number": number, "items": sorted(items), "at": at})


async def moved(connection: Connection, row: Any, at: datetime) -> None:
    """Keep that an item came to be held by the successor."""
    await connection.execute(_MOVED, {"number": row.number, "item": row.item, "at": at})


async def change(connection: Connection, number: str, **columns: Any) -> Any:
    """Change columns of a hand-over and return its new row."""
    return await rows.update(connection, "handovers", {"number": number}, **columns)


async def listed(
    connection: Connection, unit: str, only_open: bool, behind: tuple[datetime, str], limit: int
) -> Sequence[Any]:
    """Return hand-overs of units of the pattern with how many items are open, oldest first."""
    query = _LISTED.format(open=f"AND state = {int(HandoverState.OPEN)}" if only_open else "")
    parameters = {"unit": unit, "at": behind[0], "number": behind[1], "limit": limit}
    return (await connection.execute(text(query), parameters)).all()
