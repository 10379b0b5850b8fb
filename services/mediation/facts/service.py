"""What supervision counts of cases, many at once: stages, results and times, no personal data and no text."""

from __future__ import annotations

from datetime import datetime

from pb.mediation.v1 import facts_pb2 as pb
from pb.mediation.v1 import facts_pb2_grpc

from casework import names
from casework.mediation.agreement import Extent
from casework.mediation.fulfilment import Instalment, performance
from casework.mediation.termination import result
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import standings
from services.mediation.facts import store
from services.mediation.facts.store import Facts
from services.mediation.servicer import Servicer


class CaseFactsServicer(Servicer, facts_pb2_grpc.CaseFactsServiceServicer):
    """Serves the facts of cases to the projector of supervision."""

    async def BatchGetCaseFacts(
        self, request: pb.BatchGetCaseFactsRequest, context: Context
    ) -> pb.BatchGetCaseFactsResponse:
        """Return the facts of those cases that exist; they are from all units, so only the root may read them."""
        current_call().require(names.ROOT_UNIT)
        numbers, now = [names.number_of(name) for name in request.names], self.time.now()
        async with self.database.read() as connection:
            rows = await store.facts(connection, numbers)
            parts = await store.parts(connection, numbers)
        return pb.BatchGetCaseFactsResponse(facts=[_view(row, parts.get(row.number, []), now) for row in rows])

    async def BatchGetCaseStandings(
        self, request: pb.BatchGetCaseStandingsRequest, context: Context
    ) -> pb.BatchGetCaseStandingsResponse:
        """Return the standings of those cases that exist; they are from all units, so only the root may read them."""
        current_call().require(names.ROOT_UNIT)
        numbers = [names.number_of(name) for name in request.names]
        async with self.database.read() as connection:
            rows = await store.standings(connection, numbers)
            grants = await store.grants(connection, numbers)
        found = [standings.standing(row.number, row, grants.get(row.number, [])) for row in rows]
        return pb.BatchGetCaseStandingsResponse(standings=found)


def _view(row: Facts, parts: list[Instalment], now: datetime) -> pb.CaseFacts:
    ended = row.mediated and row.ended_at is not None
    came_to = result(ended, [Extent(each) for each in row.extents or ()]) if row.mediated else None
    done = performance([part.state(now) for part in parts], any(part.begun for part in parts))
    return pb.CaseFacts(
        case=names.case_name(row.number),
        sequence=row.seq,
        unit=names.unit_name(row.unit),
        category=f"categories/{row.category}",
        receive_time=stamp(row.received_at),
        open_time=stamp(row.opened_at),
        close_time=stamp(row.closed_at),
        last_close_time=stamp(row.last_closed_at),
        mediation_end_time=stamp(row.ended_at),
        notices=row.notices,
        notices_served=row.served,
        answers=row.answers,
        satisfied=row.satisfied,
        visits=row.visits,
        recurred=row.recurred or row.came_again,
        reopenings=row.reopenings,
        **numbers(stage=row.stage, grade=row.grade, outcome=row.outcome, mediation=came_to, performance=done),
    )
