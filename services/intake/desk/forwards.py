"""RPCs of forwards: made by the unit that has a report, answered by the one that is asked, decided by the one above."""

from __future__ import annotations

from datetime import datetime

from pb.intake.v1 import forwards_pb2 as pb
from pb.intake.v1 import forwards_pb2_grpc

from casework import names
from casework.case import someone_else
from casework.door import forward as rules_of
from casework.door.forward import ForwardState
from casework.errors import CaseError, Reason
from services.intake import erasing, store
from services.intake.forwards import ending
from services.intake.forwards import store as forwards
from services.intake.models import Forward, Report
from services.kit.clocks import clocks
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.rules import Rules
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.storage import access_log, paging
from services.kit.storage.events import NewEvent


class ForwardServicer(Servicer, forwards_pb2_grpc.ForwardServiceServicer):
    """Serves forwards."""

    service = "intake"
    heads = "reports"
    body_key_name = "requests of desks"

    @command(pb.Forward)
    async def ForwardReport(self, request: pb.ForwardReportRequest, work: Work) -> pb.Forward:
        """Ask another unit to take a report over. No clock stops, and the unit stays responsible."""
        row = await store.lock(work.connection, names.number_of(request.name))
        work.call.require(row.unit)
        _must_be_current(row, request)
        asked = names.last(request.unit)
        rules_of.may_be_asked(row.unit, asked, row.about, self.rules.units)
        before = [each.state for each in await forwards.of(work.connection, row.number)]
        rules_of.may_be_forwarded(row.state, before)
        forward = await forwards.add(
            work.connection, row.number, unit=row.unit, asked=asked, reason=self._sealed(row, request.reason),
            made_by=work.actor, made_at=work.now,
        )  # fmt: skip
        payload = {"forward": forward.forward, "unit": row.unit, "asked": asked}
        await work.append(NewEvent(row.number, "ReportForwarded", row.unit, payload))
        return _view(forward, row.due_at, self.rules)

    @command(pb.Forward)
    async def TakeOverReport(self, request: pb.TakeOverReportRequest, work: Work) -> pb.Forward:
        """Take a report over; it is the other unit's from now on, by the same deadline."""
        row, forward = await self._asked(request, work)
        someone_else(work.actor, forward.made_by)
        rules_of.may_be_asked(forward.unit, forward.asked, row.about, self.rules.units)
        changed = await ending.end(work, forward, ForwardState.TAKEN_OVER)
        await _move(work, row, forward, forward.asked)
        return _view(changed, row.due_at, self.rules)

    @command(pb.Forward)
    async def SendBackReport(self, request: pb.SendBackReportRequest, work: Work) -> pb.Forward:
        """Send a report back; the second time the unit above both decides."""
        row, forward = await self._asked(request, work)
        before = [each.state for each in await forwards.of(work.connection, row.number)]
        umpire = rules_of.umpire(forward.unit, forward.asked, before, self.rules.units)
        answer = self._sealed(row, request.reason)
        payload: dict[str, object] = {"forward": forward.forward, "unit": forward.unit, "asked": forward.asked}
        if not umpire:
            changed = await ending.end(work, forward, ForwardState.SENT_BACK, answer=answer)
            await work.append(NewEvent(row.number, "ForwardSentBack", row.unit, payload))
            return _view(changed, row.due_at, self.rules)
        clock = await work.start_clock(
            row.number, f"{ending.DECISION}-{forward.forward}", ending.DECISION, unit=umpire, at=work.now,
            subject=forwards.name_of(row.number, forward.forward),
        )  # fmt: skip
        changed = await forwards.change(
            work.connection, forward, state=ForwardState.REFERRED, answer=answer, umpire=umpire,
            decide_until=clock.due_at,
        )  # fmt: skip
        told = payload | {"umpire": umpire, "due_at": clock.due_at}
        await work.append(NewEvent(row.number, "ForwardReferred", row.unit, told))
        return _view(changed, row.due_at, self.rules)

    @command(pb.Forward)
    async def RecallReport(self, request: pb.RecallReportRequest, work: Work) -> pb.Forward:
        """Recall a forward that is not decided: the unit keeps the report."""
        row, forward = await self._last(request, work)
        work.call.require(row.unit)
        _must_be_current(row, request)
        forward = _there(forward, row)
        rules_of.must_be_open(forward.state)
        changed = await ending.end(work, forward, ForwardState.RECALLED)
        await work.append(NewEvent(row.number, "ForwardRecalled", row.unit, {"forward": forward.forward}))
        return _view(changed, row.due_at, self.rules)

    @command(pb.Forward)
    async def DecideForward(self, request: pb.DecideForwardRequest, work: Work) -> pb.Forward:
        """Decide as a person of the unit above both which unit has the report."""
        row, forward = await self._last(request, work)
        work.call.require(forward.umpire if forward and forward.umpire else row.unit)
        _must_be_current(row, request)
        forward = _there(forward, row)
        rules_of.must_be(forward.state, ForwardState.REFERRED)
        rules_of.is_neither(work.call.caller.unit, forward.unit, forward.asked)
        found = names.last(request.unit)
        rules_of.right_unit(found, forward.umpire, row.about, self.rules.units)
        decision = self._sealed(row, request.decision)
        changed = await ending.end(work, forward, ForwardState.DECIDED, right_unit=found, decision=decision)
        told = {"forward": forward.forward, "right_unit": found}
        await work.append(NewEvent(row.number, "ForwardDecided", row.unit, told))
        if found != row.unit:
            await _move(work, row, forward, found)
        return _view(changed, row.due_at, self.rules)

    async def GetForward(self, request: pb.GetForwardRequest, context: Context) -> pb.Forward:
        """Return a forward to one of its units, with the reasons to whoever may read them now; this is logged."""
        call, number, now = current_call(), names.number_of(request.name), self.time.now()
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            forward = await forwards.get(connection, number, names.index_of(request.name, "forwards"))
            call.require_any({row.unit, forward.unit, forward.asked, forward.umpire or row.unit})
            asked = forward.asked if forward.state is ForwardState.ASKED else row.unit
            readers = {row.unit, asked, forward.umpire or row.unit}
            shown = row.erased_at is None and any(
                call.access.allows(call.caller, call.permission, unit) for unit in readers
            )
            answer = _view(forward, row.due_at, self.rules)
            if shown:
                self._tell(answer, row, forward)
                await access_log.record(connection, call, now, number, request.name)
                event = NewEvent(number, "ForwardRead", row.unit, {"forward": forward.forward})
                await self.log.append(connection, [event], at=now, actor=call.caller.subject, trace=call.trace_parent)
        if shown:
            self.pulse.beat()
        return answer

    async def ListForwards(self, request: pb.ListForwardsRequest, context: Context) -> pb.ListForwardsResponse:
        """Return forwards by the caller's units, to them, or for them to decide, oldest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        number = "" if request.parent == "reports/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "forwards", paging.instant, paging.key, paging.number)
        async with self.database.read() as connection:
            if number:
                await store.get(connection, number)
            found = await forwards.listed(
                connection, paging.subtree(scope), number, only_open=request.open, waiting=request.waiting,
                behind=behind, limit=size + 1,
            )  # fmt: skip
        reply = pb.ListForwardsResponse(forwards=[_view(row, due_at, self.rules) for row, due_at in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "forwards", lambda end: (end[0].made_at, end[0].number, end[0].forward)
        )
        return reply

    def _sealed(self, row: Report, text: str) -> bytes:
        return self.sealer.under(row.number, row.sealed_key).seal(text.encode())

    def _tell(self, answer: pb.Forward, row: Report, forward: Forward) -> None:
        """Add the reasons."""
        opener = self.sealer.under(row.number, row.sealed_key)
        answer.reason = opener.open(forward.reason).decode()
        if forward.answer is not None:
            answer.send_back_reason = opener.open(forward.answer).decode()
        if forward.decision is not None:
            answer.decision = opener.open(forward.decision).decode()

    @staticmethod
    async def _last(request: Versioned, work: Work) -> tuple[Report, Forward | None]:
        """Return a report, locked, and its newest forward, if it was ever forwarded."""
        row = await store.lock(work.connection, names.number_of(request.name))
        found = await forwards.of(work.connection, row.number)
        return row, found[-1] if found else None

    async def _asked(self, request: Versioned, work: Work) -> tuple[Report, Forward]:
        """Return report and forward, locked, if the caller answers for the unit that is asked, and may still answer."""
        row, forward = await self._last(request, work)
        work.call.require(forward.asked if forward else row.unit)
        _must_be_current(row, request)
        forward = _there(forward, row)
        rules_of.must_be(forward.state, ForwardState.ASKED)
        return row, forward


def _must_be_current(row: Report, request: Versioned) -> None:
    check_etag(row.version, request.etag)
    erasing.must_be_there(row)


def _there(forward: Forward | None, row: Report) -> Forward:
    if forward is None:
        raise CaseError(Reason.NOT_FORWARDED, names.report_name(row.number))
    return forward


async def _move(work: Work, row: Report, forward: Forward, unit: str) -> None:
    """Give the report to another unit, with those merged into it and its running clocks; no deadline moves.

    What was due before is the old unit's, whether or not anybody had noticed.
    """
    _, missed = await clocks.fire(work.connection, row.number, work.now)
    work.missed += [clocks.waking(each, work.now) for each in missed]
    moved = await store.hand_to(work.connection, row.number, unit, work.now)
    await clocks.hand_over(work.connection, row.number, row.unit, unit)
    told = {"forward": forward.forward, "from": row.unit, "to": unit}
    await work.append(
        NewEvent(row.number, "ReportTakenOver", unit, told),
        *(NewEvent(each, "ReportTakenOver", unit, told) for each in moved if each != row.number),
    )


def _view(row: Forward, due_at: datetime | None, rules: Rules) -> pb.Forward:
    """Return a forward without its reasons."""
    return pb.Forward(
        name=forwards.name_of(row.number, row.forward),
        unit=names.unit_name(row.unit),
        unit_display_name=rules.units.known(row.unit).name,
        asked_unit=names.unit_name(row.asked),
        asked_unit_display_name=rules.units.known(row.asked).name,
        umpire_unit=names.unit_name(row.umpire) if row.umpire else "",
        right_unit=names.unit_name(row.right_unit) if row.right_unit else "",
        create_time=stamp(row.made_at),
        due_time=stamp(due_at),
        decide_until_time=stamp(row.decide_until),
        end_time=stamp(row.ended_at),
        **numbers(state=row.state),
    )
