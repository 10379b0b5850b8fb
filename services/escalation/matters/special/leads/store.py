"""SQL of lead officials: the lead of a matter, its notes, its hand-overs. Nothing here asks by official."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from casework import names
from casework.supervision.matters.lead import HandOverState
from services.kit.storage import rows
from services.kit.storage.database import Connection, text

_LOCK = text("SELECT * FROM leads WHERE number = :number")
_NEXT = {
    "lead_notes": text("SELECT coalesce(max(note), 0) + 1 FROM lead_notes WHERE number = :number"),
    "lead_hand_overs": text("SELECT coalesce(max(hand_over), 0) + 1 FROM lead_hand_overs WHERE number = :number"),
}
_OFFERED = text("SELECT * FROM lead_hand_overs WHERE number = :number AND state = :state")


async def find(connection: Connection, number: str) -> Any:
    """Return the lead of a matter; None where there is none."""
    return (await connection.execute(_LOCK, {"number": number})).first()


async def get(connection: Connection, number: str) -> Any:
    """Return the lead of a matter; NOT_FOUND where there is none."""
    return rows.not_found(await find(connection, number), f"{names.file_name(number)}/lead")


async def add(connection: Connection, number: str, **columns: Any) -> Any:
    """Store the lead of a matter and return its row."""
    return await rows.insert(connection, "leads", number=number, **columns)


async def change(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a lead and return its new row."""
    return await rows.update(connection, "leads", {"number": row.number}, **columns)


async def add_note(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a note and return its row."""
    note: int = await connection.scalar(_NEXT["lead_notes"], {"number": number})
    return await rows.insert(connection, "lead_notes", number=number, note=note, **columns)


async def note(connection: Connection, number: str, index: int) -> Any:
    """Return a note; NOT_FOUND where there is none."""
    found = await rows.select(connection, "lead_notes", "note", number=number, note=index)
    return rows.not_found(found.first(), f"{names.file_name(number)}/lead/notes/{index}")


async def notes(connection: Connection, number: str) -> Sequence[Any]:
    """Return the notes of a lead, oldest first."""
    return await rows.select(connection, "lead_notes", "note", number=number)


async def offer(connection: Connection, number: str, **columns: Any) -> Any:
    """Store a hand-over that is offered and return its row."""
    hand_over: int = await connection.scalar(_NEXT["lead_hand_overs"], {"number": number})
    state = int(HandOverState.OFFERED)
    return await rows.insert(connection, "lead_hand_overs", number=number, hand_over=hand_over, state=state, **columns)


async def offered(connection: Connection, number: str) -> Any:
    """Return the hand-over that is offered; None where none is."""
    parameters = {"number": number, "state": int(HandOverState.OFFERED)}
    return (await connection.execute(_OFFERED, parameters)).first()


async def answer(connection: Connection, row: Any, **columns: Any) -> Any:
    """Change columns of a hand-over and return its new row."""
    key = {"number": row.number, "hand_over": row.hand_over}
    return await rows.update(connection, "lead_hand_overs", key, **columns)


async def hand_over(connection: Connection, number: str, index: int) -> Any:
    """Return a hand-over; NOT_FOUND where there is none."""
    found = await rows.select(connection, "lead_hand_overs", "hand_over", number=number, hand_over=index)
    return rows.not_found(found.first(), f"{names.file_name(number)}/lead/handOvers/{index}")


async def hand_overs(connection: Connection, number: str) -> Sequence[Any]:
    """Return the hand-overs of a lead, oldest first."""
    return await rows.select(connection, "lead_hand_overs", "hand_over", number=number)
