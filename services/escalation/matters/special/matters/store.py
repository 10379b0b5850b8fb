"""Statements of matters of the ledger for special handling: read, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Text, bindparam, func, select

from casework import names
from casework.errors import CaseError, Reason
from services.escalation.models import Matter
from services.kit.clocks.models import LIVE, Clock
from services.kit.storage import rows
from services.kit.storage.database import Connection

_NUMBER = bindparam("number", type_=Text)
_GET = select(Matter).where(Matter.number == _NUMBER)
_RUNNING = (
    select(Clock.id, Clock.due_at)
    .where(
        Clock.number == _NUMBER,
        func.split_part(Clock.id, ".", 2, type_=Text).like(bindparam("keys", type_=Text)),
        Clock.state.in_(LIVE),
    )
    .order_by(Clock.due_at.nulls_last(), Clock.id)
)


class Running(NamedTuple):
    """A clock that runs."""

    id: str
    due_at: datetime | None


async def get(connection: Connection, number: str) -> Matter:
    """Return a matter's row; NOT_FOUND where there is none."""
    return rows.not_found((await connection.execute(_GET, {"number": number})).first(), names.file_name(number))


def concerned(matter: Matter) -> tuple[str, ...]:
    """Return the units that have a matter: the keeping and the accountable one."""
    return tuple(unit for unit in (matter.keeper, matter.unit) if unit)


def must_be_listed(matter: Matter) -> None:
    """Raise WRONG_STATE for a struck-off matter: nothing new can begin."""
    if matter.struck_off_at is not None:
        raise CaseError(Reason.WRONG_STATE, "STRUCK_OFF", state="STRUCK_OFF")


def answerable(matter: Matter) -> str:
    """Return the accountable unit of a matter; the keeping one until it is assigned."""
    return matter.unit or matter.keeper


async def running(connection: Connection, number: str, keys: str = "%") -> Sequence[Running]:
    """Return the running clocks of a file whose key matches, earliest first."""
    return [Running(*row) for row in await connection.execute(_RUNNING, {"number": number, "keys": keys})]
