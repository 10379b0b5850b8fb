"""A deadline that passes while nobody can ask is still told, once, with how late it was."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from accord.roster import processes
from accord.stack import Stack
from services.kit.instants import instant
from tests.conftest import COUNTY, Clients, request_id

DAY_IS_A_SECOND = {"ACCORD_TIME_SPEED": "86400", "ACCORD_TIME_EPOCH": datetime.now(UTC).isoformat()}
CASE = f"cases/{COUNTY}-2026-000900"


async def test_what_is_done_late_before_anybody_asked_is_overdue_all_the_same(tmp_path: Path) -> None:
    def only_mediation(around: object) -> list[object]:
        return [spec for spec in processes(around) if spec.name == "mediation"]  # type: ignore[arg-type]

    with Stack(
        state=tmp_path / "state",
        port_base=0,
        settings=DAY_IS_A_SECOND,
        roster=only_mediation,  # type: ignore[arg-type]
    ) as stack:
        clients = Clients.of(stack)
        case = case_pb2.Case(name=CASE, unit=f"units/{COUNTY}", category="categories/neighbour", grade=1)
        await clients.mediation.CreateCase(
            mediation_pb2.CreateCaseRequest(case=case, request_id=request_id()), **clients.as_("duty_officer")
        )
        # No worker runs: nobody asks. The unit has a working day to sign, and signs more than a day after its end.
        sign = clock_pb2.GetClockRequest(name=f"clocks/mediation/{CASE.removeprefix('cases/')}.task-1.sign")
        clock = await clients.clocks["mediation"].GetClock(sign, **clients.as_("handler"))
        days = (instant(clock.due_time) - instant(clock.start_time)).total_seconds() / 86_400
        await asyncio.sleep(days + 1.2)
        await clients.mediation.SignTask(
            mediation_pb2.SignTaskRequest(name=f"{CASE}/tasks/1", request_id=request_id()), **clients.as_("handler")
        )

        events = await told(clients)
        late = [event for event in events if event.type == "ClockOverdue" and event.payload["rule"] == "sign"]
        assert len(late) == 1
        assert late[0].wakes
        assert late[0].payload["late_by_seconds"] > 86_400

        fired = await clients.clocks["mediation"].FireClocks(
            clock_pb2.FireClocksRequest(service="mediation", case=CASE), **clients.as_service("worker")
        )
        assert "sign" in {firing.rule for firing in fired.overdue}
        assert "sign" not in {firing.rule for firing in fired.firings}
        again = [event for event in await told(clients) if event.type == "ClockOverdue"]
        assert len({event.payload["clock"] for event in again}) == len(again)
        await clients.close()


async def told(clients: Clients) -> list[feed_pb2.Event]:
    """Return the case's history."""
    request = feed_pb2.ListEventsRequest(service="mediation", case=CASE)
    return list((await clients.feeds["mediation"].ListEvents(request, **clients.as_("handler"))).events)
