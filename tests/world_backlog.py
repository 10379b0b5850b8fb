"""For each RPC of the backlog a good request, and old matters that a plan counts."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pb.escalation.v1 import backlog_pb2 as pb
from pb.escalation.v1 import facts_pb2
from pb.intake.v1 import facts_pb2 as intake_facts
from pb.mediation.v1 import case_pb2
from pb.mediation.v1 import facts_pb2 as mediation_facts

from tests.conftest import COUNTY, Clients, request_id
from tests.world_warnings import day

Maker = Callable[[Any, str], Message]
UNIT, DEPARTMENT = f"units/{COUNTY}", f"units/{COUNTY}-petition"


def instant(days_ago: float) -> Timestamp:
    """Return the instant so many days ago."""
    found = Timestamp()
    found.FromDatetime((datetime.now(UTC) - timedelta(days=days_ago)).replace(tzinfo=None))
    return found


def report(number: str, days_ago: float, unit: str, **fields: Any) -> intake_facts.ReportFacts:
    """Return the facts of an accepted report received so many days ago."""
    told: dict[str, Any] = {
        "report": f"reports/{number}", "sequence": 1, "state": 4, "unit": unit, "channel": 1,
        "category": "categories/neighbour", "grade": 1, "receive_time": instant(days_ago),
    }  # fmt: skip
    return intake_facts.ReportFacts(**{**told, **fields})


def case(number: str, days_ago: float, unit: str, **fields: Any) -> mediation_facts.CaseFacts:
    """Return the facts of a case whose report was received so many days ago."""
    told: dict[str, Any] = {
        "case": f"cases/{number}", "sequence": 1, "unit": unit, "category": "categories/neighbour", "grade": 1,
        "stage": case_pb2.STAGE_HANDLING, "receive_time": instant(days_ago), "open_time": instant(days_ago),
    }  # fmt: skip
    return mediation_facts.CaseFacts(**{**told, **fields})


def closed(number: str, days_ago: float, unit: str, outcome: int, **fields: Any) -> mediation_facts.CaseFacts:
    """Return the facts of a case that was closed a moment ago."""
    over = {"close_time": instant(0), "last_close_time": instant(0), "stage": case_pb2.STAGE_CLOSED}
    return case(number, days_ago, unit, **{"sequence": 2, "outcome": outcome, **over, **fields})


async def record(clients: Clients, *facts: Message) -> None:
    """Record facts of reports and cases, as the projector does."""
    reports = [each for each in facts if isinstance(each, intake_facts.ReportFacts)]
    cases = [each for each in facts if isinstance(each, mediation_facts.CaseFacts)]
    request = facts_pb2.RecordFactsRequest(reports=reports, cases=cases, request_id=request_id())
    await clients.facts.RecordFacts(request, **clients.as_service())


def draft(**fields: Any) -> pb.DraftBacklogPlanRequest:
    """Return a plan of the county with one goal."""
    goal = pb.BacklogGoal(unit=DEPARTMENT, count=1, due_date=day(60), official="lead-official")
    return pb.DraftBacklogPlanRequest(**{"unit": UNIT, "goals": [goal], "request_id": request_id(), **fields})


async def furnish(clients: Clients) -> dict[str, str]:
    """Return plans: one waits for a decision, the target of one is reached and not reported, one is to be ended."""
    number = f"{COUNTY}-2020-{uuid.uuid4().int % 100000 + 800000}"
    await record(clients, report(number, 2000, DEPARTMENT), case(number, 2000, DEPARTMENT))
    officer = clients.as_("duty_officer", COUNTY, "plans-backlog")
    drafted, running, ended = [(await clients.backlog.DraftBacklogPlan(draft(), **officer)).name for _ in range(3)]
    for plan in (running, ended):
        decide = pb.DecideBacklogPlanRequest(name=plan, approved=True, request_id=request_id())
        await clients.backlog.DecideBacklogPlan(decide, **clients.as_("supervisor", COUNTY, "approves-backlog"))
    await record(clients, closed(number, 2000, DEPARTMENT, case_pb2.OUTCOME_AGREED))
    return {"drafted": drafted, "running": running, "ended": ended}


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def of(plan: str, below: str = "") -> Callable[[Any], str]:
        return lambda world: f"{world.backlog[plan]}{below}"

    def just(value: Any) -> Callable[[Any], Any]:
        return lambda world: value

    return {
        "CountBacklog": filled(pb.CountBacklogRequest, unit=just(UNIT)),
        "ListBacklog": filled(pb.ListBacklogRequest, unit=just(UNIT)),
        "DraftBacklogPlan": lambda world, server: draft(),
        "DecideBacklogPlan": filled(pb.DecideBacklogPlanRequest, name=of("drafted"), approved=just(False)),
        "GetBacklogPlan": filled(pb.GetBacklogPlanRequest, name=of("running")),
        "ListBacklogPlans": filled(pb.ListBacklogPlansRequest, unit=just(UNIT)),
        "ListBacklogPlanMatters": filled(pb.ListBacklogPlanMattersRequest, parent=of("running")),
        "EndBacklogPlan": filled(pb.EndBacklogPlanRequest, name=of("ended"), reason=just(1)),
        "ReportBacklogTarget": filled(pb.ReportBacklogTargetRequest, name=of("running", "/targets/1")),
    }
