"""SQL of offers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework.errors import CaseError, Reason
from casework.mediation.offer import OfferState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_MADE = int(OfferState.MADE)
_NEXT = text("SELECT coalesce(max(offer), 0) + 1 FROM offers WHERE number = :number")
_OPEN = text(f"SELECT EXISTS (SELECT FROM offers WHERE number = :number AND task = :task AND state = {_MADE})")
_LAPSE = text(f"""
    UPDATE offers SET state = {int(OfferState.LAPSED)}, ended_at = :at, version = version + 1
    WHERE number = :number AND state = {_MADE} AND (CAST(:task AS integer) IS NULL OR task = :task)
    RETURNING *
""")


def name_of(number: str, offer: int) -> str:
    """Return `cases/{number}/offers/{offer}`."""
    return f"cases/{number}/offers/{offer}"


async def next_of(connection: Connection, number: str, task: int) -> int:
    """Return the number the next offer of a locked case gets; OFFER_OPEN while one of the same is not answered."""
    if await connection.scalar(_OPEN, {"number": number, "task": task}):
        raise CaseError(Reason.OFFER_OPEN)
    return int(await connection.scalar(_NEXT, {"number": number}))


async def add(connection: Connection, **columns: Any) -> Any:
    """Store an offer and return its row."""
    return await rows.insert(connection, "offers", state=_MADE, **columns)


async def get(connection: Connection, number: str, offer: int) -> Any:
    """Return an offer; NOT_FOUND where there is none."""
    found = await rows.select(connection, "offers", "offer", number=number, offer=offer)
    return rows.not_found(found.first(), name_of(number, offer))


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of an offer and return its new row."""
    return await rows.update(connection, "offers", {"number": row.number, "offer": row.offer}, **columns)


async def lapse(connection: Connection, number: str, task: int | None, at: datetime) -> Sequence[Any]:
    """Let open offers lapse, of a task or all of the case, and return their rows."""
    return (await connection.execute(_LAPSE, {"number": number, "task": task, "at": at})).all()


async def listed(
    connection: Connection, unit: str, number: str, only_open: bool, behind: tuple[datetime, str, int] | None,
    limit: int,
) -> Sequence[Any]:  # fmt: skip
    """Return offers by units of the pattern or to them, the one made first first."""
    where, parameters = ["(unit LIKE :unit OR offered LIKE :unit)"], dict[str, Any](unit=unit, limit=limit)
    if number:
        where.append("number = :number")
        parameters["number"] = number
    if only_open:
        where.append(f"state = {_MADE}")
    if behind:
        where.append("(made_at, number, offer) > (CAST(:at AS timestamptz), :behind, :offer)")
        parameters.update(at=behind[0], behind=behind[1], offer=behind[2])
    query = f"SELECT * FROM offers WHERE {' AND '.join(where)} ORDER BY made_at, number, offer LIMIT :limit"
    return (await connection.execute(text(query), parameters)).all()
