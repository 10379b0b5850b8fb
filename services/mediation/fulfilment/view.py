"""The parts of clauses as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pb.mediation.v1 import fulfilment_pb2 as pb

from casework import names
from casework.mediation.fulfilment import InstalmentState, remedies
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.storage.database import Connection
from services.mediation.fulfilment import store
from services.mediation.fulfilment.store import Owed, facts, key_of
from services.mediation.models.fulfilment import DefaultStep, PerformanceClaim, PerformedPart


@dataclass(frozen=True, slots=True)
class Told:
    """What is recorded about the parts of a case."""

    performances: Sequence[PerformedPart]
    steps: Sequence[DefaultStep]
    claims: Sequence[PerformanceClaim]


async def told(connection: Connection, number: str) -> Told:
    """Return what is recorded about the parts of a case."""
    return Told(
        await store.performances(connection, number),
        await store.steps(connection, number),
        await store.claims(connection, number),
    )


def instalment(row: Owed, told: Told, now: datetime) -> pb.Instalment:
    """Return a part with its evidence and claims, the remedies for a default, and the steps taken."""
    key = key_of(row)
    state = facts(row).state(now)
    allowed = list(remedies(row.kind)) if state is InstalmentState.DEFAULTED else []
    return pb.Instalment(
        name=names.instalment_name(row.number, row.agreement, row.clause, row.instalment),
        etag=str(row.version),
        performer=names.party_name(row.number, row.performer),
        beneficiary=names.party_name(row.number, row.beneficiary),
        amount_fen=row.amount,
        paid_fen=row.paid,
        due_date=dates.shown(row.due_on),
        due_time=stamp(row.due_at),
        perform_date=dates.shown(row.performed_on),
        default_time=stamp(row.defaulted_at),
        steps=[
            pb.DefaultStep(take_time=stamp(each.taken_at), **numbers(remedy=each.remedy))
            for each in told.steps
            if key_of(each) == key
        ],
        evidence=[each.evidence for each in told.performances if key_of(each) == key],
        claims=[_claim(each) for each in told.claims if key_of(each) == key],
        **numbers(state=state, kind=row.kind, remedies=allowed),
    )


def _claim(row: PerformanceClaim) -> pb.PerformanceClaim:
    return pb.PerformanceClaim(
        claim=row.claim,
        evidence=names.evidence_name(row.number, row.evidence),
        amount_fen=row.amount,
        complete=row.complete,
        perform_date=dates.shown(row.performed_on),
        claim_time=stamp(row.claimed_at),
        answer_time=stamp(row.answered_at),
        **numbers(state=row.state),
    )
