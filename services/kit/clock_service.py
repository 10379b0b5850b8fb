"""The clock service of a service: fires what is due, lists what runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pb.clock.v1 import clock_pb2, clock_pb2_grpc

from casework.errors import Reason, field_error
from casework.names import case_name, last, unit_name
from services.kit import clocks, paging
from services.kit.access import current_call
from services.kit.businesstime import BusinessTime
from services.kit.clocks import ClockState, Firing
from services.kit.command import Work
from services.kit.database import Database, text
from services.kit.events import EventLog
from services.kit.feed import FeedPulse
from services.kit.instants import stamp

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
_UNIT = text("SELECT unit FROM clocks WHERE number = :number LIMIT 1")
_LIST = """
    SELECT * FROM clocks WHERE unit LIKE :unit AND (due_at, id) > (CAST(:due AS timestamptz), :id) {filters}
    ORDER BY due_at, id LIMIT :limit
"""


Consequence = Callable[[Work, Firing], Awaitable[None]]
"""What follows when a deadline was missed, in the transaction in which that is told."""


class ClockServicer(clock_pb2_grpc.ClockServiceServicer):
    """Serves the clocks one service owns."""

    def __init__(
        self,
        service: str,
        database: Database,
        time: BusinessTime,
        log: EventLog,
        pulse: FeedPulse,
        consequences: Mapping[str, Consequence],
    ) -> None:
        self._service = service
        self._database = database
        self._time = time
        self._log = log
        self._pulse = pulse
        self._consequences = consequences

    def _check(self, service: str) -> None:
        if service != self._service:
            raise field_error("service", Reason.INVALID_FIELD, f"this is {self._service}")

    async def FireClocks(self, request: clock_pb2.FireClocksRequest, context: Any) -> clock_pb2.FireClocksResponse:
        """Fire every rung of the case that is due and was not fired; answer when to ask again."""
        self._check(request.service)
        call, number, now = current_call(), last(request.case), self._time.now()
        async with self._database.begin() as connection:
            unit = await connection.scalar(_UNIT, {"number": number})
            if unit is None:
                call.scope()
                return clock_pb2.FireClocksResponse()
            call.require(unit)
            # The case before its clocks, in the order in which commands take them.
            await self._log.lock(connection, number)
            firings, events = await clocks.fire(connection, number, now)
            if events:
                await self._log.append(connection, events, at=now, actor=call.caller.subject, trace=call.trace_parent)
            for firing in firings:
                if firing.rung == "overdue" and firing.rule in self._consequences:
                    await self._consequences[firing.rule](Work(connection, now, call, self._log), firing)
            next_at = await clocks.next_at(connection, number)
            overdue = await clocks.overdue(connection, number)
        if events:
            self._pulse.beat()
        return clock_pb2.FireClocksResponse(
            firings=[self._firing(firing) for firing in firings],
            overdue=[self._firing(firing) for firing in overdue],
            next_time=stamp(next_at),
        )

    async def ListClocks(self, request: clock_pb2.ListClocksRequest, context: Any) -> clock_pb2.ListClocksResponse:
        """Answer clocks of the caller's units, earliest deadline first."""
        self._check(request.service)
        now, size = self._time.now(), request.page_size or 50
        scope = current_call().scope(last(request.unit) if request.unit else "")
        mark = paging.read(request.page_token, "clocks", paging.instant, paging.key)
        due, behind = mark or (_BEGINNING, "")
        filters = ""
        if request.running:
            filters += " AND state = 1"
        if request.overdue:
            filters += " AND due_at < coalesce(stopped_at, CAST(:now AS timestamptz))"
        if request.case:
            filters += " AND number = :number"
        parameters = {
            "unit": paging.subtree(scope),
            "due": due,
            "id": behind,
            "limit": size + 1,
            **({"now": now} if request.overdue else {}),
            **({"number": last(request.case)} if request.case else {}),
        }
        async with self._database.begin() as connection:
            rows = (await connection.execute(text(_LIST.format(filters=filters)), parameters)).all()
        reply = clock_pb2.ListClocksResponse(clocks=[self._clock(row, now) for row in rows[:size]])
        if len(rows) > size:
            reply.next_page_token = paging.token("clocks", rows[size - 1].due_at.isoformat(), rows[size - 1].id)
        return reply

    def _name(self, clock: str) -> str:
        return f"clocks/{self._service}/{clock}"

    def _firing(self, firing: clocks.Firing) -> clock_pb2.Firing:
        return clock_pb2.Firing(
            clock=self._name(firing.clock),
            rung=firing.rung,
            rule=firing.rule,
            subject=firing.subject,
            unit=unit_name(firing.unit),
            due_time=stamp(firing.due_at),
            fire_time=stamp(firing.fired_at),
        )

    def _clock(self, row: Any, now: Any) -> clock_pb2.Clock:
        return clock_pb2.Clock(
            name=self._name(row.id),
            case=case_name(row.number),
            subject=row.subject,
            rule=row.rule,
            unit=unit_name(row.unit),
            state=row.state,
            start_time=stamp(row.started_at),
            remind_time=stamp(row.remind_at),
            due_time=stamp(row.due_at),
            stop_time=stamp(row.stopped_at),
            overdue=row.state != ClockState.CANCELLED and row.due_at < (row.stopped_at or now),
        )
