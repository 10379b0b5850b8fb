"""Serves worklists: live, over the clocks of all services."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property

from pb.access.v1 import calendar_pb2
from pb.escalation.v1 import worklists_pb2 as pb
from pb.escalation.v1 import worklists_pb2_grpc
from pb.intake.v1 import workload_pb2

from casework import names
from casework.clocks.calendar import LOCAL
from casework.clocks.rule import Whom
from casework.door import search
from casework.supervision.figures.reporting_period import local_day
from services.escalation import scope
from services.escalation.figures.models import WorkClock
from services.escalation.figures.worklists import store
from services.escalation.figures.worklists.store import Asked, Filter, Load, Scope, Step, Words
from services.escalation.servicer import Servicer
from services.kit.clocks.clocks import ClockState
from services.kit.clocks.models import LIVE
from services.kit.clocks.view import clock_name
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import NO_PARTS, Context, Part, current_call
from services.kit.serving.codes import CALENDAR
from services.kit.storage import paging, standings

_ASSIGN = "steps.assign"
"""Who holds this for the own unit gives steps to its people, and sees what each has."""
_BEGINNING = (datetime(1, 1, 2, tzinfo=UTC), "")
_SHOWN, _MOST = timedelta(days=14), 500
"""How long a calendar shows a deadline after its step is done, and how many of both it shows."""


class WorklistServicer(Servicer, worklists_pb2_grpc.WorklistServiceServicer):
    """Serves worklists."""

    async def GetWorklist(self, request: pb.GetWorklistRequest, context: Context) -> pb.Worklist:
        """Return a page of what is to be done, and the counts of the whole list."""
        unit, now, size = scope.asked(request.unit), self.time.now(), request.page_size or 50
        whose, keeps = Scope(request.scope or Scope.SUBTREE), Filter(request.filter)
        behind = paging.read(request.page_token, "work", paging.instant, paging.key) or _BEGINNING
        units = scope.only(unit) if whose is Scope.UNIT else scope.subtree(unit)
        start, end = local_day(now.astimezone(LOCAL).date())
        times, call = {"now": now, "start": start, "end": end}, current_call()
        asked = Asked(units, times, call.caller.subject, sorted(call.kept_from), [])
        words = self._words(request) if request.query else None
        # One snapshot: the counts are those of the list beside them.
        async with self.database.begin(snapshot=True) as connection:
            await connection.plan_anew()
            if whose is Scope.MINE:
                asked = asked._replace(held=await store.held(connection, asked.official, units))
            counts = await store.counts(connection, whose, asked, words)
            rows = await store.page(connection, whose, keeps, asked, words, behind, size + 1)
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

    async def GetWorkloads(self, request: pb.GetWorkloadsRequest, context: Context) -> pb.GetWorkloadsResponse:
        """Return what units have before them, of those whose work the caller may see."""
        call, now = current_call(), self.time.now()
        asked = list(dict.fromkeys(map(names.last, request.units)))
        call.require_any(asked)
        units = [unit for unit in asked if call.access.allows(call.caller, call.permission, unit)]
        own = call.caller.unit
        gives = own in units and call.access.allows(call.caller, _ASSIGN, own)
        async with self.database.begin(snapshot=True) as connection:
            steps = await store.steps(connection, units, now)
            matters = await store.matters(connection, units)
            taken = await store.taken(connection, own, now) if gives else {}
            standing = await standings.one(connection, names.number_of(request.case)) if request.case else None
        known = standing is not None and call.access.allows(call.caller, call.permission, standing.unit)
        excluded = frozenset(standing.excluded) if standing is not None and known else frozenset[str]()
        reply = pb.GetWorkloadsResponse()
        for unit in units:
            load = steps.get(unit, Load(unit, 0, 0))
            reply.workloads.add(
                unit=names.unit_name(unit), open_matters=matters.get(unit, 0), open_steps=load.steps,
                overdue_steps=load.overdue, as_of_time=stamp(now),
                handlers=self._handlers(own, taken, excluded, now) if gives and unit == own else (),
            )  # fmt: skip
        return reply

    def _handlers(
        self, unit: str, taken: Mapping[str, Load], excluded: frozenset[str], now: datetime
    ) -> list[workload_pb2.HandlerWorkload]:
        """Return the people of a unit, by name, with what each took on."""
        officials = {each.account: each for each in self.rules.officials.of(unit, now)}
        found = []
        for account in sorted({*officials, *taken}):
            official, load = officials.get(account), taken.get(account, Load(account, 0, 0))
            found.append(
                workload_pb2.HandlerWorkload(
                    account=account, display_name=official.display_name if official else "",
                    post=official.post if official else "", open_steps=load.steps, overdue_steps=load.overdue,
                    excluded=account in excluded,
                )
            )  # fmt: skip
        return sorted(found, key=lambda each: (each.display_name or each.account, each.account))

    def _words(self, request: pb.GetWorklistRequest) -> Words:
        """Return what the words of a search may name; a field error where they are none."""
        words = search.meant(request.query, self.rules.units, self.rules.categories)
        rules = [
            [rule.name for rule in self.rules.clocks if word.text in rule.zh or word.text in rule.en.casefold()]
            for word in words
        ]
        return Words(
            tuple(f"%{word.number}%" if word.number else "" for word in words),
            tuple(sorted(word.units) for word in words),
            tuple(sorted(word.departments) for word in words),
            tuple(sorted(word.categories) for word in words),
            tuple(rules),
            [names.number_of(case) for case in request.cases],
        )

    async def GetDeadlines(self, request: pb.GetDeadlinesRequest, context: Context) -> pb.GetDeadlinesResponse:
        """Return the deadlines of the account whose calendar is read."""
        call = current_call()
        # Only a service gives a token with this role, to whoever has the address of the calendar.
        call.require(call.caller.unit, frozenset({Part.holder}) if CALENDAR in call.caller.roles else NO_PARTS)
        units, since = scope.subtree(call.caller.unit), self.time.now() - _SHOWN
        async with self.database.read() as connection:
            found = await store.deadlines(connection, units, call.caller.subject, since, _MOST)
        return pb.GetDeadlinesResponse(entries=[self._deadline(row) for row in found])

    def _deadline(self, row: WorkClock) -> calendar_pb2.CalendarEntry:
        return calendar_pb2.CalendarEntry(
            uid=f"{row.service}.{row.clock}",
            title=self._title(row.rule),
            case=names.file_name(row.number),
            start_time=stamp(row.due_at),
            cancelled=row.state not in LIVE,
            revision=row.revision,
            update_time=stamp(row.stopped_at or row.started_at),
        )

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
