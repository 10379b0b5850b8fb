"""Cases whose clocks a test moves, in a service with a fixed time: one call a line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub

from casework.clocks.calendar import LOCAL
from services.kit.instants import stamp
from services.kit.storage.database import text
from tests.conftest import COUNTY, Clients, request_id
from tests.scratch import Scratch
from tests.still import Still

_NUMBERS = count(970_000)
_EVENTS = text("SELECT * FROM events WHERE number = :number AND kind = ANY(CAST(:kinds AS text[])) ORDER BY seq")


def local(text: str) -> Timestamp:
    """Return the stamp of an instant in local time, `2026-03-02T09:00`."""
    found = stamp(datetime.fromisoformat(text).replace(tzinfo=LOCAL))
    assert found is not None
    return found


@dataclass
class Desk:
    """A handler's desk at mediation, which stands still."""

    still: Still
    clients: Clients

    def __post_init__(self) -> None:
        self.mediation = MediationServiceStub(self.still.channel)
        self.clocks = ClockServiceStub(self.still.channel)

    async def open(self, at: str, promised: str = "", grade: int = 2) -> str:
        """Open a case at an instant, with an end that was promised elsewhere if one is given; return its name."""
        self.still.to(at)
        case = case_pb2.Case(
            name=f"cases/{COUNTY}-2026-{next(_NUMBERS)}", unit=f"units/{COUNTY}", category="categories/neighbour",
            grade=grade,  # type: ignore[arg-type]
        )  # fmt: skip
        if promised:
            case.due_time.CopyFrom(local(promised))
        request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
        await self.mediation.CreateCase(request, **self.clients.as_service("worker"))
        return case.name

    async def act(self, method: str, name: str, role: str = "handler", **fields: Any) -> clock_pb2.Clock:
        """Do something to a clock, and return it; times are local texts."""
        for field in ("effective_time",):
            if isinstance(fields.get(field), str):
                fields[field] = local(fields[field])
        request = getattr(clock_pb2, f"{method}Request")(name=name, request_id=request_id(), **fields)
        clock: clock_pb2.Clock = await getattr(self.clocks, method)(request, **self.still.as_(role, COUNTY))
        return clock

    async def start(self, case: str, rule: str, **fields: Any) -> clock_pb2.Clock:
        """Start a clock by hand."""
        if isinstance(fields.get("effective_time"), str):
            fields["effective_time"] = local(fields["effective_time"])
        request = clock_pb2.StartClockRequest(
            service="mediation", case=case, rule=rule, request_id=request_id(), **fields
        )
        clock: clock_pb2.Clock = await self.clocks.StartClock(request, **self.still.as_("handler", COUNTY))
        return clock

    async def clock(self, name: str) -> clock_pb2.Clock:
        """Return a clock."""
        request = clock_pb2.GetClockRequest(name=name)
        clock: clock_pb2.Clock = await self.clocks.GetClock(request, **self.still.as_("handler", COUNTY))
        return clock

    async def explained(self, name: str) -> clock_pb2.ExplainClockResponse:
        """Return why a clock is due when it is."""
        request = clock_pb2.ExplainClockRequest(name=name)
        said: clock_pb2.ExplainClockResponse = await self.clocks.ExplainClock(
            request, **self.still.as_("handler", COUNTY)
        )
        return said

    async def listed(self, **fields: Any) -> dict[str, clock_pb2.Clock]:
        """Return the clocks of a list by name."""
        request = clock_pb2.ListClocksRequest(service="mediation", page_size=1000, **fields)
        reply = await self.clocks.ListClocks(request, **self.still.as_("handler", COUNTY))
        return {clock.name: clock for clock in reply.clocks}

    async def told(self, case: str, *kinds: str) -> list[dict[str, Any]]:
        """Return what the history says of a case, of these kinds, in order; `kind` and `wakes` beside the payload."""
        async with self.still.database.begin() as connection:
            rows = (await connection.execute(_EVENTS, {"number": case.removeprefix("cases/"), "kinds": kinds})).all()
        return [{**orjson.loads(row.payload), "kind": row.kind, "wakes": row.wakes} for row in rows]

    async def fire(self, case: str) -> None:
        """Do what the workflow of the case does when it wakes."""
        await self.still.fire(case.removeprefix("cases/"))

    async def escalations(self, case: str) -> list[Any]:
        """Return what was raised of a case, in order: the rows of the stack's escalation service."""
        query = "SELECT * FROM escalation.escalations WHERE number = $1 ORDER BY escalation"
        return await self._rows(query, case.removeprefix("cases/"))

    async def notified(self, case: str, kind: str) -> set[str]:
        """Return the units that the escalation service notified by events of a kind."""
        query = "SELECT payload->>'to' AS unit FROM escalation.events WHERE number = $1 AND kind = $2"
        return {
            row["unit"].removeprefix("units/") for row in await self._rows(query, case.removeprefix("cases/"), kind)
        }

    async def _rows(self, query: str, *values: str) -> list[Any]:
        connection = await Scratch.main(self.still.stack).connect()
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()
