"""Statements of evidence and investigations: the only place that writes these tables."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import asyncpg
from sqlalchemy import Integer, LargeBinary, Select, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from casework import names
from casework.errors import CaseError, Reason
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.mediation.models.cases import Case
from services.mediation.models.evidence import Evidence, Investigation

_NUMBER, _BEHIND = bindparam("number", type_=Text), bindparam("behind", type_=Integer)
_LIMIT = bindparam("limit", type_=Integer)

_SAME = select(Evidence.evidence).where(Evidence.number == _NUMBER, Evidence.content_mac == bindparam("content_mac"))
_KEPT = (
    select(Evidence.stored_hash)
    .join(Case, Case.number == Evidence.number)
    .where(
        Evidence.stored_hash == any_(bindparam("hashes", type_=ARRAY(LargeBinary))),
        Case.erased_at.is_(None),
    )
)
_STORED = select(Evidence.stored_hash).where(Evidence.number == _NUMBER)
_NOTES = (
    select(Investigation)
    .where(Investigation.number == _NUMBER, Investigation.investigation > _BEHIND)
    .order_by(Investigation.investigation)
    .limit(_LIMIT)
)


async def must_be_new(connection: Connection, number: str, content_mac: bytes) -> None:
    """Raise ALREADY_EXISTS naming the file of the case that has this content."""
    found = await connection.scalar(_SAME, {"number": number, "content_mac": content_mac})
    if found is not None:
        raise CaseError(Reason.ALREADY_EXISTS, names.evidence_name(number, found))


async def add(connection: Connection, number: str, **columns: object) -> Evidence:
    """Store a file's metadata under the next number of its locked case and return its row."""
    try:
        return await rows.add(connection, Evidence, "evidence", {"number": number}, rows.PAGED, **columns)
    except asyncpg.UniqueViolationError:
        raise CaseError(Reason.ALREADY_EXISTS, names.case_name(number)) from None


async def get(connection: Connection, number: str, evidence: int) -> Evidence:
    """Return a file's metadata; NOT_FOUND if there is none."""
    return await rows.get(connection, Evidence, names.evidence_name(number, evidence), number=number, evidence=evidence)


@lru_cache(maxsize=2)
def _listed(parties: bool) -> Select[Evidence]:
    found = select(Evidence).where(Evidence.number == _NUMBER, Evidence.evidence > _BEHIND)
    if parties:
        found = found.where(Evidence.party == any_(bindparam("parties", type_=ARRAY(Integer))))
    return found.order_by(Evidence.evidence).limit(_LIMIT)


async def listed(
    connection: Connection, number: str, parties: Sequence[int] | None, behind: int, limit: int
) -> Sequence[Evidence]:
    """Return the metadata of a case's files, in order; only those of these parties, if any are named."""
    parameters = {"number": number, "parties": parties, "behind": behind, "limit": limit}
    return await connection.execute(_listed(parties is not None), parameters)


async def kept(connection: Connection, hashes: Sequence[bytes]) -> set[bytes]:
    """Return which of the stored files some case refers to that still has its key."""
    return {stored for (stored,) in await connection.execute(_KEPT, {"hashes": list(hashes)})}


async def stored(connection: Connection, number: str) -> list[bytes]:
    """Return the hashes of a case's stored files."""
    return [digest for (digest,) in await connection.execute(_STORED, {"number": number})]


async def add_note(connection: Connection, number: str, **columns: object) -> Investigation:
    """Store a note of an investigation under the next number of its locked case and return its row."""
    return await rows.add(connection, Investigation, "investigation", {"number": number}, rows.PAGED, **columns)


async def get_note(connection: Connection, number: str, investigation: int) -> Investigation:
    """Return a note of an investigation; NOT_FOUND where there is none."""
    name = names.investigation_name(number, investigation)
    return await rows.get(connection, Investigation, name, number=number, investigation=investigation)


async def listed_notes(connection: Connection, number: str, behind: int, limit: int) -> Sequence[Investigation]:
    """Return the notes of a case's investigations, in order."""
    return await connection.execute(_NOTES, {"number": number, "behind": behind, "limit": limit})
