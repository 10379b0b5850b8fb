"""Temporal's schedules, synchronised with the facts: one for each series of meetings, one for the digest of the day.

A schedule only triggers. The service knows what is due and what was done: so a trigger that comes twice, late, or for
many missed ones at once handles every period once. A new schedule (the first, one after Temporal's database was lost or
its rule changed) triggers at once for missed periods.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog
from pb.escalation.v1 import schedules_pb2 as pb
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
)
from temporalio.service import RPCError, RPCStatusCode

from services.kit.serving.businesstime import BusinessTime
from services.kit.serving.loops import Loop
from workflows.backends import Backends
from workflows.messages import SCHEDULED_WORKFLOW, TASK_QUEUE

log = structlog.get_logger()

PREFIX = "schedules/"
ZONE = "Asia/Shanghai"
_LIKENESS = "likeness"
"""The memo key for what a schedule was made from, so that a changed rule is detected."""
_EVERY = 3.0
_ENGINE_EVERY = 100
_PAGE = 1000
_HOUR = timedelta(hours=1)
_SHORTEST = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Kind:
    """How Temporal treats the schedules of one call."""

    overlap: ScheduleOverlapPolicy
    catch_up: timedelta


# A trigger during a running one is buffered, at most one: it handles everything due anyway.
KINDS = {
    pb.SCHEDULE_CALL_MEETING: Kind(ScheduleOverlapPolicy.BUFFER_ONE, timedelta(days=365)),
    pb.SCHEDULE_CALL_DIGEST: Kind(ScheduleOverlapPolicy.BUFFER_ONE, timedelta(days=60)),
}


def spec_of(each: pb.Schedule, speed: float) -> ScheduleSpec:
    """Return when a schedule triggers: by the local calendar, or if business time runs faster, every business hour.

    Temporal's calendar uses wall clock time and cannot fit a month into an hour. Triggering without anything due is
    harmless, and cheap enough in a demonstration.
    """
    if speed != 1.0:
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=max(_HOUR / speed, _SHORTEST))])
    hour = [ScheduleRange(each.hour)]
    if each.every == pb.SCHEDULE_EVERY_MONTH:
        days = ScheduleCalendarSpec(hour=hour, day_of_month=[ScheduleRange(each.on)])
    elif each.every == pb.SCHEDULE_EVERY_WEEK:
        days = ScheduleCalendarSpec(hour=hour, day_of_week=[ScheduleRange(each.on % 7)])
    else:
        # The service knows the working days; on other days nothing is due.
        days = ScheduleCalendarSpec(hour=hour)
    return ScheduleSpec(calendars=[days], time_zone_name=ZONE)


def schedule_of(each: pb.Schedule, speed: float) -> Schedule:
    """Return a Temporal schedule."""
    kind = KINDS[each.call]
    return Schedule(
        action=ScheduleActionStartWorkflow(SCHEDULED_WORKFLOW, each.name, id=each.name, task_queue=TASK_QUEUE),
        spec=spec_of(each, speed),
        policy=SchedulePolicy(overlap=kind.overlap, catchup_window=kind.catch_up),
    )


def likeness(each: pb.Schedule, speed: float) -> str:
    """Return what a schedule is made from, as text: a different text means a different schedule."""
    return f"1 {each.call} {each.every} {each.on} {each.hour} {speed:g}"


async def wanted(backends: Backends) -> dict[str, pb.Schedule]:
    """Return the schedules by name that the facts require."""
    found: dict[str, pb.Schedule] = {}
    token = ""
    while True:
        page = await backends.schedules.ListSchedules(pb.ListSchedulesRequest(page_size=_PAGE, page_token=token))
        found |= {each.name: each for each in page.schedules}
        token = page.next_page_token
        if not token:
            return found


async def there(client: Client) -> dict[str, str]:
    """Return Temporal's schedules and what each was made from."""
    found: dict[str, str] = {}
    async for each in await client.list_schedules():
        if each.id.startswith(PREFIX):
            found[each.id] = str((await each.memo()).get(_LIKENESS, ""))
    return found


async def sync(client: Client, facts: Mapping[str, pb.Schedule], speed: float) -> list[str]:
    """Synchronise Temporal's schedules with the facts; return the ids that were made, changed or deleted.

    Several processes may do it at once: a schedule that another just made or deleted is already correct.
    """
    engine = await there(client)
    stale = [name for name, made in engine.items() if name not in facts or made != likeness(facts[name], speed)]
    for name in stale:
        await _delete(client, name)
    made = [name for name in facts if name not in engine or name in stale]
    for name in made:
        await _create(client, facts[name], speed)
    return sorted({*stale, *made})


async def _create(client: Client, each: pb.Schedule, speed: float) -> None:
    try:
        await client.create_schedule(
            each.name, schedule_of(each, speed), trigger_immediately=True, memo={_LIKENESS: likeness(each, speed)}
        )
    except ScheduleAlreadyRunningError:
        log.info("a schedule was there", schedule=each.name)


async def _delete(client: Client, name: str) -> None:
    try:
        await client.get_schedule_handle(name).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def keep(loop: Loop, client: Client, backends: Backends, time: BusinessTime) -> None:
    """Keep Temporal's schedules synchronised with the facts, for ever.

    The facts are checked often, Temporal when they changed, and occasionally in case somebody tampered with it.
    """
    last: dict[str, str] = {}
    for count in itertools.count():
        loop.begin()
        facts = await wanted(backends)
        now = {name: likeness(each, time.speed) for name, each in facts.items()}
        if now != last or count % _ENGINE_EVERY == 0:
            changed = await sync(client, facts, time.speed)
            last = now
            log.info("schedules synchronised with the facts", changed=len(changed))
        loop.turned()
        await asyncio.sleep(_EVERY)
