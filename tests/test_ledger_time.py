"""The clocks of the ledger at their boundaries: the last second in time, the first one too late."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date
from typing import Any

import pytest
from pb.escalation.v1 import escalation_pb2, escalation_pb2_grpc, letters_pb2, letters_pb2_grpc
from pb.escalation.v1 import ledger_pb2 as pb

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from casework.names import number_of
from services.escalation import files
from services.escalation.matters.ledger import course, store
from services.kit.command import Work
from services.kit.serving.access import Call
from services.kit.serving.tokens import Caller
from services.kit.storage.database import text
from services.kit.storage.events import EventLog
from tests.matters import COUNTY, HOUSING, LABOUR, MINOR, Ledger, as_date
from tests.still import Still, standing_still


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


@pytest.fixture
def ledger(still: Still) -> Ledger:
    """Return the ledger of the service that stands still."""
    return Ledger(still.channel, still.as_)


async def raised(still: Still, name: str) -> list[tuple[str, str, str]]:
    """Return what was raised of a matter, in order: from which unit to which, and what about."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    found = await stub.ListEscalations(
        escalation_pb2.ListEscalationsRequest(parent=name), **still.as_("supervisor", "62")
    )
    return [
        (why.from_unit.removeprefix("units/"), each.to_unit.removeprefix("units/"), why.subject.removeprefix(name))
        for each in reversed(found.escalations)
        for why in (each, *each.reasons)  # one escalation a level: what is missed later is added to it
        if "/escalations/" not in why.subject  # those have clocks of their own, and climb further
    ]


async def clocks(still: Still, name: str) -> dict[str, Any]:
    """Return the running clocks of a matter by key: unit and due date."""
    query = text("SELECT * FROM clocks WHERE number = :number AND state = 1")
    async with still.database.begin() as connection:
        rows = (await connection.execute(query, {"number": number_of(name)})).all()
    return {row.id.partition(".")[2]: row for row in rows}


async def crosses(still: Still, name: str, last: str, first: str) -> None:
    """Go to the last second of a deadline, at which nothing is raised, and over it, where one thing more is."""
    before = await raised(still, name)
    still.to(last)
    await still.fire(number_of(name))
    assert await raised(still, name) == before, last
    still.to(first)
    await still.fire(number_of(name))
    assert len(await raised(still, name)) == len(before) + 1, first


