"""Statements of lead officials: the lead of a matter, its notes, its hand-overs. None selects by official."""

from __future__ import annotations

from collections.abc import Sequence

from casework import names
from casework.supervision.matters.lead import HandOverState
from services.escalation.matters.special.models import Lead, LeadHandOver, LeadNote
from services.kit.storage import rows
from services.kit.storage.database import Connection


async def find(connection: Connection, number: str) -> Lead | None:
    """Return the lead of a matter; None where there is none."""
    return (await rows.find(connection, Lead, number=number)).first()


async def get(connection: Connection, number: str) -> Lead:
    """Return the lead of a matter; NOT_FOUND where there is none."""
    return rows.not_found(await find(connection, number), f"{names.file_name(number)}/lead")


async def add(connection: Connection, number: str, **columns: object) -> Lead:
    """Store the lead of a matter and return its row."""
    return await rows.insert(connection, Lead, number=number, **columns)


async def change(connection: Connection, row: Lead, **columns: object) -> Lead:
    """Change columns of a lead and return its new row."""
    return await rows.update(connection, Lead, {"number": row.number}, **columns)


async def add_note(connection: Connection, number: str, **columns: object) -> LeadNote:
    """Store a note and return its row."""
    return await rows.add(connection, LeadNote, "note", {"number": number}, **columns)


async def note(connection: Connection, number: str, index: int) -> LeadNote:
    """Return a note; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/lead/notes/{index}"
    return await rows.get(connection, LeadNote, name, number=number, note=index)


async def notes(connection: Connection, number: str) -> Sequence[LeadNote]:
    """Return the notes of a lead, oldest first."""
    return await rows.find(connection, LeadNote, LeadNote.note, number=number)


async def offer(connection: Connection, number: str, **columns: object) -> LeadHandOver:
    """Store an offered hand-over and return its row."""
    return await rows.add(
        connection, LeadHandOver, "hand_over", {"number": number}, state=HandOverState.OFFERED, **columns
    )


async def offered(connection: Connection, number: str) -> LeadHandOver | None:
    """Return the offered hand-over; None if there is none."""
    return (await rows.find(connection, LeadHandOver, number=number, state=HandOverState.OFFERED)).first()


async def answer(connection: Connection, row: LeadHandOver, **columns: object) -> LeadHandOver:
    """Change columns of a hand-over and return its new row."""
    key = {"number": row.number, "hand_over": row.hand_over}
    return await rows.update(connection, LeadHandOver, key, **columns)


async def hand_over(connection: Connection, number: str, index: int) -> LeadHandOver:
    """Return a hand-over; NOT_FOUND where there is none."""
    name = f"{names.file_name(number)}/lead/handOvers/{index}"
    return await rows.get(connection, LeadHandOver, name, number=number, hand_over=index)


async def hand_overs(connection: Connection, number: str) -> Sequence[LeadHandOver]:
    """Return the hand-overs of a lead, oldest first."""
    return await rows.find(connection, LeadHandOver, LeadHandOver.hand_over, number=number)
