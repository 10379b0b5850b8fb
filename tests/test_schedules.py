"""Schedules on the real engine: made from the facts, each period done once, whatever is killed or lost meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from pb.escalation.v1 import meetings_pb2, schedules_pb2
from temporalio.client import Client, ScheduleDescription, ScheduleOverlapPolicy, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.rebuild import rebuild
from accord.embedded.stack import Stack
from casework.clocks.calendar import LOCAL
from tests.conftest import Clients, request_id
from tests.lives import STORED
from tests.patience import PATIENCE
from tests.scratch import Scratch
from workflows.schedules import schedules
from workflows.schedules.schedules import spec_of
from workflows.schedules.workflow import ScheduledWorkflow
from workflows.worker import sandbox

DIGEST = "schedules/daily-digest"


async def until(question: Callable[[], Awaitable[Any]], seconds: float = PATIENCE) -> Any:
    """Wait until a question has an answer, and return it."""
    async with asyncio.timeout(seconds):
        while not (found := await question()):
            await asyncio.sleep(0.2)
        return found


async def new_series(clients: Clients, unit: str, rule: str = "") -> str:
    """Begin a series of a unit that has none."""
    series = meetings_pb2.MeetingSeries(unit=f"units/{unit}", rule=rule)
    request = meetings_pb2.CreateMeetingSeriesRequest(meeting_series=series, request_id=request_id())
    return str((await clients.meetings.CreateMeetingSeries(request, **clients.as_("unit_head", "62"))).name)


def schedule_name(series: str) -> str:
    """Return the name of the schedule of a series: the id it has in the engine."""
    return f"schedules/{series.replace('/', '-')}"


async def described(client: Client, name: str) -> ScheduleDescription | None:
    """Return a schedule of the engine, None where it has none of this id."""
    try:
        return await client.get_schedule_handle(name).describe()
    except RPCError:
        return None


@pytest.fixture(scope="module")
async def temporal(stack: Stack) -> Client:
    """Return a client of the session's Temporal."""
    return await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")


def test_a_schedule_wakes_by_the_local_calendar_or_every_business_hour_where_time_runs_faster() -> None:
    monthly = schedules_pb2.Schedule(every=schedules_pb2.SCHEDULE_EVERY_MONTH, on=1, hour=9)
    spec = spec_of(monthly, 1.0)
    assert (spec.time_zone_name, spec.calendars[0].hour[0].start) == ("Asia/Shanghai", 9)
    assert spec.calendars[0].day_of_month[0].start == 1
    sunday = schedules_pb2.Schedule(every=schedules_pb2.SCHEDULE_EVERY_WEEK, on=7, hour=9)
    assert spec_of(sunday, 1.0).calendars[0].day_of_week[0].start == 0
    for speed, every in ((60.0, timedelta(minutes=1)), (80_000.0, timedelta(seconds=5))):
        assert spec_of(monthly, speed).intervals[0].every == every


async def test_the_engine_gets_the_schedule_of_a_series_and_loses_it_with_it(
    clients: Clients, temporal: Client
) -> None:
    series = await new_series(clients, "620102002")
    name = schedule_name(series)
    found = await until(lambda: described(temporal, name))
    policy = found.schedule.policy
    assert (policy.overlap, policy.catchup_window) == (ScheduleOverlapPolicy.BUFFER_ONE, timedelta(days=365))
    first = min(found.info.next_action_times).astimezone(LOCAL)
    assert (first.day, first.hour, first.minute) == (1, 9, 0)
    daily = await until(lambda: described(temporal, DIGEST))
    assert {each.astimezone(LOCAL).hour for each in daily.info.next_action_times} == {17}
    end = meetings_pb2.EndMeetingSeriesRequest(name=series, request_id=request_id())
    await clients.meetings.EndMeetingSeries(end, **clients.as_("unit_head", "62"))

    async def is_gone() -> bool:
        return await described(temporal, name) is None

    await until(is_gone)


