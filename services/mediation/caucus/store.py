"""Statements of the caucus compartment and of fact sheets. Nothing else reads these tables, and nothing joins them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Boolean, Integer, SmallInteger, Text, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from casework import names
from casework.case import Side
from casework.errors import CaseError, Reason
from casework.mediation.session import Manner
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.caucus.models import CaucusNote, CaucusOffer, CaucusRead, FactSheet, FactSignature
from services.mediation.models.people import Party

_NUMBER, _SIDE = bindparam("number", type_=Text), bindparam("side", type_=SmallInteger)
_SHEET = bindparam("sheet", type_=Integer)

_COUNT = select(
    select(func.count()).select_from(CaucusNote).where(CaucusNote.number == _NUMBER).scalar_subquery()
    + select(func.count()).select_from(CaucusOffer).where(CaucusOffer.number == _NUMBER).scalar_subquery()
)
_READS = (
    select(CaucusRead)
    .where(CaucusRead.number == _NUMBER, CaucusRead.side == _SIDE)
    .order_by(CaucusRead.id.desc())
    .limit(200)
)
_BIND = (
    update(Party)
    .where(Party.number == _NUMBER, Party.party == bindparam("party", type_=Integer))
    .values(subject=bindparam("subject", type_=Text), confided=bindparam("confided", type_=Boolean))
)
_SIGN = (
    upsert(FactSignature)
    .values({each.name: bindparam(each.name) for each in FactSignature.__table__.columns})
    .on_conflict_do_nothing()
    .returning(FactSignature.sheet)
)
_RELEASE = (
    update(FactSheet)
    .where(FactSheet.number == _NUMBER, FactSheet.sheet == _SHEET)
    .values(released_at=bindparam("at"))
    .returning(FactSheet)
)


async def add_note(connection: Connection, number: str, side: Side, **columns: object) -> CaucusNote:
    """Store a note of a side under the next number of its locked case and return its row."""
    return await rows.add(connection, CaucusNote, "note", {"number": number, "side": side}, rows.FEW, **columns)


async def notes(connection: Connection, number: str, side: Side) -> Sequence[CaucusNote]:
    """Return the notes of a side, in order."""
    return await rows.find(connection, CaucusNote, CaucusNote.note, number=number, side=side)


async def add_offer(connection: Connection, number: str, side: Side, **columns: object) -> CaucusOffer:
    """Store an offer of a side under the next number of its locked case and return its row."""
    return await rows.add(connection, CaucusOffer, "offer", {"number": number, "side": side}, rows.FEW, **columns)


async def offers(connection: Connection, number: str, side: Side) -> Sequence[CaucusOffer]:
    """Return the offers of a side, in order."""
    return await rows.find(connection, CaucusOffer, CaucusOffer.offer, number=number, side=side)


async def count(connection: Connection, number: str) -> int:
    """Return how many entries a case's compartment has, of all sides; events say no more than that."""
    return await connection.scalar(_COUNT, {"number": number}) or 0


async def add_read(connection: Connection, number: str, side: Side, reader: str, at: datetime) -> None:
    """Store who read a side's entries."""
    await rows.insert(connection, CaucusRead, number=number, side=side, reader=reader, read_at=at)


async def reads(connection: Connection, number: str, side: Side) -> Sequence[CaucusRead]:
    """Return who has read a side's entries, newest first."""
    return await connection.execute(_READS, {"number": number, "side": side})


async def bind(connection: Connection, number: str, party: int, subject: str, confided: bool) -> None:
    """Store the account of a party, and whether the compartment is open to it."""
    await connection.execute(_BIND, {"number": number, "party": party, "subject": subject, "confided": confided})


async def add_sheet(connection: Connection, number: str, sealed: bytes, at: datetime) -> FactSheet:
    """Store a sheet of facts under the next number of its locked case and return its row."""
    return await rows.add(connection, FactSheet, "sheet", {"number": number}, sealed=sealed, created_at=at)


async def sheet(connection: Connection, number: str, sheet: int) -> FactSheet:
    """Return a sheet of facts; NOT_FOUND where there is none."""
    return await rows.get(connection, FactSheet, names.fact_sheet_name(number, sheet), number=number, sheet=sheet)


async def sign(
    connection: Connection, row: FactSheet, party: int, manner: Manner, by_mediator: bool, at: datetime
) -> None:
    """Store a signature on a sheet; ALREADY_EXISTS if the party has signed."""
    key = {"number": row.number, "sheet": row.sheet, "party": party}
    signed = {**key, "manner": manner, "by_mediator": by_mediator, "signed_at": at}
    if await connection.scalar(_SIGN, signed) is None:
        raise CaseError(Reason.ALREADY_EXISTS, names.fact_sheet_name(row.number, row.sheet))


async def signatures(connection: Connection, row: FactSheet) -> Sequence[FactSignature]:
    """Return the signatures on a sheet."""
    order = FactSignature.signed_at, FactSignature.party
    return await rows.find(connection, FactSignature, *order, number=row.number, sheet=row.sheet)


async def release(connection: Connection, row: FactSheet, at: datetime) -> FactSheet:
    """Release a sheet from the compartment and return its row."""
    return (await connection.execute(_RELEASE, {"number": row.number, "sheet": row.sheet, "at": at})).one()
