"""Decisions of meetings: one unit carries them out by a day, another one verifies them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pb.escalation.v1 import meetings_pb2 as pb

from casework import names
from casework.clocks.ledger import Reopened
from casework.errors import Reason, field_error
from casework.supervision.meetings import meeting as rules_of
from casework.supervision.meetings.meeting import TASK, VERIFICATION, DecisionState
from services.escalation.holders import store as holders
from services.escalation.meetings.dispatch import store, view
from services.escalation.meetings.models import MeetingDecision
from services.escalation.servicer import Servicer
from services.kit.clocks import ledger as clock_ledger
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import NEVER
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent

_BEGINNING = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
_ROLE = store.RESPONSIBLE


class Decisions(Servicer):
    """The RPCs of MeetingService about decisions."""

    @command(pb.Decision)
    async def CreateDecision(self, request: pb.CreateDecisionRequest, work: Work) -> pb.Decision:
        """Record a decision of a meeting; it has a clock from then on."""
        file = await self.locked(request.parent, work)
        meeting = await store.meeting(work.connection, file.number)
        work.call.require(meeting.unit)
        rules_of.check_held(meeting.state)
        asked, unit = request.decision, names.last(request.decision.unit)
        if not self.rules.units.contains(meeting.unit, unit):
            raise field_error("decision.unit", Reason.UNKNOWN_UNIT, unit)
        if asked.agenda_item and not await store.has_item(work.connection, file.number, asked.agenda_item):
            raise field_error("decision.agenda_item", Reason.NOT_FOUND, str(asked.agenda_item))
        until = view.last_second(asked.due_date, work.now, "decision.due_date") if asked.HasField("due_date") else None
        number = await store.next_decision(work.connection, file.number)
        clock = await work.start_clock(
            file.number, f"decision-{number}", TASK, subject=view.decision_name(file.number, number), unit=unit,
            at=work.now, until=until,
        )  # fmt: skip
        row = await store.add_decision(
            work.connection, file.number, decision=number, item=asked.agenda_item,
            meeting_unit=meeting.unit, unit=unit, verifier=self._verifier(meeting.unit, unit), due_at=clock.due_at,
            decided_at=work.now, sealed=(await self.seal(work, file)).seal(asked.text.SerializeToString()),
        )  # fmt: skip
        if asked.official:
            await holders.assign(
                work.connection, file.number, _subject(row), _ROLE, unit=unit, official=asked.official, at=work.now
            )
        payload = {"decision": number, "unit": unit, "agenda_item": asked.agenda_item}
        await work.append(NewEvent(file.number, "DecisionMade", meeting.unit, payload))
        return view.decision(row, asked.official)

    async def GetDecision(self, request: pb.GetDecisionRequest, context: Context) -> pb.Decision:
        """Return a decision to the unit of the meeting or to the one that carries it out."""
        async with self.database.read() as connection:
            row = await self._decision(connection, request.name)
            return await self._shown(connection, row)

    async def ListDecisions(self, request: pb.ListDecisionsRequest, context: Context) -> pb.ListDecisionsResponse:
        """Return decisions of a meeting, or all of the caller's units, first due first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        number = "" if request.parent == "meetings/-" else names.number_of(request.parent)
        parts = (paging.instant, paging.key, paging.number)
        behind = paging.read(request.page_token, "decisions", *parts) or (_BEGINNING, "", 0)
        async with self.database.read() as connection:
            if number:
                await store.meeting(connection, number)
            found = await store.listed_decisions(
                connection, paging.subtree(scope), number, behind, size + 1, only_open=request.open
            )
        reply = pb.ListDecisionsResponse(
            decisions=[view.decision(row, official or "") for row, official in found[:size]]
        )
        shown = [row for row, _ in found]
        reply.next_page_token = paging.following(
            shown, size, "decisions", lambda end: (end.due_at or NEVER, end.number, end.decision)
        )
        return reply

    async def ReadDecision(self, request: pb.ReadDecisionRequest, context: Context) -> pb.DecisionText:
        """Return the text of a decision; this is logged."""
        async with self.database.begin() as connection:
            row = await self._decision(connection, request.name)
            opener = await self.opener(connection, row.number)
            text = pb.DecisionText.FromString(opener.open(row.sealed))
            await self.log_reading(connection, row.number, row.meeting_unit, "DecisionRead", decision=row.decision)
        self.pulse.beat()
        return text

    @command(pb.Decision)
    async def ReportDecision(self, request: pb.ReportDecisionRequest, work: Work) -> pb.Decision:
        """Report a decision done; another unit has to verify it within five working days."""
        row = await self._locked_decision(request, work, lambda row: row.unit)
        state = rules_of.report(row.state)
        row = await store.change_decision(
            work.connection, row, state=state, reported_at=work.now, reported_by=work.actor,
            evidence=request.evidence,
        )  # fmt: skip
        await work.stop(row.number, f"decision-{row.decision}")
        await work.start_clock(
            row.number, f"verification-{row.decision}-{row.returned + 1}", VERIFICATION,
            subject=view.decision_name(row.number, row.decision), unit=row.verifier, at=work.now,
        )  # fmt: skip
        await work.append(NewEvent(row.number, "DecisionReported", row.meeting_unit, {"decision": row.decision}))
        return await self._shown(work.connection, row)

    @command(pb.Decision)
    async def VerifyDecision(self, request: pb.VerifyDecisionRequest, work: Work) -> pb.Decision:
        """Verify a report, as another unit: done, or open again with its original day."""
        row = await self._locked_decision(request, work, lambda row: row.verifier)
        state = rules_of.verify(row.state, request.sufficient, work.actor, row.reported_by)
        done = state is DecisionState.DONE
        row = await store.change_decision(
            work.connection, row, state=state, returned=row.returned + (not done),
            done_at=work.now if done else None,
        )  # fmt: skip
        await work.stop(row.number, f"verification-{row.decision}-%")
        also: list[NewEvent] = []
        if done:
            await holders.release(work.connection, row.number, _subject(row), _ROLE, work.now)
        else:
            also = await self._reopen(work, row)
        payload = {"decision": row.decision, "state": state.name}
        await work.append(NewEvent(row.number, "DecisionVerified", row.meeting_unit, payload), *also)
        return await self._shown(work.connection, row)

    async def _reopen(self, work: Work, row: MeetingDecision) -> list[NewEvent]:
        """Let the clock of a decision run on to its original day, as if it had not been reported."""
        clock = await clock_ledger.get(
            work.connection, names.clock_id(row.number, f"decision-{row.decision}"), lock=True
        )
        entry = Reopened(seq=clock.entries + 1, at=work.now, recorded_at=work.now, actor=work.actor)
        return (await clock_ledger.record(work.connection, self.clockwork, clock, entry, work.now)).events

    def _verifier(self, meeting_unit: str, unit: str) -> str:
        """Return the unit that verifies: that of the meeting, or the one above if that one carries it out itself."""
        if unit != meeting_unit:
            return meeting_unit
        above = self.rules.units.parent(meeting_unit)
        return above or meeting_unit

    @staticmethod
    async def _decision(connection: Connection, name: str) -> MeetingDecision:
        row = await store.decision(connection, names.number_of(name), names.index_of(name))
        current_call().require_any((row.meeting_unit, row.unit))
        return row

    async def _locked_decision(
        self, request: Versioned, work: Work, whose: Callable[[MeetingDecision], str]
    ) -> MeetingDecision:
        file = await self.locked(request.name, work)
        row = await store.decision(work.connection, file.number, names.index_of(request.name))
        work.call.require(whose(row))
        check_etag(row.version, request.etag)
        return row

    @staticmethod
    async def _shown(connection: Connection, row: MeetingDecision) -> pb.Decision:
        return view.decision(row, await holders.holder(connection, row.number, _subject(row), _ROLE))


def _subject(row: MeetingDecision) -> str:
    return f"decisions/{row.decision}"
