"""Escalation's RPCs. Each reads the request, checks permission, decides, writes once, responds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pb.escalation.v1 import escalation_pb2 as pb
from pb.escalation.v1 import escalation_pb2_grpc

from casework import names
from casework.supervision.raising import escalation as rules_of
from casework.supervision.raising.escalation import EscalationState
from services.escalation import erasing, files
from services.escalation import store as shared
from services.escalation.holders import store as holders
from services.escalation.models import Escalation
from services.escalation.raising.levels import breaches, occasions, raising, store, timing, view
from services.escalation.servicer import Servicer
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.composition import Parts
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class EscalationServicer(Servicer, escalation_pb2_grpc.EscalationServiceServicer):
    """Serves escalations."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._listed = parts.erasures

    @command(pb.Escalation)
    async def CreateEscalation(self, request: pb.CreateEscalationRequest, work: Work) -> pb.Escalation:
        """Escalate a case one step: to the next office of the unit, or to the unit one level above."""
        asked, number, units = request.escalation, names.number_of(request.parent), self.rules.units
        unit = raising.check(number, asked, self.rules)
        work.call.require(unit)
        file = await store.lock(work.connection, number)
        climbs = await raising.below(work, number, asked, unit)
        matter = await raising.matter_of(work, number, asked, climbs)
        ladder = await raising.ladder_of(work, self.rules.ladders, climbs, matter, unit)
        place = raising.place_of(asked, ladder, climbs, unit, units)
        if there := await raising.standing(work, number, asked, climbs, place, ladder, units):
            there = await raising.add_reason(work, there, asked, climbs)
            await breaches.keep(work, there, asked.breach)
            return await self._shown(work.connection, there)
        if place is None:
            return view.escalation(await raising.stand_at_top(work, climbs))
        sealed = (await self.seal(work, file)).seal(asked.explanation.encode()) if asked.explanation else None
        row = await raising.raise_to(
            work, number, asked, place, ladder=ladder, climbs=climbs, matter=matter, units=units, sealed=sealed
        )
        await breaches.keep(work, row, asked.breach)
        await occasions.overdue(work, row)
        return view.escalation(row)

    async def GetEscalation(self, request: pb.GetEscalationRequest, context: Context) -> pb.Escalation:
        """Return an escalation to the units on its way, or to those that were notified."""
        async with self.database.read() as connection:
            row = await store.get(connection, names.number_of(request.name), int(names.last(request.name)))
            current_call().require_any((row.to_unit, row.from_unit, row.origin, *row.told))
            return await self._shown(connection, row)

    async def ListEscalations(self, request: pb.ListEscalationsRequest, context: Context) -> pb.ListEscalationsResponse:
        """Return escalations to or from the caller's units, newest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        number = "" if request.parent == "cases/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "escalations", paging.instant, paging.key, paging.number)
        async with self.database.read() as connection:
            rows = await store.listed(connection, paging.subtree(scope), number, request.open, behind, size + 1)
            reasons = await store.reasons(connection, rows)
        shown = [view.escalation(row, reasons.get((row.number, row.escalation), ())) for row in rows[:size]]
        reply = pb.ListEscalationsResponse(escalations=shown)
        reply.next_page_token = paging.following(
            rows, size, "escalations", lambda end: (end.created_at, end.number, end.escalation)
        )
        return reply

    @command(pb.Escalation)
    async def AcknowledgeEscalation(self, request: pb.AcknowledgeEscalationRequest, work: Work) -> pb.Escalation:
        """Record that the unit above has seen it; the caller holds it for the unit from now on."""
        row = await self._locked_row(request, work)
        state = rules_of.move(row.state, EscalationState.ACKNOWLEDGED)
        changed = await store.change(work.connection, row.number, row.escalation, state=state, acknowledged_at=work.now)
        await timing.stop(work, row, timing.ACKNOWLEDGE)
        await holders.assign(
            work.connection, row.number, view.name_of(row), raising.ROLE, unit=row.to_unit, official=work.actor,
            at=work.now,
        )  # fmt: skip
        await self._told(work, changed, "EscalationAcknowledged")
        return view.escalation(changed)

    @command(pb.Escalation)
    async def ResolveEscalation(self, request: pb.ResolveEscalationRequest, work: Work) -> pb.Escalation:
        """Resolve it, together with the escalations it continued."""
        row = await self._locked_row(request, work)
        state = rules_of.move(row.state, EscalationState.RESOLVED)
        changed = await store.change(work.connection, row.number, row.escalation, state=state, resolved_at=work.now)
        await timing.stop(work, row)
        await raising.release(work, row)
        also = await store.resolve_below(work.connection, changed, work.now)
        for each in also:
            await timing.stop(work, each)
        await self._told(work, changed, "EscalationResolved", also=[each.escalation for each in also])
        return view.escalation(changed)

    @command(pb.Escalation)
    async def ReturnEscalation(self, request: pb.ReturnEscalationRequest, work: Work) -> pb.Escalation:
        """Return the case to a unit below with instructions, and monitor the result."""
        row = await self._locked_row(request, work)
        state = rules_of.move(row.state, EscalationState.RETURNED)
        unit = rules_of.return_unit(
            names.last(request.unit), row.from_unit, row.origin, row.to_unit, self.rules.units
        )  # fmt: skip
        sealer = await self.seal(work, await files.get(work.connection, row.number))
        changed = await store.change(
            work.connection, row.number, row.escalation, state=state, returned_at=work.now, return_unit=unit,
            return_reason=request.reason, returns=row.returns + 1,
            ladder=await raising.pinned(work, self.rules.ladders, row),
            sealed_expectation=sealer.seal(request.expectation.encode()),
        )  # fmt: skip
        await timing.stop(work, row)
        await timing.watch(work, changed)
        await self._told(
            work, changed, "EscalationReturned", wakes=True, to=unit, reason=request.reason,
            mode=row.mode.name,
        )  # fmt: skip
        return view.escalation(changed)

    async def ReadEscalationText(self, request: pb.ReadEscalationTextRequest, context: Context) -> pb.EscalationText:
        """Return the texts of an escalation to the units on its way; this is logged."""
        call, number, escalation = (
            current_call(),
            names.number_of(request.name),
            names.index_of(request.name, "escalations"),
        )
        async with self.database.begin() as connection:
            row = await store.get(connection, number, escalation)
            call.require_any((row.to_unit, row.from_unit, row.origin))
            answer = pb.EscalationText()
            if row.sealed_explanation or row.sealed_expectation:
                opener = await self.opener(connection, number)
                if row.sealed_explanation:
                    answer.explanation = opener.open(row.sealed_explanation).decode()
                if row.sealed_expectation:
                    answer.expectation = opener.open(row.sealed_expectation).decode()
            await self.log_reading(connection, number, row.origin, "EscalationTextRead", escalation=escalation)
        self.pulse.beat()
        return answer

    @command(pb.EraseSupervisionDataResponse)
    async def EraseSupervisionData(
        self, request: pb.EraseSupervisionDataRequest, work: Work
    ) -> pb.EraseSupervisionDataResponse:
        """Erase what is stored here about a case; what was erased before is not counted again."""
        work.call.require(names.ROOT_UNIT)
        number = names.number_of(request.name)
        await self.log.lock(work.connection, number)
        if request.validate_only:
            found = await shared.touched(work.connection, number)
        else:
            self._listed.add(number, work.now)
            found = await erasing.erase(work.connection, number, work.now)
            told = [NewEvent(each, "CaseDataErased", unit) for each, unit in found.items()]
            if told:
                await work.append(*told)
        counts = Counter(names.collection_of(each) for each in found)
        return pb.EraseSupervisionDataResponse(counts=counts)

    @command(pb.SettleEscalationsResponse)
    async def SettleEscalations(self, request: pb.SettleEscalationsRequest, work: Work) -> pb.SettleEscalationsResponse:
        """Settle what is still open for a case that is over."""
        number = names.number_of(request.parent)
        await self.log.lock(work.connection, number)
        if request.breach:
            settled: Sequence[Escalation] = await breaches.withdraw(work, number, request.breach)
        else:
            settled = await raising.settle(work, number, "case-over")
        for row in settled:
            work.call.require(row.to_unit)
        if not settled:
            work.call.require(names.ROOT_UNIT)
            await store.must_be_known(work.connection, number)
        return pb.SettleEscalationsResponse(settled=len(settled))

    @staticmethod
    async def _shown(connection: Connection, row: Escalation) -> pb.Escalation:
        reasons = await store.reasons(connection, [row])
        return view.escalation(row, reasons.get((row.number, row.escalation), ()))

    async def _locked_row(self, request: Versioned, work: Work) -> Escalation:
        """Return an escalation's row, its case locked; only the level it was raised to may act on it."""
        number, escalation = names.number_of(request.name), int(names.last(request.name))
        await self.log.lock(work.connection, number)
        row = await store.get(work.connection, number, escalation, lock=True)
        work.call.require(row.to_unit)
        check_etag(row.version, request.etag)
        return row

    @staticmethod
    async def _told(work: Work, row: Escalation, kind: str, *, wakes: bool = False, **payload: object) -> None:
        told = {"escalation": row.escalation, "state": row.state.name, **payload}
        await work.append(NewEvent(row.number, kind, row.origin, told, wakes=wakes))
