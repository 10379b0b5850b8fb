"""Where the rooms of supervision meet: ledger and special handling, missed work and letters, complaints and units."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pb.escalation.v1 import facts_pb2, facts_pb2_grpc, lead_pb2, letters_pb2, monitoring_pb2, plans_pb2
from pb.escalation.v1.lead_pb2_grpc import LeadServiceStub
from pb.escalation.v1.letters_pb2_grpc import LetterServiceStub
from pb.escalation.v1.monitoring_pb2_grpc import MonitoringServiceStub
from pb.escalation.v1.plans_pb2_grpc import PlanServiceStub
from pb.intake.v1 import facts_pb2 as intake

from accord.embedded.stack import Stack
from casework.names import number_of
from casework.supervision.letters.occasion import ends_soon
from services.kit.storage.database import text
from tests.conftest import request_id
from tests.matters import COUNTY, HOUSING, MINOR, Ledger
from tests.mediated import refused
from tests.special import a_measure, a_plan, on
from tests.still import Still, standing_still

DUE = date(2026, 3, 31)


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


@pytest.fixture
def ledger(still: Still) -> Ledger:
    """Return the ledger of the service that stands still, on a morning in March."""
    still.to("2026-03-02T09:00")
    return Ledger(still.channel, still.as_)


async def do(still: Still, method: Any, request: Any, role: str = "unit_head", sub: str | None = None) -> Any:
    """Make a call for the county under a request id of its own."""
    request.request_id = request_id()
    return await method(request, **still.as_(role, COUNTY, sub))


async def drafts(still: Still, subject: str) -> list[tuple[str, str]]:
    """Return kind and rule of the drafts about a matter."""
    stub = LetterServiceStub(still.channel)
    found = await stub.ListLetterDrafts(
        letters_pb2.ListLetterDraftsRequest(page_size=1000), **still.as_("supervisor", "62")
    )
    kind = letters_pb2.LetterKind.Name
    return [(kind(each.kind).removeprefix("LETTER_KIND_"), each.rule) for each in found.letters
            if each.subject == subject]  # fmt: skip


async def lead_of(still: Still, matter: str, official: str) -> None:
    """Assign a lead official to a matter."""
    request = lead_pb2.AssignLeadRequest(
        name=f"{matter}/lead", unit=f"units/{COUNTY}", official=official, office="vice-head"
    )
    await do(still, LeadServiceStub(still.channel).AssignLead, request)


async def test_a_matter_is_struck_off_when_nothing_of_its_special_handling_is_open(
    still: Still, ledger: Ledger
) -> None:
    matter = (await ledger.assigned(DUE)).name
    await lead_of(still, matter, "vice")
    stub = MonitoringServiceStub(still.channel)
    begun = monitoring_pb2.Monitoring(
        reason="waits", interval=monitoring_pb2.MONITORING_INTERVAL_MONTH,
        text=monitoring_pb2.MonitoringReasons(reason="安置房未竣工。", conditions="竣工验收。"),
    )  # fmt: skip
    monitored = await do(
        still, stub.BeginMonitoring, monitoring_pb2.BeginMonitoringRequest(parent=matter, monitoring=begun)
    )
    await ledger.progressed(matter)
    error = await refused(ledger.requested(matter), "TASKS_OPEN")
    assert monitored.name in str(error.trailing_metadata())
    end = monitoring_pb2.EndMonitoringRequest(
        name=monitored.name, end=monitoring_pb2.MONITORING_STATE_TAKEN_UP, reason="已竣工。"
    )
    await do(still, stub.EndMonitoring, end, "supervisor", "another")
    await ledger.requested(matter)
    # The lead official of the matter does not verify it.
    await refused(ledger.do("VerifyStrikeOff", "reviewer", COUNTY, name=matter, verdict=1, sub="vice"), "ROLE_BARRED")
    await ledger.verified(matter)
    async with still.database.begin() as connection:
        query = text(
            "SELECT substr(id, strpos(id, '.') + 1) AS key FROM clocks WHERE number = :number AND state IN (1, 4)"
        )
        running = {row.key for row in await connection.execute(query, {"number": number_of(matter)})}
        held = text("SELECT count(*) FROM holdings WHERE number = :number AND until IS NULL")
        assert not await connection.scalar(held, {"number": number_of(matter)})
    assert running == {"lookback-1-30", "lookback-1-90"}


async def test_an_approved_plan_meets_the_ledgers_clock_and_the_matter_is_handled(still: Still, ledger: Ledger) -> None:
    matter = (await ledger.assigned(DUE)).name
    stub = PlanServiceStub(still.channel)
    plan = a_plan(a_measure(HOUSING, on("2026-03-20")))
    drafted = await do(
        still, stub.DraftPlan, plans_pb2.DraftPlanRequest(parent=matter, plan=plan), "handler", "drafter"
    )
    await do(still, stub.SubmitPlan, plans_pb2.SubmitPlanRequest(name=drafted.name), "handler", "drafter")
    signed = plans_pb2.CountersignPlanRequest(
        name=drafted.name, unit=f"units/{COUNTY}", role=plans_pb2.COUNTERSIGN_ROLE_LEGAL_ADVISER, agrees=True
    )
    await do(still, stub.CountersignPlan, signed, "unit_head", "lawyer")
    approve = plans_pb2.ApprovePlanRequest(name=drafted.name, approved=True, reason="可行。")
    await do(still, stub.ApprovePlan, approve, "unit_head", "head")
    shown = await ledger.do("GetMatter", "supervisor", name=matter)
    assert shown.state == 4  # being handled
    assert shown.HasField("plan_time")
    history = await ledger.do("ListMatterHistory", "supervisor", parent=matter)
    assert "PlanApproved" in str(history)


async def test_rules_draft_letters_for_what_the_ledger_tells_and_nobody_but_people_send_them(
    still: Still, ledger: Ledger
) -> None:
    matter = (await ledger.assigned(DUE, facts=MINOR, category="categories/medical")).name
    still.to("2026-03-30T09:00")
    await still.fire(number_of(matter))
    found = await drafts(still, matter)
    # No plan in time, then work overdue: each drafts once; a notice stands, so that the end that nears adds none.
    assert sorted(found) == [("NOTICE", "rule no-plan 2026-11"), ("WARNING", "rule overdue-warning 2026-11")]
    sent = text("SELECT count(*) FROM letters WHERE approved_at IS NOT NULL OR served_at IS NOT NULL")
    async with still.database.begin() as connection:
        assert not await connection.scalar(sent)


async def test_when_four_fifths_of_a_term_are_over_a_notice_is_called_for_and_not_before(
    still: Still, ledger: Ledger
) -> None:
    matter = (await ledger.assigned(date(2026, 3, 27), facts=MINOR, category="categories/traffic")).name
    stop = text("UPDATE clocks SET state = 2, stopped_at = started_at WHERE number = :number AND rule <> 'matter_unit'")
    async with still.database.begin() as connection:
        await connection.execute(stop, {"number": number_of(matter)})  # what else would call for letters meanwhile
    # The end is on 27 March, its first reminder seven days before, when three quarters of the term are over.
    for local, found in (("2026-03-21T09:00", []), ("2026-03-25T09:00", [("NOTICE", "rule due-soon 2026-11")])):
        still.to(local)
        await still.fire(number_of(matter))
        assert await drafts(still, matter) == found, local


def test_a_short_term_ends_soon_on_its_last_day() -> None:
    start = datetime(2026, 3, 2, 9)
    assert not ends_soon(start, start + timedelta(days=3), start + timedelta(days=1, hours=23))
    assert ends_soon(start, start + timedelta(days=3), start + timedelta(days=2))
    assert not ends_soon(start, start + timedelta(days=30), start + timedelta(days=23, hours=23))
    assert ends_soon(start, start + timedelta(days=30), start + timedelta(days=24))


async def test_the_third_like_matter_in_a_quarter_asks_the_unit_for_the_cause(still: Still, ledger: Ledger) -> None:
    for _ in range(2):
        assert not await drafts(still, (await ledger.assigned(DUE, category="categories/land")).name)
    third = (await ledger.assigned(DUE, category="categories/land")).name
    assert await drafts(still, third) == [("NOTICE", "rule similar-matters 2026-11")]


async def test_a_matter_that_came_from_a_complaint_is_not_given_to_the_unit_complained_of(
    still: Still, ledger: Ledger
) -> None:
    number = "620102-2026-000777"
    told = intake.ReportFacts(
        report=f"reports/{number}", sequence=3, state=4, unit=f"units/{COUNTY}", area=COUNTY, channel=1,
        category="categories/expropriation", grade=2, about_unit=f"units/{HOUSING}",
    )  # fmt: skip
    told.receive_time.FromDatetime(still.time.now())
    recorded = facts_pb2.RecordFactsRequest(reports=[told], request_id=request_id())
    await facts_pb2_grpc.FactsServiceStub(still.channel).RecordFacts(recorded, **still.as_service())
    await refused(ledger.assigned(DUE, source=f"cases/{number}"), "COMPLAINED_OF")
