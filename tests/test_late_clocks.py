"""A deadline that passes while services are down is still reported, once, with how late it was."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.embedded.stack import Stack
from services.kit.instants import instant
from tests.conftest import COUNTY, Clients, request_id
from tests.still import standing_still

CASE = f"cases/{COUNTY}-2026-000900"


@pytest.mark.fault("E11")
async def test_what_is_done_late_before_anybody_asked_is_overdue_all_the_same(stack: Stack, clients: Clients) -> None:
    async with standing_still(stack, "mediation") as still:
        fast = still.clients(clients)
        still.to("2026-03-02T09:00")
        case = case_pb2.Case(name=CASE, unit=f"units/{COUNTY}", category="categories/neighbour", grade=1)
        await fast.mediation.CreateCase(
            mediation_pb2.CreateCaseRequest(case=case, request_id=request_id()), **fast.as_service("worker")
        )
        # No worker runs: nobody asks. The unit has a working day to sign, and signs more than a day after its end.
        sign = clock_pb2.GetClockRequest(name=f"clocks/mediation/{CASE.removeprefix('cases/')}.task-1.sign")
        clock = await fast.clocks["mediation"].GetClock(sign, **fast.as_("handler"))
        still.time.set(instant(clock.due_time) + timedelta(days=1, seconds=2))
        await fast.mediation.SignTask(
            mediation_pb2.SignTaskRequest(name=f"{CASE}/tasks/1", request_id=request_id()), **fast.as_("handler")
        )

        events = await told(fast)
        late = [event for event in events if event.type == "ClockOverdue" and event.payload["rule"] == "sign"]
        assert len(late) == 1
        assert late[0].wakes
        kinds = [event.type for event in events]
        assert kinds.index("ClockOverdue") < kinds.index("TaskSigned"), "it was overdue before it was done"
        assert late[0].payload["late_by_seconds"] > 86_400

        fired = await fast.clocks["mediation"].FireClocks(
            clock_pb2.FireClocksRequest(service="mediation", case=CASE), **fast.as_service("worker")
        )
        assert "sign" in {firing.rule for firing in fired.overdue}
        assert "sign" not in {firing.rule for firing in fired.firings}
        again = [event for event in await told(fast) if event.type == "ClockOverdue"]
        assert len({event.payload["clock"] for event in again}) == len(again)


async def told(clients: Clients) -> list[feed_pb2.Event]:
    """Return the case's history."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=CASE)
    return list((await clients.feeds["mediation"].ListEvents(request, **clients.as_("handler"))).events)
