"""Statements of halls, duties and tickets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Date, Integer, Text, any_, bindparam, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, SMALLINT, insert

from casework.door.hall import TicketState
from services.intake.hall.models import Duty, Hall, Ticket
from services.kit.serving.request.named import missing
from services.kit.storage import rows
from services.kit.storage.database import Connection

_UNIT, _DAY = bindparam("unit", type_=Text), bindparam("day", type_=Date)
_QUEUE, _BEFORE = bindparam("queue", type_=Text), bindparam("before", type_=Integer)
_OF_DAY = (Ticket.unit == _UNIT, Ticket.day == _DAY)
_GET = select(Hall).where(Hall.unit == _UNIT)
_LOCK = _GET.with_for_update()
_ADD = (
    insert(Hall)
    .values({each: bindparam(each) for each in ("unit", "settings", "updated_by", "updated_at")})
    .on_conflict_do_nothing(index_elements=[Hall.unit])
    .returning(true())
)
_ASSIGN = insert(Duty).values({each: bindparam(each) for each in ("unit", "posting", "day", "officer")})
_ASSIGN = _ASSIGN.on_conflict_do_update(
    index_elements=[Duty.unit, Duty.posting, Duty.day], set_={"officer": _ASSIGN.excluded.officer}
)
_EMPTY = update(Duty).where(Duty.day < _DAY, Duty.officer != "").values(officer="")
_DUTIES = select(Duty.posting, Duty.officer).where(Duty.unit == _UNIT, Duty.day == _DAY)
_TICKET = select(Ticket).where(
    *_OF_DAY, Ticket.letter == bindparam("letter", type_=Text), Ticket.ticket_no == bindparam("ticket", type_=Integer)
)
_NEXT = (
    select(Ticket)
    .where(
        *_OF_DAY, Ticket.state == TicketState.WAITING,
        Ticket.queue == any_(bindparam("queues", type_=ARRAY(Text(collation="C")))),
    )
    .order_by(Ticket.drawn_no)
    .limit(1)
)  # fmt: skip
_AT_WINDOW = select(Ticket).where(
    *_OF_DAY, Ticket.state == TicketState.CALLED, Ticket.window_no == bindparam("window", type_=Integer)
)
_AHEAD = select(func.count()).where(
    *_OF_DAY, Ticket.state == TicketState.WAITING, Ticket.queue == _QUEUE, Ticket.drawn_no < _BEFORE
)
_ON_BOARD = (
    select(Ticket)
    .where(*_OF_DAY, or_(Ticket.state == TicketState.WAITING, Ticket.state == TicketState.CALLED))
    .order_by(Ticket.drawn_no)
)
_LISTED = (
    select(Ticket)
    .where(
        *_OF_DAY, or_(_QUEUE == "", Ticket.queue == _QUEUE),
        Ticket.state == any_(bindparam("states", type_=ARRAY(SMALLINT))), Ticket.drawn_no > _BEFORE,
    )
    .order_by(Ticket.drawn_no)
    .limit(bindparam("limit", type_=Integer))
)  # fmt: skip


async def get(connection: Connection, name: str, field: str = "name", *, lock: bool = False) -> Hall:
    """Return the hall in a name, `halls/{unit}` or one below it; NOT_FOUND, naming the field, if there is none."""
    unit = name.split("/")[1]
    row = (await connection.execute(_LOCK if lock else _GET, {"unit": unit})).first()
    if row is None:
        raise missing(field, f"halls/{unit}")
    return row


async def add(connection: Connection, unit: str, settings: str, by: str, at: datetime) -> bool:
    """Set up a hall; return whether there was none before."""
    columns = {"unit": unit, "settings": settings, "updated_by": by, "updated_at": at}
    return bool(await connection.scalar(_ADD, columns))


async def change(connection: Connection, unit: str, **columns: object) -> Hall:
    """Change a hall and return its new row."""
    return await rows.update(connection, Hall, {"unit": unit}, **columns)


async def assign(connection: Connection, unit: str, posting: int, day: date, officer: str) -> None:
    """Name who is on duty at a posting on a day."""
    await connection.execute(_ASSIGN, {"unit": unit, "posting": posting, "day": day, "officer": officer})


async def empty_before(connection: Connection, today: date) -> None:
    """Forget who was on duty before today, in every hall."""
    await connection.execute(_EMPTY, {"day": today})


async def duties(connection: Connection, unit: str, day: date) -> dict[int, str]:
    """Return who is on duty on a day, by posting."""
    found = await connection.execute(_DUTIES, {"unit": unit, "day": day})
    return dict(list(found))


async def draw(connection: Connection, unit: str, day: date, letter: str, manner: int, at: datetime) -> Ticket:
    """Store the next ticket of a queue of a locked hall, and return it."""
    return await rows.insert(
        connection, Ticket, unit=unit, day=day, letter=letter, queue=letter, state=TicketState.WAITING, manner=manner,
        ticket_no=await rows.next_of(connection, Ticket.ticket_no, rows.PAGED, unit=unit, day=day, letter=letter),
        drawn_no=await rows.next_of(connection, Ticket.drawn_no, rows.PAGED, unit=unit, day=day), drawn_at=at,
    )  # fmt: skip


async def drawn(connection: Connection, unit: str, day: date, letter: str) -> int:
    """Return how many tickets of a queue were drawn on a day."""
    return await rows.next_of(connection, Ticket.ticket_no, rows.PAGED, unit=unit, day=day, letter=letter) - 1


async def ticket(connection: Connection, unit: str, day: date, letter: str, number: int) -> Ticket | None:
    """Return a ticket, None if it was never drawn."""
    key = {"unit": unit, "day": day, "letter": letter, "ticket": number}
    return (await connection.execute(_TICKET, key)).first()


async def next_waiting(connection: Connection, unit: str, day: date, queues: Sequence[str]) -> Ticket | None:
    """Return the ticket that has waited longest in these queues, None if nobody waits."""
    return (await connection.execute(_NEXT, {"unit": unit, "day": day, "queues": list(queues)})).first()


async def at_window(connection: Connection, unit: str, day: date, window: int) -> Ticket | None:
    """Return the ticket that was called to a window and is still open, None if there is none."""
    return (await connection.execute(_AT_WINDOW, {"unit": unit, "day": day, "window": window})).first()


async def ahead(connection: Connection, row: Ticket) -> int:
    """Return how many wait before a ticket in its queue."""
    key = {"unit": row.unit, "day": row.day, "queue": row.queue, "before": row.drawn_no}
    return await connection.scalar(_AHEAD, key) or 0


async def on_board(connection: Connection, unit: str, day: date) -> Sequence[Ticket]:
    """Return the tickets that wait or are called, in the order in which they were drawn."""
    return await connection.execute(_ON_BOARD, {"unit": unit, "day": day})


async def listed(
    connection: Connection, unit: str, day: date, queue: str, states: Sequence[int], after: int, limit: int
) -> Sequence[Ticket]:
    """Return tickets of a day in these states, in the order in which they were drawn."""
    key = {"unit": unit, "day": day, "queue": queue, "states": list(states), "before": after, "limit": limit}
    return await connection.execute(_LISTED, key)


async def move(connection: Connection, row: Ticket, **columns: object) -> Ticket:
    """Change a ticket of a locked hall and return its new row."""
    key = {"unit": row.unit, "day": row.day, "letter": row.letter, "ticket_no": row.ticket_no}
    return await rows.update(connection, Ticket, key, **columns)
