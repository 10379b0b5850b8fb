"""RPCs of forwards: made by the unit that has a report, answered by the one that is asked, decided by the one above."""

from __future__ import annotations

from collections.abc import Sequence

from pb.intake.v1 import forwards_pb2 as pb
from pb.intake.v1 import forwards_pb2_grpc, report_pb2

from casework import names
from casework.case import someone_else
from casework.door import forward as rules_of
from casework.door.forward import ForwardState
from casework.errors import CaseError, Reason, field_error
from services.intake import erasing, merging, record, store
from services.intake.desk import suggesting
from services.intake.forwards import ending, view
from services.intake.forwards import store as forwards
from services.intake.models import Forward, Report
from services.kit.clocks import clocks
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.servicer import Servicer
from services.kit.serving.access import Context, current_call
from services.kit.serving.request.named import missing
from services.kit.storage import access_log, paging
from services.kit.storage.events import NewEvent

BY_CONSENT = "by-consent"
"""The reason of a merge that two units agreed on; theirs in words are sealed with the forward."""


class ForwardServicer(Servicer, forwards_pb2_grpc.ForwardServiceServicer):
    """Serves forwards."""

    service = "intake"
    heads = "reports"
    body_key_name = "requests of desks"

    @command(pb.Forward)
    async def ForwardReport(self, request: pb.ForwardReportRequest, work: Work) -> pb.Forward:
        """Ask another unit to take a report over. No clock stops, and the unit stays responsible."""
        row = await store.lock(work.connection, names.number_of(request.name))
        await record.admit(work.connection, work.call, row)
        _must_be_current(row, request)
        asked = names.last(request.unit)
        rules_of.may_be_asked(row.unit, asked, row.about, self.rules.units)
        target = await self._target(work, row, asked, request)
        before = await forwards.of(work.connection, row.number)
        rules_of.may_be_proposed(target, [(each.state, each.target) for each in before if each.target])
        rules_of.may_be_forwarded(row.state, _counted(before))
        forward = await forwards.add(
            work.connection, row.number, unit=row.unit, asked=asked, reason=self._sealed(row, request.reason),
            made_by=work.actor, made_at=work.now, target=target,
        )  # fmt: skip
        told: dict[str, object] = {"forward": forward.forward, "unit": row.unit, "asked": asked}
        if target:
            forward = await _await_answer(work, forward)
            told |= {"target": names.report_name(target), "due_at": forward.answer_until}
        else:
            told |= await self._suggested(work, row, asked)
        await work.append(NewEvent(row.number, "ReportForwarded", row.unit, told))
        return view.forward(forward, row.due_at, self.rules)

    async def _suggested(self, work: Work, row: Report, asked: str) -> dict[str, object]:
        """Return what the history records of the units that were suggested."""
        content = report_pb2.ReportContent.FromString(self.sealer.under(row.number, row.sealed_key).open(row.sealed))
        found = await suggesting.suggested(work.connection, row, self.rules, content, work.now)
        return dict(suggesting.recorded(found, asked))

    async def _target(self, work: Work, row: Report, asked: str, request: pb.ForwardReportRequest) -> str:
        """Return the number of the report that it is proposed to merge into; empty for none.

        Nothing is said of it but that it is there, in the area of the unit asked: whether it may take in another one is
        for whoever has it.
        """
        target = names.number_of(request.target) if request.target else ""
        if target == row.number:
            raise field_error("target", Reason.SAME_REPORT)
        other = (await store.some(work.connection, [target])).get(target) if target else None
        if target and (other is None or not self.rules.units.contains(asked, other.unit)):
            raise missing("target", request.target)
        return target

    @command(pb.Forward)
    async def TakeOverReport(self, request: pb.TakeOverReportRequest, work: Work) -> pb.Forward:
        """Take a report over, by the same deadline, or merge it into the own one as proposed."""
        row, forward = await self._asked(request, work)
        someone_else(work.actor, forward.made_by)
        rules_of.may_be_asked(forward.unit, forward.asked, row.about, self.rules.units)
        changed = await ending.end(work, forward, ForwardState.TAKEN_OVER)
        if forward.target:
            await _take_in(work, row, forward)
        else:
            await _move(work, row, forward, forward.asked)
        return view.forward(changed, row.due_at, self.rules)

    @command(pb.Forward)
    async def SendBackReport(self, request: pb.SendBackReportRequest, work: Work) -> pb.Forward:
        """Send a report back; the second time the unit above both decides, but never on a proposal to merge."""
        row, forward = await self._asked(request, work)
        before = _counted(await forwards.of(work.connection, row.number))
        umpire = "" if forward.target else rules_of.umpire(forward.unit, forward.asked, before, self.rules.units)
        answer = self._sealed(row, request.reason)
        payload: dict[str, object] = {"forward": forward.forward, "unit": forward.unit, "asked": forward.asked}
        if not umpire:
            changed = await ending.end(work, forward, ForwardState.SENT_BACK, answer=answer)
            await work.append(NewEvent(row.number, "ForwardSentBack", row.unit, payload))
            return view.forward(changed, row.due_at, self.rules)
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
        return view.forward(changed, row.due_at, self.rules)

    @command(pb.Forward)
    async def RecallReport(self, request: pb.RecallReportRequest, work: Work) -> pb.Forward:
        """Recall a forward that is not decided: the unit keeps the report."""
        row, forward = await self._last(request, work)
        await record.admit(work.connection, work.call, row)
        _must_be_current(row, request)
        forward = _there(forward, row)
        rules_of.must_be_open(forward.state)
        changed = await ending.end(work, forward, ForwardState.RECALLED)
        await work.append(NewEvent(row.number, "ForwardRecalled", row.unit, {"forward": forward.forward}))
        return view.forward(changed, row.due_at, self.rules)

    @command(pb.Forward)
    async def DecideForward(self, request: pb.DecideForwardRequest, work: Work) -> pb.Forward:
        """Decide as a person of the unit above both which unit has the report."""
        row, forward = await self._last(request, work)
        decides = forward.umpire if forward and forward.umpire else row.unit
        await record.admit(work.connection, work.call, row, decides)
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
        return view.forward(changed, row.due_at, self.rules)

    async def GetForward(self, request: pb.GetForwardRequest, context: Context) -> pb.Forward:
        """Return a forward to one of its units, with the reasons to whoever may read them now; this is logged."""
        call, number, now = current_call(), names.number_of(request.name), self.time.now()
        async with self.database.begin() as connection:
            row = await store.get(connection, number)
            forward = await forwards.get(connection, number, names.index_of(request.name, "forwards"))
            await record.admit(connection, call, row, *_units(row, forward))
            asked = forward.asked if forward.state is ForwardState.ASKED else row.unit
            readers = {row.unit, asked, forward.umpire or row.unit}
            shown = row.erased_at is None and any(
                call.access.allows(call.caller, call.permission, unit) for unit in readers
            )
            answer = view.forward(forward, row.due_at, self.rules)
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
        call = current_call()
        scope = call.scope(names.last(request.unit))
        number = "" if request.parent == "reports/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "forwards", paging.instant, paging.key, paging.number)
        async with self.database.read() as connection:
            if number:
                row = await store.get(connection, number)
                await record.admit(connection, call, row, *_units(row, *await forwards.of(connection, number)))
            found = await forwards.listed(
                connection, paging.subtree(scope), number, asked_by=call.caller.unit, only_open=request.open,
                waiting=request.waiting, behind=behind, limit=size + 1,
            )  # fmt: skip
        reply = pb.ListForwardsResponse(
            forwards=[view.forward(row, due_at, self.rules) for row, due_at in found[:size]]
        )
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
        """Return a report, locked, and its newest forward, if it was ever forwarded.

        The report that it is to be merged into is locked as well, in the order of merges into each other.
        """
        number = names.number_of(request.name)
        if (proposed := await forwards.open_one(work.connection, number)) is not None and proposed.target:
            await store.lock_both(work.connection, number, proposed.target)
        row = await store.lock(work.connection, number)
        found = await forwards.of(work.connection, row.number)
        return row, found[-1] if found else None

    async def _asked(self, request: Versioned, work: Work) -> tuple[Report, Forward]:
        """Return report and forward, locked, if the caller answers for the unit that is asked, and may still answer."""
        row, forward = await self._last(request, work)
        await record.admit(work.connection, work.call, row, forward.asked if forward else row.unit)
        _must_be_current(row, request)
        forward = _there(forward, row)
        # The request names the one report, and the answer is about both.
        work.call.require_person(forward.target not in work.call.kept_from)
        rules_of.must_be(forward.state, ForwardState.ASKED)
        rules_of.must_be_in_time(forward.answer_until, work.now)
        return row, forward


