"""Statements of the parts of clauses: performances, claims, and steps taken after a default."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, Text, and_, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from casework import names
from casework.mediation.agreement import AgreementState, ClauseKind
from casework.mediation.fulfilment import ClaimState, Instalment
from services.kit.storage import rows
from services.kit.storage.database import Connection
from services.kit.storage.rows import not_found
from services.mediation.models.agreement import AgreedClause, Agreement, Part
from services.mediation.models.fulfilment import DefaultStep, PerformanceClaim, PerformedPart


class Owed(NamedTuple):
    """A part of a clause of an effective agreement, with the columns of its clause."""

    number: str
    agreement: int
    clause: int
    instalment: int
    version: int
    kind: ClauseKind
    performer: int
    beneficiary: int
    amount: int
    due_on: date | None
    due_at: datetime | None
    paid: int
    begun: bool
    performed_on: date | None
    defaulted_at: datetime | None
    effective_at: datetime


_NUMBER = bindparam("number", type_=Text)
_OWED = (
    select(
        Part.number, Part.agreement, Part.clause, Part.instalment, Part.version, AgreedClause.kind,
        AgreedClause.performer, AgreedClause.beneficiary, Part.amount, Part.due_on, Part.due_at, Part.paid, Part.begun,
        Part.performed_on, Part.defaulted_at, Agreement.effective_at,
    )
    .join(
        AgreedClause,
        and_(
            AgreedClause.number == Part.number,
            AgreedClause.agreement == Part.agreement,
            AgreedClause.clause == Part.clause,
        ),
    )
    .join(Agreement, and_(Agreement.number == Part.number, Agreement.agreement == Part.agreement))
    .where(Agreement.state == AgreementState.EFFECTIVE)
)  # fmt: skip
"""The columns of `Owed`, of all cases."""
_OF_CASE = _OWED.where(Part.number == _NUMBER).order_by(Part.agreement, Part.clause, Part.instalment)
_GET = _OWED.where(
    Part.number == _NUMBER,
    Part.agreement == bindparam("agreement", type_=Integer),
    Part.clause == bindparam("clause", type_=Integer),
    Part.instalment == bindparam("instalment", type_=Integer),
)


async def of_case(connection: Connection, number: str) -> list[Owed]:
    """Return the parts of all clauses of the effective agreements of a case, in order."""
    return [Owed._make(row) for row in await connection.execute(_OF_CASE, {"number": number})]


async def get(connection: Connection, number: str, ids: tuple[int, ...]) -> Owed:
    """Return one part of an effective agreement; NOT_FOUND where there is none."""
    key = dict(zip(("agreement", "clause", "instalment"), ids, strict=True))
    found = await connection.execute(_GET, {"number": number, **key})
    return Owed._make(not_found(found.first(), names.instalment_name(number, *ids)))


def facts(row: Owed) -> Instalment:
    """Return a part as `casework` has it."""
    return Instalment(row.kind, row.amount, row.paid, row.due_at, row.begun, row.performed_on, row.defaulted_at)


def key_of(row: Owed | PerformedPart | DefaultStep | PerformanceClaim) -> dict[str, Any]:
    """Return the key of a part's row."""
    return {"number": row.number, "agreement": row.agreement, "clause": row.clause, "instalment": row.instalment}


async def change(connection: Connection, row: Owed, **columns: object) -> None:
    """Change columns of a part."""
    await rows.update(connection, Part, key_of(row), **columns)


async def performed(connection: Connection, row: Owed, **columns: object) -> None:
    """Store a performance."""
    await rows.insert(connection, PerformedPart, **key_of(row), **columns)


async def pursued(connection: Connection, row: Owed, **columns: object) -> None:
    """Store a step taken after a default."""
    await rows.insert(connection, DefaultStep, **key_of(row), **columns)


async def performances(connection: Connection, number: str) -> Sequence[PerformedPart]:
    """Return all performances in a case, in order."""
    return await rows.find(connection, PerformedPart, PerformedPart.id, number=number)


async def steps(connection: Connection, number: str) -> Sequence[DefaultStep]:
    """Return all steps taken after defaults in a case, in order."""
    return await rows.find(connection, DefaultStep, DefaultStep.id, number=number)


async def claim(connection: Connection, row: Owed, **columns: object) -> PerformanceClaim:
    """Store a claim that a part was performed, under its next number, and return its row."""
    return await rows.add(connection, PerformanceClaim, "claim", key_of(row), 50, state=ClaimState.WAITING, **columns)


async def answer(
    connection: Connection, row: PerformanceClaim, state: ClaimState, at: datetime, by: str
) -> PerformanceClaim:
    """Store the answer to a claim and return its row."""
    key = {**key_of(row), "claim": row.claim}
    return await rows.update(connection, PerformanceClaim, key, state=state, answered_at=at, answered_by=by)


async def claims(connection: Connection, number: str, **key: int) -> Sequence[PerformanceClaim]:
    """Return the debtors' claims in a case, or for one part of it, in order."""
    order = PerformanceClaim.agreement, PerformanceClaim.clause, PerformanceClaim.instalment, PerformanceClaim.claim
    return await rows.find(connection, PerformanceClaim, *order, number=number, **key)


_SHOWN_TO = (
    select(PerformanceClaim.evidence)
    .join(
        AgreedClause,
        and_(
            AgreedClause.number == PerformanceClaim.number,
            AgreedClause.agreement == PerformanceClaim.agreement,
            AgreedClause.clause == PerformanceClaim.clause,
        ),
    )
    .where(
        PerformanceClaim.number == _NUMBER,
        AgreedClause.beneficiary == any_(bindparam("parties", type_=ARRAY(Integer))),
    )
)


async def proofs_for(connection: Connection, number: str, parties: Collection[int]) -> set[int]:
    """Return the evidence files submitted as proof of what these parties are owed."""
    found = await connection.execute(_SHOWN_TO, {"number": number, "parties": sorted(parties)})
    return {evidence for (evidence,) in found}
