"""SQL of evidence and investigations: the only place that knows these tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage.database import Connection, text

_SAME = text("SELECT evidence FROM evidence WHERE number = :number AND content_mac = :content_mac")
_ADD = text("""
    INSERT INTO evidence (number, evidence, type, party, size, stored_hash, content_mac, sealed, created_at, created_by)
    SELECT :number, coalesce(max(evidence), 0) + 1, CAST(:type AS smallint), CAST(:party AS integer),
           CAST(:size AS bigint), CAST(:stored_hash AS bytea), CAST(:content_mac AS bytea), CAST(:sealed AS bytea),
           CAST(:at AS timestamptz), CAST(:by AS text)
    FROM evidence WHERE number = :number RETURNING *
""")
_GET = text("SELECT * FROM evidence WHERE number = :number AND evidence = :evidence")
_LIST = text("""
    SELECT * FROM evidence WHERE number = :number AND evidence > :behind
        AND (CAST(:parties AS integer[]) IS NULL OR party = ANY(CAST(:parties AS integer[])))
    ORDER BY evidence LIMIT :limit
""")
_KEPT = text("SELECT stored_hash FROM evidence WHERE stored_hash = ANY(CAST(:hashes AS bytea[]))")
_NOTE = text("""
    INSERT INTO investigations (number, investigation, sealed, investigated_at, read_back, created_at, created_by)
    SELECT :number, coalesce(max(investigation), 0) + 1, CAST(:sealed AS bytea),
           CAST(:investigated_at AS timestamptz), CAST(:read_back AS boolean), CAST(:at AS timestamptz),
           CAST(:by AS text)
    FROM investigations WHERE number = :number RETURNING *
""")
_GET_NOTE = text("SELECT * FROM investigations WHERE number = :number AND investigation = :investigation")
_NOTES = text("""
    SELECT * FROM investigations WHERE number = :number AND investigation > :behind
    ORDER BY investigation LIMIT :limit
""")


async def must_be_new(connection: Connection, number: str, content_mac: bytes) -> None:
    """Raise ALREADY_EXISTS naming the file of the case that has this content."""
    found = await connection.scalar(_SAME, {"number": number, "content_mac": content_mac})
    if found is not None:
        raise CaseError(Reason.ALREADY_EXISTS, names.evidence_name(number, found))


async def add(connection: Connection, evidence: Mapping[str, Any]) -> Any:
    """Store what is known of a file under the next number of its locked case and return its row."""
    try:
        return (await connection.execute(_ADD, evidence)).one()
    except asyncpg.UniqueViolationError:
        raise CaseError(Reason.ALREADY_EXISTS, names.case_name(evidence["number"])) from None


async def get(connection: Connection, number: str, evidence: int) -> Any:
    """Return what is known of a file; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET, {"number": number, "evidence": evidence})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.evidence_name(number, evidence))
    return row


async def listed(
    connection: Connection, number: str, parties: Sequence[int] | None, behind: int, limit: int
) -> Sequence[Any]:
    """Return what is known of a case's files, in order; of these parties only where any are named."""
    return await connection.execute(_LIST, {"number": number, "parties": parties, "behind": behind, "limit": limit})


async def kept(connection: Connection, hashes: Sequence[bytes]) -> set[bytes]:
    """Return which of the stored files some case refers to."""
    return {bytes(row.stored_hash) for row in await connection.execute(_KEPT, {"hashes": list(hashes)})}


async def add_note(connection: Connection, note: Mapping[str, Any]) -> Any:
    """Store a note of an investigation under the next number of its locked case and return its row."""
    return (await connection.execute(_NOTE, note)).one()


async def get_note(connection: Connection, number: str, investigation: int) -> Any:
    """Return a note of an investigation; NOT_FOUND where there is none."""
    row = (await connection.execute(_GET_NOTE, {"number": number, "investigation": investigation})).first()
    if row is None:
        raise CaseError(Reason.NOT_FOUND, names.investigation_name(number, investigation))
    return row


async def listed_notes(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Any]:
    """Return the notes of a case's investigations, in order."""
    return await connection.execute(_NOTES, {"number": number, "behind": behind, "limit": limit})