def _must_be_current(row: Report, request: Versioned) -> None:
    check_etag(row.version, request.etag)
    erasing.must_be_there(row)


def _units(row: Report, *found: Forward) -> set[str]:
    """Return the units that see forwards of a report: its own, those that had it or are asked, and who decides."""
    return {row.unit, *(unit for each in found for unit in (each.unit, each.asked, each.umpire) if unit)}


def _there(forward: Forward | None, row: Report) -> Forward:
    if forward is None:
        raise CaseError(Reason.NOT_FORWARDED, names.report_name(row.number))
    return forward


def _counted(found: Sequence[Forward]) -> list[ForwardState]:
    """Return the states that decide about another forward: a proposal to merge counts only while it is open."""
    return [each.state for each in found if not each.target or each.state in rules_of.OPEN]


async def _await_answer(work: Work, forward: Forward) -> Forward:
    """Give the other unit its time to answer a proposal to merge, and return it."""
    clock = await work.start_clock(
        forward.number, f"{ending.ANSWER}-{forward.forward}", ending.ANSWER, unit=forward.asked, at=work.now,
        subject=forwards.name_of(forward.number, forward.forward),
    )  # fmt: skip
    return await forwards.change(work.connection, forward, answer_until=clock.due_at)


async def _take_in(work: Work, row: Report, forward: Forward) -> None:
    """Merge a report into the one of the unit asked, which has it and those merged into it before from now on."""
    other = await store.lock(work.connection, forward.target)
    await record.admit(work.connection, work.call, other)
    await store.hand_to(work.connection, row.number, other.unit, work.now)
    await merging.merge(work, row, other, BY_CONSENT)


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
