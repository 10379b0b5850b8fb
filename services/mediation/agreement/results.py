"""The three results of a mediation: outcome, performance and satisfaction, never merged into one figure."""

from __future__ import annotations

from datetime import datetime

from pb.mediation.v1 import agreement_pb2 as pb

from casework import names
from casework.mediation.fulfilment import Performance, performance
from casework.mediation.termination import result
from services.kit.numbers import numbers
from services.kit.storage.database import Connection
from services.mediation import standing
from services.mediation.agreement import store
from services.mediation.fulfilment import store as fulfilment
from services.mediation.models.cases import Case


async def of(connection: Connection, case: Case, now: datetime) -> pb.MediationResults:
    """Return the results of a case as they stand now."""
    mediation = await standing.mediation(connection, case.number)
    ended = mediation is not None and mediation.ended_at is not None
    outcome = result(ended, await store.extents(connection, case.number)) if mediation is not None else None
    done = await performed(connection, case.number, now)
    said = await store.satisfaction(connection, case.number)
    return pb.MediationResults(
        name=f"{names.case_name(case.number)}/results",
        satisfaction=[
            pb.PartySatisfaction(party=names.party_name(case.number, party), **numbers(satisfaction=satisfaction))
            for party, satisfaction in said
        ],
        **numbers(outcome=outcome, performance=done),
    )


async def performed(connection: Connection, number: str, now: datetime) -> Performance | None:
    """Return how far the effective agreements of a case were performed; None if none has a due date."""
    rows = [row for row in await fulfilment.of_case(connection, number) if row.due_on is not None]
    return performance([fulfilment.facts(row).state(now) for row in rows], any(row.begun for row in rows))
