"""Statements of invitations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime, Integer, LargeBinary, Text, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.sealing import SealedBytes
from services.mediation.models.people import Invitation, Party

_KEY = {"number": bindparam("number", type_=Text), "party": bindparam("party", type_=Integer)}
_MADE = ("companion", "code_index", "sealed", "made_by", "made_at")
_INVITE = (
    insert(Invitation)
    .values({**_KEY, **{each: bindparam(each) for each in _MADE}})
    .on_conflict_do_update(
        index_elements=[Invitation.number, Invitation.party],
        set_={
            **{each: bindparam(each, type_=Invitation.__table__.c[each].type) for each in _MADE},
            "version": Invitation.version + 1, "failed": 0, "closed_until": None,
        },
    )
    .returning(Invitation)
)  # fmt: skip
_CONFIDE = (
    update(Party)
    .where(Party.number == _KEY["number"], Party.party == _KEY["party"])
    .values(code_confided=bindparam("confided"))
)
_BY_CODE = select(Invitation).where(Invitation.code_index == bindparam("index", type_=LargeBinary)).with_for_update()
_COUNT = (
    update(Invitation)
    .where(Invitation.number == _KEY["number"], Invitation.party == _KEY["party"])
    .values(failed=bindparam("failed"), closed_until=bindparam("until", type_=DateTime(timezone=True)))
)


async def invite(
    connection: Connection, number: str, party: int, *, confided: bool, companion: int, code_index: bytes,
    sealed: SealedBytes, by: str, at: datetime,
) -> Invitation:  # fmt: skip
    """Store the invitation of a party, replacing an earlier one; `confided` says whether it opens the compartment."""
    key = {"number": number, "party": party}
    await connection.execute(_CONFIDE, {**key, "confided": confided})
    made = {"companion": companion, "code_index": code_index, "sealed": sealed, "made_by": by, "made_at": at}
    return (await connection.execute(_INVITE, {**key, **made})).one()


async def find(connection: Connection, number: str, party: int) -> Invitation | None:
    """Return the invitation of a party; None where it has none."""
    return (await rows.find(connection, Invitation, number=number, party=party)).first()


async def by_code(connection: Connection, index: bytes) -> Invitation | None:
    """Return the invitation with this code, locked; None where there is none."""
    return (await connection.execute(_BY_CODE, {"index": index})).first()


async def count(connection: Connection, row: Invitation, failed: int, until: datetime | None) -> None:
    """Store how many wrong answers were given in a row, and until when the invitation is closed."""
    await connection.execute(_COUNT, {"number": row.number, "party": row.party, "failed": failed, "until": until})
