"""Escalation's RPCs: one method each: read the request, authorise, decide, write once, answer."""

from __future__ import annotations

from typing import Any

from pb.escalation.v1 import escalation_pb2 as pb
from pb.escalation.v1 import escalation_pb2_grpc

from casework import escalation as rules_of
from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.escalation import EscalationState
from services.escalation import store
from services.kit import paging
from services.kit.access import current_call
from services.kit.businesstime import BusinessTime
from services.kit.clockwork import Clockwork
from services.kit.command import Work, check_etag, command
from services.kit.database import Database
from services.kit.events import EventLog, NewEvent
from services.kit.feed import FeedPulse
from services.kit.instants import stamp
from services.kit.rules import Rules

ACKNOWLEDGE, RESOLVE = "acknowledge", "resolve"


class EscalationServicer(escalation_pb2_grpc.EscalationServiceServicer):
    """Serves escalations."""

    def __init__(
        self, database: Database, time: BusinessTime, pulse: FeedPulse, rules: Rules, clockwork: Clockwork
    ) -> None:
        self.database = database
        self.time = time
        self.pulse = pulse
        self.log = EventLog("files")
        self._rules = rules
        self._clockwork = clockwork

    @command(pb.Escalation)
    async def CreateEscalation(self, request: pb.CreateEscalationRequest, work: Work) -> pb.Escalation:
        """Raise a case to the unit one level above the one that has it."""
        asked, number = request.escalation, names.number_of(request.parent)
        unit = names.last(asked.from_unit)
        if unit not in self._rules.units:
            raise field_error("escalation.from_unit", Reason.UNKNOWN_UNIT, unit)
        work.call.require(unit)
        above = self._rules.units.parent(unit)
        if above is None or above == names.ROOT_UNIT:
            raise CaseError(Reason.TOP_LEVEL, unit)
        row = await store.add(
            work.connection, number, mode=asked.mode, from_unit=unit, to_unit=above, reason=asked.reason,
            subject=asked.subject or request.parent, created_at=work.now,
        )  # fmt: skip
        mode = pb.Mode.Name(asked.mode).removeprefix("MODE_")
        payload = {
            "escalation": row.escalation,
            "mode": mode,
            "from": unit,
            "to": above,
            "reason": asked.reason,
            "subject": row.subject,
        }
        for step in (ACKNOWLEDGE, RESOLVE):
            key, subject = f"{step}-{row.escalation}", f"{request.parent}/escalations/{row.escalation}"
            rule = f"{step}_escalation"
            await work.start(self._clockwork.new(number, key, rule, subject=subject, unit=above, at=work.now))
        # A transfer changes who is accountable: the workflow carries it to the case.
        wakes = asked.mode == pb.MODE_TRANSFER
        # The history is of the unit it was raised from: that unit reads it, and so does every level above.
        await work.append(NewEvent(number, "EscalationRaised", unit, payload, wakes=wakes))
        return _view(row)

    async def GetEscalation(self, request: pb.GetEscalationRequest, context: Any) -> pb.Escalation:
        """Answer an escalation to the unit it comes from and the one it goes to."""
        number, escalation = names.number_of(request.name), int(names.last(request.name))
        async with self.database.begin() as connection:
            row = await store.get(connection, number, escalation)
        current_call().require_any((row.to_unit, row.from_unit))
        return _view(row)

    async def ListEscalations(self, request: pb.ListEscalationsRequest, context: Any) -> pb.ListEscalationsResponse:
        """Answer escalations to or from the caller's units, newest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit) if request.unit else "")
        number = "" if request.parent == "cases/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "escalations", paging.instant, paging.key, paging.number)
        async with self.database.begin() as connection:
            rows = await store.listed(connection, paging.subtree(scope), number, request.open, behind, size + 1)
        reply = pb.ListEscalationsResponse(escalations=[_view(row) for row in rows[:size]])
        if len(rows) > size:
            end = rows[size - 1]
            reply.next_page_token = paging.token("escalations", end.created_at.isoformat(), end.number, end.escalation)
        return reply

    @command(pb.Escalation)
    async def AcknowledgeEscalation(self, request: pb.AcknowledgeEscalationRequest, work: Work) -> pb.Escalation:
        """Record that the unit above has seen it."""
        return await self._move(request, work, EscalationState.ACKNOWLEDGED, acknowledged_at=work.now)

    @command(pb.Escalation)
    async def ResolveEscalation(self, request: pb.ResolveEscalationRequest, work: Work) -> pb.Escalation:
        """Record that what it was raised for has been dealt with."""
        return await self._move(request, work, EscalationState.RESOLVED, resolved_at=work.now)

    async def _move(self, request: Any, work: Work, to: EscalationState, **columns: Any) -> pb.Escalation:
        number, escalation = names.number_of(request.name), int(names.last(request.name))
        await self.log.lock(work.connection, number)
        row = await store.get(work.connection, number, escalation, lock=True)
        # Only the level above may say that it has seen it or that it is dealt with.
        work.call.require(row.to_unit)
        check_etag(row.version, request.etag)
        state = rules_of.move(EscalationState(row.state), to)
        changed = await store.change(work.connection, number, escalation, state=int(state), **columns)
        await work.stop(number, f"{ACKNOWLEDGE}-{escalation}")
        if to is EscalationState.RESOLVED:
            await work.stop(number, f"{RESOLVE}-{escalation}")
        kind = "EscalationAcknowledged" if to is EscalationState.ACKNOWLEDGED else "EscalationResolved"
        await work.append(NewEvent(number, kind, row.from_unit, {"escalation": escalation, "state": state.name}))
        return _view(changed)

    @command(pb.SettleEscalationsResponse)
    async def SettleEscalations(self, request: pb.SettleEscalationsRequest, work: Work) -> pb.SettleEscalationsResponse:
        """Settle what is still open for a case that is over: there is nothing left to make a unit act on."""
        number = names.number_of(request.parent)
        await self.log.lock(work.connection, number)
        settled = await store.settle(work.connection, number, work.now)
        for row in settled:
            work.call.require(row.to_unit)
            for step in (ACKNOWLEDGE, RESOLVE):
                await work.stop(number, f"{step}-{row.escalation}", met=False)
            payload = {"escalation": row.escalation, "state": EscalationState.RESOLVED.name, "reason": "case-over"}
            await work.append(NewEvent(number, "EscalationSettled", row.from_unit, payload))
        if not settled:
            work.call.require(names.ROOT_UNIT)
            await store.must_be_known(work.connection, number)
        return pb.SettleEscalationsResponse(settled=len(settled))


def _view(row: Any) -> pb.Escalation:
    return pb.Escalation(
        name=f"{names.file_name(row.number)}/escalations/{row.escalation}",
        etag=str(row.version),
        state=row.state,
        mode=row.mode,
        from_unit=names.unit_name(row.from_unit),
        to_unit=names.unit_name(row.to_unit),
        reason=row.reason,
        subject=row.subject,
        create_time=stamp(row.created_at),
        acknowledge_time=stamp(row.acknowledged_at),
        resolve_time=stamp(row.resolved_at),
    )
