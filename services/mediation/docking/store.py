"""Statements of dockings and their letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from sqlalchemy import DateTime, Integer, Select, Text, bindparam, select, tuple_

from casework import names
from casework.mediation.docking import OVER, DockingState, Letter
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.cases import Case
from services.mediation.models.docking import Docking, DockingLetter

_NUMBER, _DOCKING = bindparam("number", type_=Text), bindparam("docking", type_=Integer)
_LETTER = bindparam("letter", type_=DockingLetter.letter.type)
_REFERENCE = (
    select(DockingLetter.reference)
    .where(DockingLetter.number == _NUMBER, DockingLetter.docking == _DOCKING, DockingLetter.letter == _LETTER)
    .order_by(DockingLetter.id.desc())
    .limit(1)
)
_HANDED_OVER = (
    select(DockingLetter.docking, DockingLetter.reference)
    .where(DockingLetter.number == _NUMBER, DockingLetter.letter == Letter.HAND_OVER)
    .order_by(DockingLetter.id)
)


async def add(connection: Connection, number: str, **columns: object) -> Docking:
    """Store a docking under the next number of its locked case and return its row."""
    return await rows.add(
        connection, Docking, "docking", {"number": number}, state=DockingState.HANDED_OVER, **columns
    )  # fmt: skip


async def get(connection: Connection, number: str, docking: int) -> Docking:
    """Return a docking; NOT_FOUND where there is none."""
    return await rows.get(connection, Docking, names.docking_name(number, docking), number=number, docking=docking)


async def of_case(connection: Connection, number: str) -> Sequence[Docking]:
    """Return the dockings of a case, oldest first."""
    return await rows.find(connection, Docking, Docking.docking, number=number)


async def by_letter(connection: Connection, authority: str, reference: str) -> Docking | None:
    """Return the docking that an authority's letter made; None if there is none."""
    found = await rows.find(connection, Docking, authority=authority, reference=reference)
    return found[0] if found else None


@lru_cache(maxsize=8)
def _sent(reference: bool, is_open: bool, behind: bool) -> Select[Docking, str, str]:
    found = select(Docking, Case.unit, Case.category).join(Case, Case.number == Docking.number)
    found = found.where(Docking.authority.like(bindparam("authority", type_=Text)), Docking.authority != "")
    if reference:
        found = found.where(Docking.reference == bindparam("reference", type_=Text))
    if is_open:
        found = found.where(Docking.state.not_in(sorted(OVER)))
    place = (Docking.handed_over_at, Docking.number, Docking.docking)
    if behind:
        found = found.where(tuple_(*place) < tuple_(bindparam("at", type_=DateTime(timezone=True)), _NUMBER, _DOCKING))
    return found.order_by(*(each.desc() for each in place)).limit(bindparam("limit", type_=Integer))


async def sent(
    connection: Connection, authority: str, reference: str, is_open: bool, behind: tuple[datetime, str, int] | None,
    limit: int,
) -> list[tuple[Docking, str, str]]:  # fmt: skip
    """Return what authorities of a unit pattern handed over, newest first: docking, accountable unit, category."""
    at, number, docking = behind or (None, "", 0)
    parameters = {
        "authority": authority, "reference": reference, "at": at, "number": number, "docking": docking, "limit": limit,
    }  # fmt: skip
    statement = _sent(bool(reference), is_open, behind is not None)
    return [(row, unit, category) for row, unit, category in await connection.execute(statement, parameters)]


async def change(connection: Connection, row: Docking, **columns: object) -> Docking:
    """Change columns of a docking and return its new row."""
    return await rows.update(connection, Docking, {"number": row.number, "docking": row.docking}, **columns)


async def write(connection: Connection, row: Docking, letter: Letter, reference: str, at: datetime) -> None:
    """Store a letter of a docking."""
    await rows.insert(
        connection, DockingLetter, number=row.number, docking=row.docking, letter=letter, reference=reference, at=at
    )


async def letters(connection: Connection, row: Docking) -> Sequence[DockingLetter]:
    """Return the letters of a docking, in order."""
    return await rows.find(connection, DockingLetter, DockingLetter.id, number=row.number, docking=row.docking)


async def reference(connection: Connection, number: str, docking: int, letter: Letter) -> str:
    """Return the reference of the last letter of a kind; empty if there is none."""
    key = {"number": number, "docking": docking, "letter": letter}
    return await connection.scalar(_REFERENCE, key) or ""


async def handed_over(connection: Connection, number: str) -> dict[int, str]:
    """Return the references of the letters by which a case was handed over, by docking."""
    return dict(iter(await connection.execute(_HANDED_OVER, {"number": number})))
