"""Content of an open case taken over from intake: what the reporter adds or withdraws, what the desk corrects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2, content_pb2_grpc
from pb.mediation.v1 import content_pb2 as pb

from casework import names
from casework.case import DONE, Stage
from casework.errors import Reason, field_error
from casework.mediation.plan import WITHDRAWN
from casework.mediation.plan_change import PlanCause
from services.kit.clocks import clocks, ledger
from services.kit.clocks.clockwork import NewClock
from services.kit.clocks.models import LIVE
from services.kit.command import Work, command
from services.kit.composition import Parts
from services.kit.instants import instant
from services.kit.storage.events import NewEvent
from services.mediation import keys, record, store, view
from services.mediation.consents import store as consents
from services.mediation.course import mediating
from services.mediation.models.cases import Case, Task
from services.mediation.opening import CLOSE, GRADE_NAMES, PROMISED
from services.mediation.people.adding import Adding
from services.mediation.plans import adding, keeping
from services.mediation.servicer import Servicer


@dataclass(slots=True)
class _Corrected:
    """The desk's corrections: columns of the case, and the payload of its event."""

    columns: dict[str, Any] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)


class CaseContentServicer(Servicer, content_pb2_grpc.CaseContentServiceServicer):
    """Serves the content of reports, as their cases have it."""

    body_key_name = "requests of contents"

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._adding = Adding(parts.sealer)

    @command(case_pb2.Case)
    async def RefreshCaseContent(self, request: pb.RefreshCaseContentRequest, work: Work) -> case_pb2.Case:
        """Take over the content; after a withdrawal the unit gets one task, and the reporter leaves the mediation."""
        case = await record.locked(work, request.name)
        sealer = await keys.writing(work.connection, self.sealer, case)
        before = keys.content_of(self.sealer, case)
        sealed = sealer.seal(request.content.SerializeToString())
        desk = await self._follow(request, case, work)
        changed = await store.change(work.connection, case.number, work.now, sealed=sealed, **desk.columns)
        task = await self._ask(work, changed) if request.withdrawn else None
        if task is not None:
            changed = await store.get(work.connection, case.number)
        payload = {"task": task.task, "unit": task.unit, "due_at": task.due_at} if task else {}
        event = {**payload, **desk.told, "stage": changed.stage.name}
        await work.append(NewEvent(case.number, "CaseContentUpdated", case.unit, event))
        if "category" in desk.columns:
            await mediating.follow_category(work, changed)
        await self._adding.correct(work, changed, before, request.content)
        if request.withdrawn:
            await self._leave(work, changed, request.content)
        return view.case(changed, work.now)

    async def _leave(self, work: Work, case: Case, content: report_pb2.ReportContent) -> None:
        """Let a reporter who is a party leave a mediation under way: whoever withdraws is not kept in it."""
        if await consents.find(work.connection, case.number) is None:
            return
        for party, _ in await self._adding.reporters(work, case, content):
            await mediating.leave(work, case, party)
        await mediating.restate(work, case, self.sealer)

    async def _follow(self, request: pb.RefreshCaseContentRequest, case: Case, work: Work) -> _Corrected:
        """Return what the desk corrected; if the grade changed, start the limit for closing of the new one."""
        found = _Corrected()
        category = request.category.removeprefix("categories/") or case.category
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        if category != case.category:
            found.columns["category"] = found.told["category"] = category
        if request.HasField("receive_time") and instant(request.receive_time) != case.received_at:
            found.columns["received_at"] = instant(request.receive_time)
        if request.grade and request.grade != case.grade:
            found.columns["grade"] = request.grade
            found.told["grade"] = report_pb2.Grade.Name(request.grade)
            if (clock := await self._close_anew(case, GRADE_NAMES[request.grade], work)) is not None:
                found.columns |= clock.shown()
                found.told["close_due_at"] = clock.due_at
        return found

    async def _close_anew(self, case: Case, grade: str, work: Work) -> NewClock | None:
        """Start this grade's limit for closing; None if a promised, paused or extended one stays."""
        if case.stage not in (Stage.HANDLING, Stage.HANDLED) or not case.due_clock:
            return None
        running, rule = await ledger.get(work.connection, case.due_clock, lock=True), self.clockwork.rules.close(grade)
        if running.state not in LIVE or running.rule in (PROMISED, rule.name) or running.entries > 1:
            return None
        nth = await clocks.how_many(work.connection, case.number, f"{CLOSE}%")
        clock = self.clockwork.instead(
            case.number, f"{CLOSE}-grade-{nth + 1}", rule.name, subject=names.case_name(case.number), unit=case.unit,
            at=running.started_at, now=work.now, promised=running.due_at,
        )  # fmt: skip
        await work.stop(case.number, f"{CLOSE}%", met=False)
        await work.start(clock)
        return clock

    async def _ask(self, work: Work, case: Case) -> Task | None:
        """Give the unit the task to speak with a reporter who withdrew; None if it has one or the case is closing."""
        tasks = await store.tasks_of(work.connection, case.number)
        asked = any(each.key == WITHDRAWN and each.state not in DONE for each in tasks)
        if asked or case.stage not in (Stage.HANDLING, Stage.HANDLED):
            return None
        task = await adding.add(work, case, self.rules.plans.added[WITHDRAWN], case.unit)
        await keeping.keep(work, case.number, PlanCause.REPORTER_WITHDREW)
        return task
