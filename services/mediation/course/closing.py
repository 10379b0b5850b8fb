"""RPCs of a closing: views, conditions, follow-up visits, reopening."""

from __future__ import annotations

from typing import Any

from pb.mediation.v1 import agreement_pb2, case_pb2, follow_up_pb2_grpc
from pb.mediation.v1 import follow_up_pb2 as pb

from casework import names
from casework.case import Stage
from casework.errors import CaseError, FieldFault, Reason
from casework.mediation.closing import ReopenReason, Satisfaction, View, gates, may_reopen
from casework.mediation.contradiction import Act, Fact, must_hold
from casework.mediation.fulfilment import InstalmentState, Performance, may_visit
from casework.mediation.plan import REOPENED
from casework.mediation.plan_change import PlanCause
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.serving.access import Context
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import keys, standing
from services.mediation import store as cases
from services.mediation import view as case_view
from services.mediation.agreement import drafting
from services.mediation.closing import store, view
from services.mediation.course import follow_up
from services.mediation.fulfilment import store as fulfilment
from services.mediation.models.cases import Case
from services.mediation.opening import CLOSE, GRADE_NAMES
from services.mediation.plans import adding, keeping
from services.mediation.servicer import Servicer


class FollowUpServicer(Servicer, follow_up_pb2_grpc.FollowUpServiceServicer):
    """Serves closings, visits and reopenings."""

    @command(pb.Closing)
    async def RecordView(self, request: pb.RecordViewRequest, work: Work) -> pb.Closing:
        """Record a party's view of the closing; its text is sealed."""
        case = await self.locked(request.name, work)
        (party,) = await self._parties(work.connection, case, [request.party], "party")
        said, sealed = View(request.view), await self._sealed(work.connection, case, request.note)
        await store.record_view(work.connection, case.number, party, said, sealed, work.now, work.actor)
        payload = {"party": party, "view": said.name}
        await work.append(NewEvent(case.number, "ClosingViewRecorded", case.unit, payload))
        return await self._closing(work.connection, case)

    async def GetClosing(self, request: pb.GetClosingRequest, context: Context) -> pb.Closing:
        """Return the conditions that a closing still lacks, and its number if it has one."""
        async with self.database.begin() as connection:
            return await self._closing(connection, await self.seen(connection, request.name))

    @command(pb.Visit)
    async def RecordVisit(self, request: pb.RecordVisitRequest, work: Work) -> pb.Visit:
        """Record a follow-up visit: performed, satisfied, happened again; three separate answers."""
        case = await self.locked(request.name, work, closed=True)
        days = names.ids_of(request.name)[0]
        row = await store.visit(work.connection, case.number, days, request.name)
        if row.visited_at is not None:
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        must_hold(Act.VISIT, {Fact.NOT_BEFORE_ITS_DAY: may_visit(row.due_on, dates.today(work.now))})
        told = [answer.party for answer in request.satisfaction]
        parties = await self._parties(work.connection, case, told, "satisfaction")
        said = [Satisfaction(answer.satisfaction) for answer in request.satisfaction]
        await store.visited(
            work.connection, row,
            list(zip(parties, said, strict=True)),
            visited_at=work.now, visited_by=work.actor, performance=Performance(request.performance),
            recurred=request.recurred,
            sealed=await self._sealed(work.connection, case, request.note),
        )  # fmt: skip
        await work.stop(case.number, follow_up.key(days))
        payload = {"days": days, "performance": agreement_pb2.Performance.Name(request.performance)}
        payload["recurred"] = request.recurred
        await work.append(NewEvent(case.number, "VisitRecorded", case.unit, payload))
        return next(each for each in await self._visits(work.connection, case.number) if each.name == request.name)

    async def ListVisits(self, request: pb.ListVisitsRequest, context: Context) -> pb.ListVisitsResponse:
        """Return the visits of a case, including planned ones."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.parent)
            return pb.ListVisitsResponse(visits=await self._visits(connection, case.number))

    @command(case_pb2.Case)
    async def ReopenCase(self, request: pb.ReopenCaseRequest, work: Work) -> case_pb2.Case:
        """Reopen a closed case: its unit gets a task, and there is a new deadline for its grade."""
        case = await self.locked(request.name, work, closed=True)
        check_etag(case.version, request.etag)
        reason = ReopenReason(request.reason)
        may_reopen(case.stage, reason, case.closed_at, work.now)
        if reason is ReopenReason.NOT_PERFORMED:
            parts = await fulfilment.of_case(work.connection, case.number)
            states = [fulfilment.facts(part).state(work.now) for part in parts]
            left = any(state is not InstalmentState.PERFORMED for state in states)
            must_hold(Act.REOPEN_NOT_PERFORMED, {Fact.SOMETHING_IS_NOT_PERFORMED: left})
        nth = await store.reopen(
            work.connection, case.number, reason=reason, evidence=request.evidence, reopened_at=work.now,
            reopened_by=work.actor,
        )  # fmt: skip
        rule = f"close_{GRADE_NAMES[case.grade]}"
        clock = await work.start_clock(
            case.number, f"{CLOSE}-{nth + 1}", rule, subject=names.case_name(case.number), unit=case.unit, at=work.now,
        )  # fmt: skip
        await cases.change(
            work.connection, case.number, work.now, stage=Stage.HANDLING, outcome=None, requested_by="",
            closed_at=None, **clock.shown(),
        )  # fmt: skip
        task = await adding.add(work, case, self.rules.plans.added[REOPENED], case.unit)
        await keeping.keep(work, case.number, PlanCause.REOPENED)
        changed = await cases.get(work.connection, case.number)
        payload: dict[str, Any] = {"stage": Stage.HANDLING.name, "reason": reason.name, "evidence": request.evidence}
        payload |= {"task": task.task, "unit": task.unit, "due_at": task.due_at}
        await work.append(NewEvent(case.number, "CaseReopened", case.unit, payload, wakes=True))
        return case_view.case(changed, work.now)

    async def _closing(self, connection: Connection, case: Case) -> pb.Closing:
        facts = await store.facts(connection, case.number, self.time.now())
        shut: Any = gates(facts, None) if facts else []
        last = await store.last_closing(connection, case.number)
        return view.closing(case.number, last, await store.views(connection, case.number), shut)

    async def _visits(self, connection: Connection, number: str) -> list[pb.Visit]:
        rows, said = await store.visits(connection, number)
        return view.visits(number, rows, said)

    async def _parties(self, connection: Connection, case: Case, told: list[str], field: str) -> list[int]:
        """Return the numbers of parties of this case, once each; INVALID_FIELD if a name is not one of them."""
        people = await standing.standing(connection, case.number)
        known = {party for party, _, _ in people.parties}
        found = [drafting.party_of(name, case.number) for name in told]
        if not set(found) <= known or len(set(found)) < len(found):
            fault = FieldFault(field, "不是本案的当事人，或者重复。", "names nobody of the case, or somebody twice")
            raise CaseError(Reason.INVALID_FIELD, field, (fault,))
        return found

    async def _sealed(self, connection: Connection, case: Case, note: str) -> bytes | None:
        if not note:
            return None
        return (await keys.writing(connection, self.sealer, case)).seal(note.encode())
