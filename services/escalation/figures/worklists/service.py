"""Serves worklists: live, over the clocks of all services."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property

from pb.escalation.v1 import worklists_pb2 as pb
from pb.escalation.v1 import worklists_pb2_grpc

from casework import names
from casework.clocks.calendar import LOCAL
from casework.clocks.rule import Whom
from casework.supervision.figures.reporting_period import local_day
from services.escalation import scope
from services.escalation.figures.worklists import store
from services.escalation.figures.worklists.store import Filter, Scope, Step
from services.escalation.servicer import Servicer
from services.kit.clocks.clocks import ClockState
from services.kit.clocks.view import clock_name
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging

_BEGINNING = (datetime(1, 1, 2, tzinfo=UTC), "")


class WorklistServicer(Servicer, worklists_pb2_grpc.WorklistServiceServicer):
    """Serves worklists."""

    async def GetWorklist(self, request: pb.GetWorklistRequest, context: Context) -> pb.Worklist:
        """Return a page of what is to be done, and the counts of the whole list."""
        unit, now, size = scope.asked(request.unit), self.time.now(), request.page_size or 50
        whose, keeps = Scope(request.scope or Scope.SUBTREE), Filter(request.filter)
        behind = paging.read(request.page_token, "work", paging.instant, paging.key) or _BEGINNING
        units = scope.only(unit) if whose is Scope.UNIT else scope.subtree(unit)
        start, end = local_day(now.astimezone(LOCAL).date())
        times, official = {"now": now, "start": start, "end": end}, current_call().caller.subject
        # One snapshot: the counts are those of the list beside them.
        async with self.database.begin(snapshot=True) as connection:
            counts = await store.counts(connection, whose, units, times, official)
            rows = await store.page(connection, whose, keeps, units, times, official, behind, size + 1)
        answer = pb.Worklist(
            items=[self._item(row, now) for row in rows[:size]],
            total=counts.total,
            new=counts.new,
            due_today=counts.due_today,
            overdue=counts.overdue,
            waiting=counts.waiting,
        )
        answer.next_page_token = paging.following(
            rows, size, "work", lambda end: (end.clock.due_at or store.NEVER, f"{end.clock.service}/{end.clock.clock}")
        )
        return answer

    def _item(self, step: Step, now: datetime) -> pb.WorkItem:
        row = step.clock
        right = row.rule in self._rights
        return pb.WorkItem(
            clock=clock_name(row.service, row.clock),
            case=names.file_name(row.number),
            subject=row.subject,
            step=row.rule,
            title=self._title(row.rule),
            unit=names.unit_name(row.unit),
            matter_unit=names.unit_name(step.unit or ""),
            waiting_for=pb.WAITING_FOR_RIGHT_HOLDER if right else pb.WAITING_FOR_UNIT,
            category=f"categories/{step.category}" if step.category else "",
            start_time=stamp(row.started_at),
            due_time=stamp(row.due_at),
            overdue=row.due_at is not None and row.due_at < now,
            paused=row.state is ClockState.PAUSED,
            taken_by=row.taken_by,
            **numbers(grade=step.grade or 0),
        )

    @cached_property
    def _rights(self) -> frozenset[str]:
        """The rules whose time limit is a person's right, not a unit's duty."""
        return frozenset(rule.name for rule in self.rules.clocks if rule.for_whom is Whom.right)

    def _title(self, name: str) -> str:
        """Return the title of a step in the caller's language; its name if the rule no longer exists."""
        if name not in self.rules.clocks.names():
            return name
        rule = self.rules.clocks.get(name)
        return rule.en if current_call().language == "en" else rule.zh
