"""Urgency and danger have limits of their own for accepting a report, decided on declared facts alone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pb.clock.v1 import clock_pb2
from pb.intake.v1 import intake_pb2, report_pb2

from casework.door.triage import CaseFacts
from services.kit.instants import instant
from tests.conftest import Clients, request_id
from tests.still import shipped_rules
from tests.test_calendar import SHIPPED

pytestmark = pytest.mark.fault("A14")
URGENT = report_pb2.URGENCY_URGENT


async def running(clients: Clients, report: report_pb2.Report) -> list[clock_pb2.Clock]:
    """Return the running clocks of a report."""
    request = clock_pb2.ListClocksRequest(service="intake", case=report.case, running=True)
    return list((await clients.clocks["intake"].ListClocks(request, **clients.as_("duty_officer"))).clocks)


async def triaged(clients: Clients, report: report_pb2.Report, **facts: Any) -> report_pb2.Report:
    """Correct the facts of a report."""
    request = intake_pb2.TriageReportRequest(name=report.name, request_id=request_id(), **facts)
    found: report_pb2.Report = await clients.intake.TriageReport(request, **clients.as_("duty_officer"))
    return found


@pytest.mark.parametrize(
    ("facts", "limit", "hours", "row"),
    [
        ({"danger": True}, "accept_danger", 2, 1),
        ({"category": "categories/family/violence"}, "accept_danger", 2, 2),
        ({"category": "categories/hazard/gas", "urgency": URGENT}, "accept_danger", 2, 3),
        ({"category": "categories/neighbour", "urgency": URGENT}, "accept_urgent", 24, 4),
    ],
)
async def test_danger_and_urgency_have_hours_where_others_have_days(
    clients: Clients, facts: dict[str, Any], limit: str, hours: int, row: int
) -> None:
    report = await clients.file_report(**facts)
    assert (report.triage.acceptance_limit, report.triage.acceptance_row) == (limit, row)
    assert report.triage.acceptance_reason
    took = instant(report.due_time) - instant(report.receive_time)
    assert timedelta(0) <= timedelta(hours=hours) - took <= timedelta(seconds=1)
    (clock,) = await running(clients, report)
    assert (clock.rule, clock.due_time) == (limit, report.due_time)
    request = clock_pb2.ExplainClockRequest(name=clock.name)
    said = await clients.clocks["intake"].ExplainClock(request, **clients.as_("duty_officer", language="en"))
    assert (said.limit, said.confidence) == (f"{hours} hour", "house default")
    assert "urgent" in said.title or "danger" in said.title


async def test_a_matter_of_everyday_keeps_three_working_days(clients: Clients) -> None:
    report = await clients.file_report(category="categories/hazard/gas", urgency=report_pb2.URGENCY_SOON)
    assert report.triage.acceptance_limit == "accept"
    (clock,) = await running(clients, report)
    assert clock.rule == "accept"


async def test_danger_that_is_declared_later_shortens_the_time_and_taken_back_gives_it_back(clients: Clients) -> None:
    report = await clients.file_report(category="categories/neighbour")
    first = report.due_time
    grave = await triaged(clients, report, danger=True)
    (clock,) = await running(clients, report)
    assert (clock.rule, grave.triage.acceptance_limit) == ("accept_danger", "accept_danger")
    assert instant(clock.due_time) - instant(clock.start_time) <= timedelta(hours=2)
    assert grave.due_time == clock.due_time
    back = await triaged(clients, report, danger=False)
    (clock,) = await running(clients, report)
    assert (clock.rule, clock.due_time, back.due_time) == ("accept", first, first)
    await clients.accept(report)
    assert await running(clients, report) == []


def test_a_limit_never_looks_at_who_somebody_is() -> None:
    table = shipped_rules(SHIPPED).acceptance
    facts = CaseFacts(100, 10**10, "wider", "routine", False, "labour")
    assert table.evaluate(facts).limit == "accept"
