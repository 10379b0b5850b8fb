"""Ledgers: whatever the order of entries, an overdue deadline is reported once, and there is one date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2
from pb.mediation.v1 import mediation_pb2

from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL, Layer
from services.kit.clocks import moves as clock_moves
from services.kit.clocks.keeping import look
from services.kit.clocks.verification import Difference, differences
from services.kit.instants import instant
from tests.conftest import COUNTY, Clients, request_id
from tests.ledgering import Desk
from tests.still import standing_still
from tests.test_review import refused

RUNNING, PAUSED, MET = (
    clock_pb2.CLOCK_STATE_RUNNING, clock_pb2.CLOCK_STATE_PAUSED, clock_pb2.CLOCK_STATE_MET,
)  # fmt: skip

COUNTED = "labour_inspection"
LIMITATION = "labour_arbitration_limitation"


@pytest.fixture(scope="module")
async def desk(stack: Stack, clients: Clients) -> AsyncIterator[Desk]:
    """Return a desk at mediation, which stands still."""
    async with standing_still(stack, "mediation") as still:
        yield Desk(still, clients)


def key(case: str, clock: str = "close") -> str:
    return f"clocks/mediation/{case.removeprefix('cases/')}.{clock}"


def day(clock: clock_pb2.Clock) -> str:
    return instant(clock.due_time).astimezone(LOCAL).date().isoformat()


async def shown(desk: Desk, case: str) -> tuple[list[str], list[bool]]:
    """Return every date and every word on being overdue that the places show for the closing clock of a case."""
    clock = await desk.clock(key(case))
    listed = (await desk.listed(case=case))[key(case)]
    caller = desk.still.as_("handler", COUNTY)
    got = await desk.mediation.GetCase(mediation_pb2.GetCaseRequest(name=case), **caller)
    in_list = await desk.mediation.ListCases(mediation_pb2.ListCasesRequest(page_size=1000), **caller)
    (row,) = [each for each in in_list.cases if each.name == case]
    late = await desk.mediation.ListCases(mediation_pb2.ListCasesRequest(overdue=True, page_size=1000), **caller)
    filtered = await desk.listed(case=case, overdue=True)
    places = [clock, listed, got, row]
    dates = ["none" if not each.HasField("due_time") else each.due_time.ToJsonString() for each in places]
    words = [each.overdue for each in places] + [case in {each.name for each in late.cases}, key(case) in filtered]
    return dates, words


async def agrees(desk: Desk, case: str) -> None:
    dates, words = await shown(desk, case)
    assert len(set(dates)) == 1, dates
    assert len(set(words)) == 1, words


# --- A9 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A9")
async def test_a_clock_that_fell_away_is_not_listed_as_overdue(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    clock = await desk.start(case, "labour_arbitration_acceptance")
    desk.still.to("2026-04-20T09:00")
    await desk.act("StopClock", clock.name, met=False)
    assert not (await desk.clock(clock.name)).overdue
    assert clock.name not in await desk.listed(case=case, overdue=True)
    for name, found in (await desk.listed(case=case, overdue=True)).items():
        assert found.overdue, name


# --- A1 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A1")
async def test_an_end_that_was_past_at_the_start_is_reported_at_once_and_escalated_once(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00", promised="2026-01-12T23:59:59")
    clock = await desk.clock(key(case))
    assert clock.overdue
    assert clock.HasField("next_time")
    await desk.fire(case)
    await desk.fire(case)
    (told,) = [each for each in await desk.told(case, "ClockOverdue") if each["rung"] == "overdue"]
    assert told["clock"].endswith(".close")
    assert told["late_by_seconds"] > 48 * 86_400
    assert len(await desk.escalations(case)) == 1
    await agrees(desk, case)


# --- A2 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A2")
async def test_a_case_and_its_tasks_show_the_date_of_their_clock_whatever_moves_it(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    task = key(case, "task-1.task")
    extended = await desk.act("ExtendClock", task, "unit_head", amount=10, kind=1, reason="complex-facts")
    caller = desk.still.as_("handler", COUNTY)
    request = mediation_pb2.ListTasksRequest(parent=case, page_size=100)

    async def tasks(**more: bool) -> dict[str, str]:
        request.overdue = more.get("overdue", False)
        found = (await desk.mediation.ListTasks(request, **caller)).tasks
        return {each.name: each.due_time.ToJsonString() for each in found}

    assert (await tasks())[f"{case}/tasks/1"] == extended.due_time.ToJsonString()
    desk.still.to("2026-03-13T09:00")
    assert f"{case}/tasks/1" not in await tasks(overdue=True)

    await desk.act("PauseClock", key(case), cause="appraisal", evidence="doc-1")
    await agrees(desk, case)
    desk.still.to("2026-04-20T09:00")
    dates, words = await shown(desk, case)
    assert (set(dates), set(words)) == ({"none"}, {False})
    await desk.act("ResumeClock", key(case))
    await agrees(desk, case)


# --- A3, A4 -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A3")
async def test_a_legal_clock_starts_on_the_day_of_its_event_however_long_ago(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    long_ago = {"effective_time": "2025-12-01T10:00"}
    with refused("EVIDENCE_REQUIRED"):
        await desk.start(case, "labour_arbitration_limitation", **long_ago)
    clock = await desk.start(case, "labour_arbitration_limitation", evidence="doc-9", **long_ago)
    assert instant(clock.start_time).astimezone(LOCAL).isoformat() == "2025-12-01T10:00:00+08:00"
    assert day(clock) == "2026-12-01"


@pytest.mark.fault("A4")
async def test_the_first_working_day_after_a_holiday_is_in_time_for_an_entry(desk: Desk) -> None:
    for today, allowed in (("2026-10-08T17:00", True), ("2026-10-09T09:00", False)):
        case = await desk.open("2026-09-28T09:00")
        desk.still.to(today)
        pause = {"cause": "illness", "effective_time": "2026-09-30T15:00"}
        if allowed:
            assert (await desk.act("PauseClock", key(case), **pause)).state == PAUSED
        else:
            with refused("BACKDATED_TOO_FAR"):
                await desk.act("PauseClock", key(case), **pause)


# --- A6 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A6")
async def test_time_runs_on_only_when_every_pause_has_ended_each_by_its_own_resumption(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    desk.still.to("2026-03-03T09:00")
    await desk.act("PauseClock", key(case), cause="appraisal")
    desk.still.to("2026-03-04T09:00")
    await desk.act("PauseClock", key(case), cause="illness")
    desk.still.to("2026-03-06T09:00")
    with refused("PAUSE_AMBIGUOUS"):
        await desk.act("ResumeClock", key(case))
    first = await desk.act("ResumeClock", key(case), cause="appraisal")
    assert first.state == PAUSED
    with refused("CLOCK_NOT_PAUSED"):
        await desk.act("ResumeClock", key(case), cause="appraisal")
    desk.still.to("2026-03-10T09:00")
    number = (await desk.told(case, "ClockPaused"))[-1]["entry"]
    last = await desk.act("ResumeClock", key(case), pause=number)
    assert last.state == RUNNING
    assert day(last) == "2026-03-24"  # fifteen days and the seven of both pauses together


@pytest.mark.fault("A6")
async def test_a_pause_that_is_entered_late_is_not_ended_by_the_resumption_of_another(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    desk.still.to("2026-03-04T09:00")
    await desk.act("PauseClock", key(case), cause="appraisal")
    desk.still.to("2026-03-05T09:00")
    await desk.act("ResumeClock", key(case))
    late = await desk.act("PauseClock", key(case), cause="illness", effective_time="2026-03-04T15:00")
    assert late.state == PAUSED


# --- A7 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A7")
async def test_what_was_done_in_time_and_entered_late_is_in_time_and_the_breach_is_withdrawn(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    clock = await desk.start(case, "labour_arbitration_acceptance")
    due = instant(clock.due_time).astimezone(LOCAL)
    desk.still.time.set(due + timedelta(hours=10))
    await desk.fire(case)
    assert (await desk.clock(clock.name)).overdue
    stopped = await desk.act("StopClock", clock.name, met=True, effective_time=f"{due:%Y-%m-%d}T16:00")
    assert stopped.state == MET
    assert not stopped.overdue
    assert clock.name not in await desk.listed(case=case, overdue=True)
    (back,) = await desk.told(case, "ClockBreachWithdrawn")
    assert back["rung"] == "overdue"
    assert back["wakes"]


@pytest.mark.fault("A7")
async def test_time_that_was_granted_before_the_end_and_entered_after_it_withdraws_what_was_raised(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    clock = await desk.start(case, "petition_handling", effective_time="2026-01-01T09:00", evidence="doc-1")
    assert day(clock) == "2026-03-02"
    desk.still.to("2026-03-03T00:30")
    await desk.fire(case)
    (raised,) = await desk.escalations(case)
    extended = await desk.act(
        "ExtendClock", clock.name, "unit_head", amount=1, kind=1, reason="complex-facts",
        effective_time="2026-03-02T15:00",
    )  # fmt: skip
    assert (day(extended), extended.overdue) == ("2026-03-03", False)
    await desk.fire(case)
    (back,) = await desk.escalations(case)
    assert (back["escalation"], back["state"]) == (raised["escalation"], escalation_pb2.ESCALATION_STATE_RESOLVED)
    assert {raised["from_unit"], raised["to_unit"]} <= await desk.notified(case, "EscalationWithdrawn")
    # The end it has now is a breach of its own once it has passed: reported, and raised.
    desk.still.to("2026-03-04T00:30")
    await desk.fire(case)
    overdue = [each for each in await desk.told(case, "ClockOverdue") if each["rule"] == "petition_handling"]
    assert [each["rung"] for each in overdue] == ["overdue", "overdue+1"]
    assert len(await desk.told(case, "ClockBreachWithdrawn")) == 1
    states = [each["state"] for each in await desk.escalations(case)]
    assert escalation_pb2.ESCALATION_STATE_RAISED in states


# --- A8, A11 ----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("A8", "A11")
async def test_a_clock_stays_on_its_calendar_until_it_is_moved(desk: Desk) -> None:
    case = await desk.open("2026-06-01T09:00")
    clock, stopped = await desk.start(case, COUNTED), await desk.start(case, COUNTED)
    await desk.act("StopClock", stopped.name, met=True)
    named = {"name": "test-closure", "region": "62"}
    layer = clock_pb2.CalendarLayer(
        **named,
        days=[clock_pb2.CalendarDay(date="2026-06-03", working=False, zh="停电", en="power cut")],
    )
    # Another process applied the list, and this clock was not reached yet.
    here = Layer("test-closure", "62", closed={date(2026, 6, 3): ("停电", "power cut")})
    async with desk.still.database.begin() as connection:
        await clock_moves.keep_layer(connection, here, "test", "notice", desk.still.time.now())
    await look(desk.still.database, desk.still.clockwork, desk.still.time.now())

    await explained(desk, clock.name, day(clock))
    desk.still.to("2026-06-02T09:00")
    await desk.act("ExtendClock", clock.name, "unit_head", amount=1, kind=1, reason="complex-facts")
    longer = await desk.clock(clock.name)
    assert instant(longer.due_time) > instant(clock.due_time)
    await explained(desk, clock.name, day(longer))
    assert await wrong(desk) == []

    caller = desk.still.as_("operator", "cn")
    preview = await desk.clocks.PreviewMoves(clock_pb2.PreviewMovesRequest(service="mediation", layer=layer), **caller)
    assert clock.name in {each.clock for each in preview.moves}
    request = clock_pb2.ApplyMovesRequest(
        service="mediation", layer=layer, candidate=preview.candidate, reason="notice", request_id=request_id()
    )
    await desk.clocks.ApplyMoves(request, **caller)
    moved = await desk.clock(clock.name)
    assert instant(moved.due_time) > instant(longer.due_time)
    await explained(desk, clock.name, day(moved))
    assert [each["clock"] for each in await desk.told(case, "ClockMoved")].count(clock.name) == 1
    assert await wrong(desk) == []


async def explained(desk: Desk, name: str, due: str) -> None:
    """See that the explanation counts up to the date."""
    said = await desk.explained(name)
    assert said.days[-1].date == due
    assert day(said.clock) == due


async def wrong(desk: Desk) -> list[Difference]:
    """Return what the verifier finds."""
    found = [each async for each in differences(desk.still.database, desk.still.clockwork)]
    return [each for each in found if isinstance(each, Difference)]


# --- F2 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F2")
async def test_a_limitation_that_is_interrupted_begins_anew(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    clock = await desk.start(case, LIMITATION, effective_time="2025-04-01T10:00", evidence="doc-1")
    assert day(clock) == "2026-04-01"
    with refused("RESTART_CAUSE_NOT_ALLOWED"):
        await desk.act("RestartClock", clock.name, cause="bad-weather", evidence="doc-2")
    again = await desk.act(
        "RestartClock", clock.name, cause="demand", evidence="doc-2", effective_time="2025-11-10T15:00"
    )
    assert day(again) == "2026-11-10"
    said = await desk.explained(clock.name)
    days = {each.date: each.verdict for each in said.days}
    assert (days["2025-04-01"], days["2025-11-09"]) == ("interrupted", "interrupted")
    assert (days["2025-11-10"], days["2025-11-11"], days["2026-11-10"]) == ("start_excluded", "counted", "counted")
    assert len(said.days) == len(days)
    (event,) = await desk.told(case, "ClockRestarted")
    assert (event["cause"], event["evidence"]) == ("demand", "doc-2")
    assert await wrong(desk) == []


@pytest.mark.fault("F2")
async def test_what_has_run_out_is_not_interrupted_any_more(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    clock = await desk.start(case, LIMITATION, effective_time="2025-01-15T10:00", evidence="doc-1")
    await desk.fire(case)
    with refused("RESTART_AFTER_DUE"):
        await desk.act("RestartClock", clock.name, cause="demand", evidence="doc-2")
    # It was interrupted in time, and somebody brings the proof of it late: the breach is withdrawn.
    again = await desk.act(
        "RestartClock", clock.name, cause="demand", evidence="doc-2", effective_time="2025-09-01T10:00"
    )
    assert (day(again), again.overdue) == ("2026-09-01", False)
    assert [each["rung"] for each in await desk.told(case, "ClockBreachWithdrawn")] == ["overdue"]


async def test_a_clock_that_allows_no_restart_has_none(desk: Desk) -> None:
    case = await desk.open("2026-03-02T09:00")
    with refused("RESTART_CAUSE_NOT_ALLOWED"):
        await desk.act("RestartClock", key(case), cause="demand", evidence="doc-2")
