"""Statements of calendars: their addresses, and the sessions somebody takes part in."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import DateTime, Integer, Text, any_, bindparam, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from casework.mediation.choosing import PanelState
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.calendars.models import CalendarAddress
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.mediators import PanelMember
from services.mediation.models.people import Party
from services.mediation.models.sessions import Room, Session
from services.mediation.officials.models import OfficialRow

_ACCOUNT = bindparam("account", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_MADE = ("salt", "code_index", "roles", "unit", "language", "made_at", "expires_at")
_MAKE = (
    insert(CalendarAddress)
    .values({each: bindparam(each, type_=CalendarAddress.__table__.c[each].type) for each in ("account", *_MADE)})
    .on_conflict_do_update(
        index_elements=[CalendarAddress.account],
        set_={
            **{each: bindparam(each, type_=CalendarAddress.__table__.c[each].type) for each in _MADE},
            "version": CalendarAddress.version + 1, "revoked_at": None,
        },
    )
    .returning(CalendarAddress)
)  # fmt: skip
_REVOKE = (
    update(CalendarAddress)
    .where(CalendarAddress.account == _ACCOUNT, CalendarAddress.revoked_at.is_(None))
    .values(revoked_at=_AT, version=CalendarAddress.version + 1)
)
_MEDIATES = select(Mediation.number).where(Mediation.mediator == _ACCOUNT, Mediation.mediator != "")
_ON_THE_PANEL = select(PanelMember.number).where(
    PanelMember.subject == _ACCOUNT, PanelMember.subject != "", PanelMember.state == PanelState.ACCEPTED
)
_IS_PARTY = select(Party.number).where(Party.subject == _ACCOUNT, Party.subject != "", Party.withdrawn_at.is_(None))
_STAFF = or_(Session.number.in_(_MEDIATES), Session.number.in_(_ON_THE_PANEL))
_INVITED = _IS_PARTY.where(Party.number == Session.number, Party.party == any_(Session.parties)).exists()
_SESSIONS = (
    select(Session, func.coalesce(Room.display_name, "").label("room_name"), _STAFF.label("staff"))
    .join(Case, Case.number == Session.number)
    .join(Room, Room.room == Session.room, isouter=True)
    .where(
        Session.number.in_(_MEDIATES.union(_ON_THE_PANEL, _IS_PARTY)), or_(_STAFF, _INVITED),
        func.upper(Session.during) > _AT, Case.erased_at.is_(None),
    )
    .order_by(Session.during, Session.number, Session.session)
    .limit(bindparam("limit", type_=Integer))
)  # fmt: skip


class Appointment(NamedTuple):
    """A session somebody takes part in; `staff` unless only as a party."""

    session: Session
    room_name: str
    staff: bool


async def make(connection: Connection, **columns: object) -> CalendarAddress:
    """Store the address of an account, in place of an earlier one, and return its row."""
    return (await connection.execute(_MAKE, columns)).one()


async def of_account(connection: Connection, account: str) -> CalendarAddress | None:
    """Return the address of an account; None if it never had one."""
    return (await rows.find(connection, CalendarAddress, account=account)).first()


async def by_code(connection: Connection, index: bytes) -> CalendarAddress | None:
    """Return the address with this index; None if there is none."""
    return (await rows.find(connection, CalendarAddress, code_index=index)).first()


async def terms(connection: Connection, account: str, unit: str) -> list[tuple[date, date | None]]:
    """Return from when until when an account has a post in this unit, as its head lists it."""
    found = await rows.find(connection, OfficialRow, account=account, unit=unit)
    return [(row.first_on, row.last_on) for row in found]


async def revoke(connection: Connection, account: str, at: datetime) -> None:
    """End the address of an account, if it has one."""
    await connection.execute(_REVOKE, {"account": account, "at": at})


async def sessions(connection: Connection, account: str, since: datetime, limit: int) -> list[Appointment]:
    """Return the sessions an account takes part in that end after this instant, in order of time."""
    found = await connection.execute(_SESSIONS, {"account": account, "at": since, "limit": limit})
    return [Appointment(*row) for row in found]