async def test_a_plan_is_due_five_working_days_after_listing_over_qingming(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-31T09:00")
    matter = await ledger.register()
    # 1, 2 and 3 April, then Qingming (4 to 6 April), then 7 and 8 April.
    assert (matter.due_date.month, matter.due_date.day) == (4, 8)
    await crosses(still, matter.name, "2026-04-08T23:59:59", "2026-04-09T00:00")
    assert await raised(still, matter.name) == [(COUNTY, "6201", "")]


async def test_assigning_hands_the_plan_to_the_unit_that_leads_and_moves_no_date(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-31T09:00")
    matter = await ledger.register()
    before = (await clocks(still, matter.name))["plan"]
    await ledger.do("GradeMatter", "supervisor", "62", name=matter.name, facts=MINOR)
    still.to("2026-04-08T20:00")
    await ledger.do("AssignMatter", "supervisor", "62", name=matter.name, assignments=[
        pb.Assignment(part=1, unit=f"units/{HOUSING}", due_date=as_date(date(2026, 5, 20)), measures="核实。")
    ])  # fmt: skip
    after = (await clocks(still, matter.name))["plan"]
    assert (before.unit, after.unit, after.due_at) == (COUNTY, HOUSING, before.due_at)
    await crosses(still, matter.name, "2026-04-08T23:59:59", "2026-04-09T00:00")
    assert await raised(still, matter.name) == [(HOUSING, COUNTY, "")]


async def test_progress_is_due_every_ten_working_days_and_reporting_it_moves_no_deadline(
    still: Still, ledger: Ledger
) -> None:
    still.to("2026-04-23T09:00")
    matter = await ledger.assigned(date(2026, 6, 30))
    deadline = (await clocks(still, matter.name))["unit-1"].due_at
    # 24, 27 to 30 April; Labour Day 1 to 5 May; 6 to 8 May, Saturday 9 May is worked, then 11 May.
    await still.fire(number_of(matter.name))
    running = await clocks(still, matter.name)
    assert running["progress-1"].due_at.astimezone(LOCAL).date() == date(2026, 5, 11)
    still.to("2026-05-11T23:59:59")
    await ledger.progressed(matter.name)
    running = await clocks(still, matter.name)
    assert "progress-1" not in running
    assert running["unit-1"].due_at == deadline
    await still.fire(number_of(matter.name))  # the plan was due in between
    await crosses(still, matter.name, "2026-05-25T23:59:59", "2026-05-26T00:00")
    assert (await raised(still, matter.name))[-1] == (HOUSING, COUNTY, "")


async def test_every_unit_has_a_deadline_of_its_own(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 3, 20), LABOUR)
    await ledger.do("ReassignAssignment", "supervisor", "62", name=f"{matter.name}/assignments/2", reason="not-theirs",
                    unit="units/620102-justice")  # fmt: skip
    still.to("2026-03-10T00:00")
    await still.fire(number_of(matter.name))  # the plan was due
    await ledger.progressed(matter.name)
    before = await raised(still, matter.name)
    still.to("2026-03-20T23:59:59")
    await still.fire(number_of(matter.name))
    assert await raised(still, matter.name) == before
    listed = await ledger.do("GetMatter", "auditor", COUNTY, name=matter.name)
    assert not listed.overdue
    still.to("2026-03-21T00:00")
    await still.fire(number_of(matter.name))
    assert sorted((await raised(still, matter.name))[len(before) :]) == [
        (HOUSING, COUNTY, "/assignments/1"), ("620102-justice", COUNTY, "/assignments/2")
    ]  # fmt: skip
    assert (await ledger.do("GetMatter", "auditor", COUNTY, name=matter.name)).overdue


async def test_a_deadline_is_moved_once_before_it_has_passed(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 3, 3))
    part = f"{matter.name}/assignments/1"
    longer = await ledger.do("ExtendAssignment", "unit_head", COUNTY, name=part, reason="expert-opinion",
                             due_date=as_date(date(2026, 3, 5)))  # fmt: skip
    assert longer.due_date.day == 5
    running = await clocks(still, matter.name)
    assert "unit-1" not in running
    assert running["unit-1-2"].due_at.astimezone(LOCAL).date() == date(2026, 3, 5)
    await crosses(still, matter.name, "2026-03-05T23:59:59", "2026-03-06T00:00")


async def test_a_request_is_checked_within_five_working_days_over_national_day(still: Still, ledger: Ledger) -> None:
    still.to("2026-09-24T09:00")
    matter = await ledger.assigned(date(2026, 11, 30))
    await ledger.progressed(matter.name)
    still.to("2026-09-29T16:00")
    await ledger.requested(matter.name)
    assert set(await clocks(still, matter.name)) == {"plan", "check-1"}
    # 30 September; National Day 1 to 7 October; 8 and 9, Saturday 10 October is worked, then 12 October.
    assert (await clocks(still, matter.name))["check-1"].due_at.astimezone(LOCAL).date() == date(2026, 10, 12)
    still.to("2026-10-12T00:00")
    await still.fire(number_of(matter.name))  # the plan was due
    await crosses(still, matter.name, "2026-10-12T23:59:59", "2026-10-13T00:00")
    assert (await raised(still, matter.name))[-1] == (COUNTY, "6201", "")


async def test_a_returned_matter_runs_on_towards_the_day_it_had(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 3, 20))
    deadline = (await clocks(still, matter.name))["unit-1"].due_at
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    still.to("2026-03-06T09:00")
    returned = await ledger.verified(matter.name, 2, "not-shown")
    assert (returned.state, returned.returned) == (pb.MATTER_STATE_RETURNED, 1)
    running = await clocks(still, matter.name)
    assert running["unit-1"].due_at == deadline
    assert {"progress-3", "plan"} <= set(running)
    assert "check-1" not in running


