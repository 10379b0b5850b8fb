"""SQL of the caucus compartment and of fact sheets. Nothing else reads these tables, and nothing here joins them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text

_ADD_NOTE = text("""
    INSERT INTO caucus_notes (number, side, note, by_mediator, sealed, created_at, mediator)
    SELECT :number, CAST(:side AS smallint), coalesce(max(note), 0) + 1, CAST(:by_mediator AS boolean),
           CAST(:sealed AS bytea), CAST(:at AS timestamptz), CAST(:mediator AS text)
    FROM caucus_notes WHERE number = :number AND side = CAST(:side AS smallint) RETURNING *
""")
_NOTES = text("SELECT * FROM caucus_notes WHERE number = :number AND side = :side ORDER BY note")
_ADD_OFFER = text("""
    INSERT INTO caucus_offers (number, side, offer, by_mediator, sealed, created_at, mediator)
    SELECT :number, CAST(:side AS smallint), coalesce(max(offer), 0) + 1, CAST(:by_mediator AS boolean),
           CAST(:sealed AS bytea), CAST(:at AS timestamptz), CAST(:mediator AS text)
    FROM caucus_offers WHERE number = :number AND side = CAST(:side AS smallint) RETURNING *
""")
_OFFERS = text("SELECT * FROM caucus_offers WHERE number = :number AND side = :side ORDER BY offer")
_COUNT = text("""
    SELECT (SELECT count(*) FROM caucus_notes WHERE number = :number)
         + (SELECT count(*) FROM caucus_offers WHERE number = :number)
""")
_READ = text("INSERT INTO caucus_reads (number, side, reader, read_at) VALUES (:number, :side, :reader, :at)")
_READS = text("SELECT * FROM caucus_reads WHERE number = :number AND side = :side ORDER BY id DESC LIMIT 200")
_BIND = text("""
    UPDATE parties SET subject = :subject, confided = :confided WHERE number = :number AND party = :party
""")
_ADD_SHEET = text("""
    INSERT INTO fact_sheets (number, sheet, sealed, created_at)
    SELECT :number, coalesce(max(sheet), 0) + 1, CAST(:sealed AS bytea), CAST(:at AS timestamptz)
    FROM fact_sheets WHERE number = :number RETURNING *
""")
_SHEET = text("SELECT * FROM fact_sheets WHERE number = :number AND sheet = :sheet")
_SIGN = text("""
    INSERT INTO fact_signatures (number, sheet, party, manner, by_mediator, signed_at)
    VALUES (:number, :sheet, :party, :manner, :by_mediator, :at) ON CONFLICT DO NOTHING RETURNING true
""")
_SIGNATURES = text("SELECT * FROM fact_signatures WHERE number = :number AND sheet = :sheet ORDER BY signed_at, party")
_RELEASE = text("""
    UPDATE fact_sheets SET released_at = :at WHERE number = :number AND sheet = :sheet RETURNING *
""")


async def add_note(connection: Connection, number: str, side: int, **columns: Any) -> Any:
    """Store a note of a side under the next number of its locked case and return its row."""
    parameters = {"number": number, "side": side, **columns}
    return (await connection.execute(_ADD_NOTE, parameters)).one()


async def notes(connection: Connection, number: str, side: int) -> Sequence[Any]:
    """Return the notes of a side, in order."""
    return await connection.execute(_NOTES, {"number": number, "side": side})


async def add_offer(connection: Connection, number: str, side: int, **columns: Any) -> Any:
    """Store an offer of a side under the next number of its locked case and return its row."""
    parameters = {"number": number, "side": side, **columns}
    return (await connection.execute(_ADD_OFFER, parameters)).one()


async def offers(connection: Connection, number: str, side: int) -> Sequence[Any]:
    """Return the offers of a side, in order."""
    return await connection.execute(_OFFERS, {"number": number, "side": side})


async def count(connection: Connection, number: str) -> int:
    """Return how many entries a case's compartment has, of all sides: all that an event may say."""
    return int(await connection.scalar(_COUNT, {"number": number}))


async def add_read(connection: Connection, number: str, side: int, reader: str, at: datetime) -> None:
    """Remember who read a side's entries."""
    await connection.execute(_READ, {"number": number, "side": side, "reader": reader, "at": at})


async def reads(connection: Connection, number: str, side: int) -> Sequence[Any]:
    """Return who has read a side's entries, newest first."""
    return await connection.execute(_READS, {"number": number, "side": side})


async def bind(connection: Connection, number: str, party: int, subject: str, confided: bool) -> None:
    """Store who signs in for a party, and whether what is said in confidence is open to them."""
    await connection.execute(_BIND, {"number": number, "party": party, "subject": subject, "confided": confided})


async def add_sheet(connection: Connection, number: str, sealed: bytes, at: datetime) -> Any:
    """Store a sheet of facts under the next number of its locked case and return its row."""
    return (await connection.execute(_ADD_SHEET, {"number": number, "sealed": sealed, "at": at})).one()


async def sheet(connection: Connection, number: str, sheet: int) -> Any:
    """Return a sheet of facts; NOT_FOUND where there is none."""
    row = (await connection.execute(_SHEET, {"number": number, "sheet": sheet})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.fact_sheet_name(number, sheet))
    return row


async def sign(connection: Connection, row: Any, party: int, manner: int, by_mediator: bool, at: datetime) -> None:
    """Store a signature under a sheet; ALREADY_EXISTS where the party signed before."""
    key = {"number": row.number, "sheet": row.sheet, "party": party}
    if not await connection.scalar(_SIGN, {**key, "manner": manner, "by_mediator": by_mediator, "at": at}):
        raise CaseError(Reason.ALREADY_EXISTS, names.fact_sheet_name(row.number, row.sheet))


async def signatures(connection: Connection, row: Any) -> Sequence[Any]:
    """Return the signatures under a sheet."""
    return await connection.execute(_SIGNATURES, {"number": row.number, "sheet": row.sheet})


async def release(connection: Connection, row: Any, at: datetime) -> Any:
    """Let a sheet out and return its row."""
    return (await connection.execute(_RELEASE, {"number": row.number, "sheet": row.sheet, "at": at})).one()
