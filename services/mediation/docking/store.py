"""Statements of dockings and their letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    func,
    insert,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from casework import names
from casework.mediation.docking import OVER, Change, DockingState, Letter
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.models import Event, FeedHead, FeedPlace
from services.mediation.models.cases import Case
from services.mediation.models.docking import Docking, DockingChange, DockingLetter, DockingPlace

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
        connection, Docking, "docking", {"number": number}, rows.FEW, state=DockingState.HANDED_OVER, **columns
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


_LETTERS_OF = (
    select(DockingLetter)
    .where(DockingLetter.number == any_(bindparam("numbers", type_=ARRAY(Text(collation="C")))))
    .order_by(DockingLetter.id)
)


async def letters_of(
    connection: Connection, dockings: Sequence[Docking]
) -> Mapping[tuple[str, int], list[DockingLetter]]:
    """Return the letters of dockings, in order, by case and number."""
    found: dict[tuple[str, int], list[DockingLetter]] = {(each.number, each.docking): [] for each in dockings}
    for row in await connection.execute(_LETTERS_OF, {"numbers": sorted({number for number, _ in found})}):
        if (row.number, row.docking) in found:
            found[row.number, row.docking].append(row)
    return found


# Looking and telling: one process at a time, so that a change never comes to stand before one that was read.
_TURN_IF_FREE = select(func.pg_try_advisory_xact_lock(4215, func.hashtext(func.current_schema())))
_PLACE = select(DockingPlace.position, select(FeedHead.position).scalar_subquery())
_REACHED = update(DockingPlace).values(position=bindparam("position", type_=BigInteger))
_AFTER = bindparam("after", type_=BigInteger)
_HAPPENED = (
    select(FeedPlace.position, Event.number, Event.kind, Event.payload, Event.occurred_at)
    .join(Event, Event.id == FeedPlace.event_id)
    .where(
        FeedPlace.position > _AFTER, FeedPlace.position <= bindparam("to", type_=BigInteger),
        Event.kind == any_(bindparam("kinds", type_=ARRAY(Text))),
    )
    .order_by(FeedPlace.position)
)  # fmt: skip
_TOLD = (
    select(
        bindparam("position", type_=BigInteger), Docking.number, Docking.docking, Docking.authority,
        bindparam("kinds", type_=ARRAY(SmallInteger)), bindparam("at", type_=DateTime(timezone=True)),
    )
    .where(Docking.number == _NUMBER, Docking.docking == _DOCKING, Docking.authority != "")
)  # fmt: skip
_TELL = insert(DockingChange).from_select(
    ["position", "number", "docking", "authority", "kinds", "changed_at"], _TOLD
)  # fmt: skip
_CHANGES = (
    select(Docking, DockingChange.position, DockingChange.changed_at, DockingChange.kinds, Case.unit, Case.category)
    .select_from(DockingChange)
    .join(Docking, and_(Docking.number == DockingChange.number, Docking.docking == DockingChange.docking))
    .join(Case, Case.number == Docking.number)
    .where(DockingChange.authority == bindparam("authority", type_=Text), DockingChange.position > _AFTER)
    .order_by(DockingChange.position)
    .limit(bindparam("limit", type_=Integer))
)


class Happened(NamedTuple):
    """An event that may have changed a docking, with its place in the feed."""

    position: int
    number: str
    kind: str
    payload: Any
    at: datetime


class Changed(NamedTuple):
    """A change of a docking, with the accountable unit and the category of its case."""

    row: Docking
    position: int
    at: datetime
    kinds: Sequence[int]
    unit: str
    category: str


async def look(connection: Connection, stride: int) -> tuple[int, int, int] | None:
    """Return how far was looked, how far to look now, and where the feed ends; None while another process looks."""
    if not await connection.scalar(_TURN_IF_FREE):
        return None
    after, head = (await connection.execute(_PLACE)).one()
    return after, max(after, min(after + stride, head)), head


async def happened(connection: Connection, after: int, to: int, kinds: Sequence[str]) -> list[Happened]:
    """Return the events of some kinds in a range of the feed, in order."""
    if to <= after:
        return []
    found = await connection.execute(_HAPPENED, {"after": after, "to": to, "kinds": list(kinds)})
    return [Happened._make(each) for each in found]


async def tell(
    connection: Connection, number: str, docking: int, position: int, kinds: Sequence[Change], at: datetime
) -> None:  # fmt: skip
    """Write that a docking has changed, if it is known whose it is."""
    told = {"number": number, "docking": docking, "position": position, "kinds": list(map(int, kinds)), "at": at}
    await connection.execute(_TELL, told)


async def looked_at(connection: Connection, position: int) -> None:
    """Note how far was looked."""
    await connection.execute(_REACHED, {"position": position})


async def changes(connection: Connection, authority: str, after: int, limit: int) -> list[Changed]:
    """Return the changes of what an authority handed over after a place, in order."""
    parameters = {"authority": authority, "after": after, "limit": limit}
    return [Changed._make(each) for each in await connection.execute(_CHANGES, parameters)]