async def test_looks_back_are_due_thirty_and_ninety_days_after_striking_off(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 3, 20), LABOUR)
    await ledger.do("FinishAssignment", "handler", "62", name=f"{matter.name}/assignments/2", text="已办。")
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    gone = await ledger.verified(matter.name)
    assert gone.state == pb.MATTER_STATE_STRUCK_OFF
    assert set(await clocks(still, matter.name)) == {"lookback-1-30", "lookback-1-90"}
    await crosses(still, matter.name, "2026-04-01T23:59:59", "2026-04-02T00:00")
    await crosses(still, matter.name, "2026-05-31T23:59:59", "2026-06-01T00:00")
    assert [subject for *_, subject in await raised(still, matter.name)] == ["/lookBacks/30", "/lookBacks/90"]


async def test_a_matter_that_came_back_needs_a_plan_of_its_own(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 3, 20))
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    await ledger.verified(matter.name)
    still.to("2026-03-20T09:00")
    again = await ledger.do("RecordLookBack", "reviewer", COUNTY, name=f"{matter.name}/lookBacks/30", result=2)
    assert (again.state, again.entry, again.unit) == (pb.MATTER_STATE_GRADED, 2, "")
    assert set(await clocks(still, matter.name)) == {"plan-2"}
    assert again.due_date.day == 27
    await crosses(still, matter.name, "2026-03-27T23:59:59", "2026-03-28T00:00")


async def test_striking_off_settles_what_was_raised(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 4, 20))
    still.to("2026-03-10T00:00")
    await still.fire(number_of(matter.name))
    assert any(key.startswith("resolve-") for key in await clocks(still, matter.name))
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    await ledger.verified(matter.name)
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    left = await stub.ListEscalations(
        escalation_pb2.ListEscalationsRequest(parent=matter.name, open=True), **still.as_("supervisor", "62")
    )
    assert not left.escalations
    assert set(await clocks(still, matter.name)) == {"lookback-1-30", "lookback-1-90"}


async def test_an_approved_plan_stops_its_clock_and_the_matter_is_being_handled(still: Still, ledger: Ledger) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 4, 20))
    number = number_of(matter.name)
    # As the command that approves a plan does, in its own transaction.
    caller = Caller("official-1", frozenset({"supervisor"}), COUNTY)
    call = Call(caller, "plans.approve", "zh", access=None)  # type: ignore[arg-type]
    async with still.database.begin() as connection:
        await files.lock(connection, number)
        work = Work(connection, still.time.now(), call, EventLog("escalation", "files"), still.clockwork)
        await course.plan_approved(work, await store.lock(connection, number))
    assert "plan" not in await clocks(still, matter.name)
    after = await ledger.do("GetMatter", "auditor", COUNTY, name=matter.name)
    assert (after.state, after.plan_time.ToDatetime(UTC)) == (pb.MATTER_STATE_HANDLING, still.time.now())
    history = await ledger.do("ListMatterHistory", "auditor", COUNTY, parent=matter.name)
    assert (history.versions[-1].event, history.versions[-1].account) == ("PlanApproved", "official-1")


@pytest.mark.parametrize("fired", [True, False])
async def test_a_missed_plan_calls_for_a_letter_whether_a_workflow_found_it_or_the_striking_off(
    fired: bool, still: Still, ledger: Ledger
) -> None:
    still.to("2026-03-02T09:00")
    matter = await ledger.assigned(date(2026, 4, 20))
    await ledger.progressed(matter.name)
    await ledger.requested(matter.name)
    still.to("2026-03-10T00:00")
    if fired:
        await still.fire(number_of(matter.name))
    await ledger.verified(matter.name)
    stub = letters_pb2_grpc.LetterServiceStub(still.channel)
    request = letters_pb2.ListLetterDraftsRequest(page_size=1000)
    drafts = (await stub.ListLetterDrafts(request, **still.as_("supervisor", "62"))).letters
    assert "rule no-plan-high 2026-11" in [each.rule for each in drafts if each.subject == matter.name]