async def test_rebuilding_makes_the_schedules_that_were_lost_with_the_engine(
    clients: Clients, temporal: Client, stack: Stack
) -> None:
    name = schedule_name(await new_series(clients, "620102003"))
    await until(lambda: described(temporal, name))
    for lost in (name, DIGEST):
        await temporal.get_schedule_handle(lost).delete()
    await asyncio.to_thread(rebuild, stack.folder.root)
    assert await until(lambda: described(temporal, name))
    assert await until(lambda: described(temporal, DIGEST))


async def test_a_schedule_whose_rule_changed_is_made_anew(clients: Clients, temporal: Client) -> None:
    name = schedule_name(await new_series(clients, "620102004"))
    await until(lambda: described(temporal, name))
    listed = await clients.schedules.ListSchedules(
        schedules_pb2.ListSchedulesRequest(page_size=1000), **clients.as_service("worker")
    )
    facts = {each.name: each for each in listed.schedules}
    assert name not in await schedules.sync(temporal, facts, 1.0)
    facts[name].hour = 8
    assert await schedules.sync(temporal, facts, 1.0) == [name]
    found = await until(lambda: described(temporal, name))
    assert {each.astimezone(LOCAL).hour for each in found.info.next_action_times} == {8}


@pytest.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    """Run a stack in which a day passes in about a second."""
    state = tmp_path_factory.mktemp("hasty")
    stack = Stack(state=state, port_base=0, settings=pace_settings(StateFolder.at(state), 80_000.0))
    await asyncio.to_thread(stack.start)
    clients = Clients.of(stack)
    yield clients
    await clients.close()
    await asyncio.to_thread(stack.stop)


async def meetings_of(clients: Clients, series: str) -> list[str]:
    """Return the periods of a series that have a meeting, in the order in which they were prepared."""
    connection = await Scratch.main(clients.stack).connect()
    try:
        query = "SELECT period FROM escalation.meetings WHERE series = $1 ORDER BY prepared_at, number"
        return [row["period"] for row in await connection.fetch(query, series.replace("/", "-"))]
    finally:
        await connection.close()


async def digests(clients: Clients) -> list[str]:
    """Return the days whose digest was done, oldest first."""
    connection = await Scratch.main(clients.stack).connect()
    try:
        return [row["period"] for row in await connection.fetch(
            "SELECT period FROM escalation.schedule_runs WHERE schedule = 'daily-digest' ORDER BY period")]  # fmt: skip
    finally:
        await connection.close()


async def test_killed_in_between_every_period_comes_round_once(hasty: Clients) -> None:
    series, stack = await new_series(hasty, "620102", "weekly"), hasty.stack

    async def weeks(count: int) -> list[str]:
        found = await meetings_of(hasty, series)
        return found if len(found) >= count else []

    await until(lambda: weeks(1))
    for process in ("worker", "temporal"):
        await asyncio.to_thread(stack.await_restart, process, stack.kill(process))
        before = len(await meetings_of(hasty, series))
        await until(lambda before=before: weeks(before + 2))  # type: ignore[misc]
    end = meetings_pb2.EndMeetingSeriesRequest(name=series, request_id=request_id())
    await hasty.meetings.EndMeetingSeries(end, **hasty.as_("unit_head", "62"))
    periods = await meetings_of(hasty, series)
    assert len(periods) == len(set(periods)) >= 5
    ordered = [tuple(map(int, each.split("-W"))) for each in periods]
    for (year, week), (next_year, next_week) in itertools.pairwise(ordered):
        assert (next_year, next_week) == (year, week + 1) or (next_year, next_week) == (year + 1, 1), periods
    done = await digests(hasty)
    assert len(done) == len(set(done)) >= 15

    async def missed() -> list[str]:
        request = schedules_pb2.GetScheduleRequest(name=DIGEST)
        found = await hasty.schedules.GetSchedule(request, **hasty.as_("operator", "cn"))
        return [each for each in found.due_periods if each < done[-1]]

    assert not await missed()


async def test_a_stored_history_of_a_waking_replays() -> None:
    stored = STORED / "scheduled" / "meeting.json"
    history = WorkflowHistory.from_json("schedules/meeting", stored.read_text("utf-8"))
    await Replayer(workflows=[ScheduledWorkflow], workflow_runner=sandbox()).replay_workflow(history)
