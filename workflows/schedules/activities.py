"""The work of a schedule: each due period, once, in order, in the service that keeps it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

import grpc
import structlog
from google.type import date_pb2
from pb.escalation.v1 import digests_pb2, meetings_pb2, schedules_pb2
from temporalio import activity

from workflows.backends import Backends
from workflows.engine.failures import failure
from workflows.messages import RUN_SCHEDULE

log = structlog.get_logger()

_SIGNS_EVERY = 3.0

Call = Callable[[Backends, schedules_pb2.Schedule, str], Awaitable[None]]


async def prepare_meeting(backends: Backends, schedule: schedules_pb2.Schedule, period: str) -> None:
    """Prepare the meeting of a period; a repeat returns the existing meeting."""
    await backends.meetings.PrepareMeeting(
        meetings_pb2.PrepareMeetingRequest(
            parent=schedule.subject, period=period, request_id=f"{schedule.name}/{period}"
        )
    )


async def compile_digests(backends: Backends, schedule: schedules_pb2.Schedule, period: str) -> None:
    """Compile the digests of all units for a day, and record that: the first digests of a day are final."""
    day = date.fromisoformat(period)
    await backends.digests.CompileDigests(
        digests_pb2.CompileDigestsRequest(
            date=date_pb2.Date(year=day.year, month=day.month, day=day.day),
            request_id=f"{schedule.name}/{period}/digests",
        ),
        timeout=60,
    )
    await backends.schedules.RecordRun(
        schedules_pb2.RecordRunRequest(name=schedule.name, period=period, request_id=f"{schedule.name}/{period}")
    )


CALLS: dict[int, Call] = {
    schedules_pb2.SCHEDULE_CALL_MEETING: prepare_meeting,
    schedules_pb2.SCHEDULE_CALL_DIGEST: compile_digests,
}


class Rhythms:
    """The activity of a scheduled workflow."""

    def __init__(self, backends: Backends) -> None:
        self._backends = backends

    @activity.defn(name=RUN_SCHEDULE)
    async def run_schedule(self, name: str) -> int:
        """Handle every due period of a schedule; return how many there were."""
        living = asyncio.create_task(_live())
        try:
            schedule = await self._backends.schedules.GetSchedule(schedules_pb2.GetScheduleRequest(name=name))
            for period in schedule.due_periods:
                await CALLS[schedule.call](self._backends, schedule, period)
                log.info("came round", schedule=name, period=period)
        except grpc.aio.AioRpcError as error:
            # Its series ended meanwhile, or never belonged to this database.
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION):
                log.warning("nothing comes round", schedule=name, code=error.code().name)
                return 0
            raise failure(error) from None
        finally:
            living.cancel()
        return len(schedule.due_periods)


async def _live() -> None:
    """Send heartbeats for ever: without them Temporal gives the work to another worker."""
    while True:
        activity.heartbeat()
        await asyncio.sleep(_SIGNS_EVERY)
