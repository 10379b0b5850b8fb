"""Statements of the panel of a mediation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import DateTime, Text, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from casework import names
from casework.errors import CaseError, Reason
from casework.mediation.choosing import PANEL_LIVE, LeavingReason, PanelRole, PanelState
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import WrappedKey
from services.mediation.models.cases import Case
from services.mediation.models.mediators import PanelMember, PanelSignature

_NUMBER, _SUBJECT = bindparam("number", type_=Text), bindparam("subject", type_=Text)
_AT = bindparam("at", type_=DateTime(timezone=True))
_LIVE = PanelMember.state.in_(PANEL_LIVE)
_OF_CASE = select(PanelMember).where(PanelMember.number == _NUMBER).order_by(PanelMember.member)
_LIVE_OF = _OF_CASE.where(_LIVE)
_ON_IT = select(PanelMember).where(
    PanelMember.number == _NUMBER, PanelMember.subject == _SUBJECT, PanelMember.state == PanelState.ACCEPTED
)
_OWN = (
    select(PanelMember, Case.sealed_key, Case.erased_at)
    .join(Case, Case.number == PanelMember.number)
    .where(PanelMember.subject == _SUBJECT, PanelMember.subject != "", _LIVE)
    .order_by(PanelMember.added_at.desc(), PanelMember.number, PanelMember.member)
    .limit(200)
)
_END = (
    update(PanelMember)
    .where(PanelMember.number == _NUMBER, PanelMember.state.in_((PanelState.PROPOSED, PanelState.ASKED)))
    .values(state=PanelState.ENDED, reason=LeavingReason.OVER, ended_at=_AT, version=PanelMember.version + 1)
)
_END_ALL = (
    update(PanelMember)
    .where(PanelMember.number == _NUMBER, _LIVE)
    .values(state=PanelState.ENDED, reason=LeavingReason.OVER, ended_at=_AT, version=PanelMember.version + 1)
)
_SIGN = (
    insert(PanelSignature)
    .values({column.name: bindparam(column.name) for column in PanelSignature.__table__.columns})
    .on_conflict_do_nothing()
    .returning(PanelSignature.member)
)


class Own(NamedTuple):
    """A member that is the caller, and what opens its sealed part."""

    row: PanelMember
    key: WrappedKey | None
    erased_at: datetime | None


async def add(connection: Connection, number: str, **columns: object) -> PanelMember:
    """Add a member under the next number of its case, which is locked, and return the row."""
    return await rows.add(connection, PanelMember, "member", {"number": number}, **columns)


async def get(connection: Connection, number: str, member: int) -> PanelMember:
    """Return a member's row; NOT_FOUND where there is none."""
    return await rows.get(connection, PanelMember, names.panel_name(number, member), number=number, member=member)


async def change(connection: Connection, row: PanelMember, **columns: object) -> PanelMember:
    """Change columns of a member and return its new row."""
    return await rows.update(connection, PanelMember, {"number": row.number, "member": row.member}, **columns)


async def of_case(connection: Connection, number: str) -> Sequence[PanelMember]:
    """Return the members of a case, in the order in which they were added."""
    return await connection.execute(_OF_CASE, {"number": number})


async def live(connection: Connection, number: str) -> Sequence[PanelMember]:
    """Return the members who take part, or still may."""
    return await connection.execute(_LIVE_OF, {"number": number})


async def on_it(connection: Connection, number: str, subject: str) -> PanelMember | None:
    """Return the part an account has in a mediation beside the mediator of record; None for none."""
    return (await connection.execute(_ON_IT, {"number": number, "subject": subject})).first()


async def second(connection: Connection, number: str, subject: str) -> PanelMember | None:
    """Return the row of an account that is a second mediator; None where it is none."""
    row = await on_it(connection, number, subject) if subject else None
    return row if row is not None and row.role is PanelRole.SECOND_MEDIATOR else None


async def seconds(connection: Connection, number: str) -> frozenset[int]:
    """Return the numbers of the second mediators who take part."""
    return frozenset(
        row.member
        for row in await live(connection, number)
        if row.role is PanelRole.SECOND_MEDIATOR and row.state is PanelState.ACCEPTED
    )


async def own(connection: Connection, subject: str) -> Sequence[Own]:
    """Return where an account was asked or takes part, newest first."""
    return [Own(*row) for row in await connection.execute(_OWN, {"subject": subject})]


async def end(connection: Connection, number: str, at: datetime, *, everybody: bool = False) -> None:
    """End what was not answered when the mediation is over; everybody's part when it begins anew."""
    await connection.execute(_END_ALL if everybody else _END, {"number": number, "at": at})


async def sign(connection: Connection, number: str, agreement: int, member: int, at: datetime, by: str) -> None:
    """Store the signature of a second mediator; ALREADY_EXISTS if it is there."""
    key = {"number": number, "agreement": agreement, "member": member}
    if await connection.scalar(_SIGN, {**key, "signed_at": at, "signed_by": by}) is None:
        raise CaseError(Reason.ALREADY_EXISTS, "countersigned")
