"""RPCs of dockings: handed over, consented, acknowledged, settled or returned."""

from __future__ import annotations

from datetime import datetime

from pb.mediation.v1 import docking_pb2 as pb
from pb.mediation.v1 import docking_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation import docking as rules_of
from casework.mediation.docking import Answer, DockingKind, DockingState, Letter, Nature, Procedure
from casework.mediation.fulfilment import Performance
from casework.papers.numbering import Series
from services.kit.clocks.clockwork import NewClock
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import instant
from services.kit.serving.access import Context, current_call
from services.kit.serving.validation import must_say
from services.kit.storage import numbering, paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.mediation import record, standing
from services.mediation import store as cases
from services.mediation.agreement import results
from services.mediation.agreement import store as agreements
from services.mediation.docking import store, view
from services.mediation.models.cases import Case
from services.mediation.models.docking import Docking
from services.mediation.servicer import Servicer
from services.mediation.standing import Step


class DockingServicer(Servicer, docking_pb2_grpc.DockingServiceServicer):
    """Serves dockings."""

    @command(pb.Docking)
    async def CreateDocking(self, request: pb.CreateDockingRequest, work: Work) -> pb.Docking:
        """Record that a matter was handed over. A petition has its own 60 days, which nothing here stops."""
        case = await self.locked(request.parent, work)
        told = request.docking
        kind, petition_at = DockingKind(told.kind), _petition_at(told, work.now)
        if kind is DockingKind.COURT and not told.procedure:
            raise field_error("docking.procedure", Reason.INVALID_FIELD, "COURT")
        if kind is DockingKind.POLICE:
            must_say(told, "decided", "docking.decided")
        nature = Nature(told.nature) if told.nature else None
        rules_of.may_hand_over(kind, nature, told.decided)
        authority = await self._authority(work, case, told)
        row = await store.add(
            work.connection, case.number, kind=kind, handed_over_at=work.now, petition_at=petition_at,
            authority=authority, reference=told.hand_over_letter,
            procedure=Procedure(told.procedure) if kind is DockingKind.COURT else None,
            nature=nature if kind is DockingKind.PETITION else None,
        )  # fmt: skip
        await store.write(work.connection, row, Letter.HAND_OVER, told.hand_over_letter, work.now)
        if petition_at is not None:
            await self._clock(work, case, row, _petition_key(row), "petition_handling", petition_at)
        return await self._told(work, case, row, "DockingHandedOver")

    async def _authority(self, work: Work, case: Case, told: pb.Docking) -> str:
        """Return the unit that handed a matter over; ALREADY_EXISTS if its letter was recorded before."""
        authority = names.last(told.authority)
        if not authority:
            authority = self.rules.units.department(case.unit, rules_of.DEPARTMENTS[DockingKind(told.kind)]) or ""
        elif authority not in self.rules.units:
            raise field_error("docking.authority", Reason.UNKNOWN_UNIT, authority)
        before = await store.by_letter(work.connection, authority, told.hand_over_letter) if authority else None
        if before is not None:
            # Another county's case is not named: whoever records the letter here may have no part in it.
            name = names.docking_name(before.number, before.docking) if before.number == case.number else ""
            raise field_error("docking.hand_over_letter", Reason.ALREADY_EXISTS, name)
        return authority

    async def ListSentDockings(
        self, request: pb.ListSentDockingsRequest, context: Context
    ) -> pb.ListSentDockingsResponse:
        """Return the dockings that the caller's authority handed over, newest first."""
        scope, size = current_call().scope(names.last(request.unit)), request.page_size or 50
        behind = paging.read(request.page_token, "dockings", paging.instant, paging.key, paging.number)
        reply = pb.ListSentDockingsResponse()
        async with self.database.read() as connection:
            found = await store.sent(
                connection, paging.subtree(scope), request.hand_over_letter, request.open, behind, size + 1
            )
            letters = await store.letters_of(connection, [row for row, _, _ in found[:size]])
        for row, unit, category in found[:size]:
            reply.dockings.append(view.sent(row, letters[row.number, row.docking], unit, category))
        reply.next_page_token = paging.following(
            found, size, "dockings", lambda end: (end[0].handed_over_at, end[0].number, end[0].docking)
        )
        return reply

    async def ListDockingChanges(
        self, request: pb.ListDockingChangesRequest, context: Context
    ) -> pb.ListDockingChangesResponse:
        """Return what became of what an authority handed over, in order."""
        authority = self.known(request.parent, "parent")
        current_call().require(authority)
        async with self.database.read() as connection:
            found = await store.changes(connection, authority, request.after, request.max_results or 100)
            letters = await store.letters_of(connection, [each.row for each in found])
        shown = [view.change(each, letters[each.row.number, each.row.docking]) for each in found]
        return pb.ListDockingChangesResponse(changes=shown)

    async def GetDocking(self, request: pb.GetDockingRequest, context: Context) -> pb.Docking:
        """Return a docking."""
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            return view.docking(row, await store.letters(connection, row))

    async def ListDockings(self, request: pb.ListDockingsRequest, context: Context) -> pb.ListDockingsResponse:
        """Return the dockings of a case."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.parent)
            found = await store.of_case(connection, case.number)
            shown = [view.docking(row, await store.letters(connection, row)) for row in found]
        return pb.ListDockingsResponse(dockings=shown)

    @command(pb.Docking)
    async def ConfirmDockingConsent(self, request: pb.ConfirmDockingConsentRequest, work: Work) -> pb.Docking:
        """Confirm that every party consented; silence is not consent."""
        case, row = await self._docking(request, work)
        state = rules_of.move(row.kind, row.state, DockingState.CONSENTED)
        people = await standing.standing(work.connection, case.number)
        missing = people.missing(Step.MEDIATION)
        if missing or not {1, 2} <= set(people.there.values()):
            who = ",".join(map(str, sorted(missing)))
            raise CaseError(Reason.CONSENT_MISSING, who, parties=who)
        row = await store.change(work.connection, row, state=state)
        return await self._told(work, case, row, "DockingConsented")

    @command(pb.Docking)
    async def SignDocking(self, request: pb.SignDockingRequest, work: Work) -> pb.Docking:
        """Acknowledge the matter; a court's time limit begins, and the receipt gets a number."""
        case, row = await self._docking(request, work)
        state = rules_of.move(row.kind, row.state, DockingState.SIGNED)
        due_at = None
        if rule := rules_of.CLOCKS.get((row.kind, row.procedure)):
            due_at = (await self._clock(work, case, row, _key(row), rule, work.now)).due_at
        row = await store.change(work.connection, row, state=state, signed_at=work.now, due_at=due_at)
        await self._letter(work, case, row, Letter.RECEIPT)
        return await self._told(work, case, row, "DockingSigned")

    @command(pb.Docking)
    async def ExtendDocking(self, request: pb.ExtendDockingRequest, work: Work) -> pb.Docking:
        """Extend a court's time limit by 30 days, once, with the consent of every party."""
        case, row = await self._docking(request, work)
        people = await standing.standing(work.connection, case.number)
        rules_of.may_extend(
            row.kind, row.state, row.extended, row.due_at,
            people.missing(Step.EXTENSION), work.now,
        )  # fmt: skip
        extended = await work.extend(case.number, _key(row), rules_of.EXTENSION_DAYS, sorted(people.present))
        row = await store.change(work.connection, row, extended=True)
        await store.write(work.connection, row, Letter.EXTENSION, request.evidence, work.now)
        return await self._told(work, case, row, "DockingExtended", *extended.events)

    @command(pb.Docking)
    async def SettleDocking(self, request: pb.SettleDockingRequest, work: Work) -> pb.Docking:
        """Report that the parties agreed; there must be a binding agreement made after the matter came."""
        case, row = await self._docking(request, work, closed=True)
        state = rules_of.move(row.kind, row.state, DockingState.AGREED)
        found = await agreements.effective(work.connection, case.number)
        since = [each for each in found if each.effective_at and each.effective_at >= row.handed_over_at]
        if not since:
            raise CaseError(Reason.NOT_EFFECTIVE)
        row = await store.change(work.connection, row, state=state)
        await work.stop(case.number, _key(row))
        reference = since[-1].document_number or names.agreement_name(case.number, since[-1].agreement)
        await store.write(work.connection, row, Letter.AGREEMENT, reference, work.now)
        return await self._told(work, case, row, "DockingAgreed")

    @command(pb.Docking)
    async def ProveDockingPerformance(self, request: pb.ProveDockingPerformanceRequest, work: Work) -> pb.Docking:
        """Send the proof of performance to the police; only complete performance can be proved."""
        case, row = await self._docking(request, work, closed=True)
        state = rules_of.move(row.kind, row.state, DockingState.PERFORMED)
        if await results.performed(work.connection, case.number, work.now) is not Performance.DONE:
            raise CaseError(Reason.NOT_PERFORMED)
        row = await store.change(work.connection, row, state=state)
        await store.write(work.connection, row, Letter.PERFORMANCE_PROOF, request.evidence, work.now)
        return await self._told(work, case, row, "DockingPerformed")

    @command(pb.Docking)
    async def ApplyForSettlement(self, request: pb.ApplyForSettlementRequest, work: Work) -> pb.Docking:
        """Send the parties' written application to the police (治安管理处罚法 9)."""
        case, row = await self._docking(request, work, closed=True)
        state = rules_of.move(row.kind, row.state, DockingState.APPLIED)
        row = await store.change(work.connection, row, state=state)
        await store.write(work.connection, row, Letter.APPLICATION, request.evidence, work.now)
        return await self._told(work, case, row, "DockingApplied")

    @command(pb.ReturnReport)
    async def ReturnDocking(self, request: pb.ReturnDockingRequest, work: Work) -> pb.ReturnReport:
        """Return the matter; a petition continues in its own procedure, its clock untouched."""
        case, row = await self._docking(request, work, closed=True)
        state, result = rules_of.give_back(row.state)
        row = await store.change(work.connection, row, state=state, result=result, ended_at=work.now)
        await work.stop(case.number, _key(row))
        await self._letter(work, case, row, Letter.RETURN)
        await self._told(work, case, row, "DockingReturned")
        return view.return_report(row, await store.letters(work.connection, row))

    async def GetReturnReport(self, request: pb.GetReturnReportRequest, context: Context) -> pb.ReturnReport:
        """Return the report of a docking that we returned."""
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            if not row.result:
                raise CaseError(Reason.NOT_FOUND, request.name)
            return view.return_report(row, await store.letters(connection, row))

    @command(pb.Docking)
    async def RecordAuthorityAnswer(self, request: pb.RecordAuthorityAnswerRequest, work: Work) -> pb.Docking:
        """Record the authority's answer, also as its own officer. Only this meets the 60 days of a petition."""
        case = await cases.lock(work.connection, names.number_of(request.name))
        row = await store.get(work.connection, case.number, names.ids_of(request.name)[0])
        await record.admit(work.connection, work.call, case, beside=(row.authority,))
        check_etag(row.version, request.etag)
        before, answer, kind = row.state, Answer(request.answer), row.kind
        if row.answer not in (None, Answer.NOT_ACCEPTED):
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        state = rules_of.answered(kind, before, answer)
        row = await store.change(work.connection, row, state=state, answer=answer, ended_at=row.ended_at or work.now)
        if state is DockingState.OVERTAKEN:
            await work.stop(case.number, _key(row), met=False)
        if kind is DockingKind.PETITION and rules_of.ends_petition(before, answer):
            await work.stop(case.number, _petition_key(row))
        await store.write(work.connection, row, Letter.ANSWER, request.evidence, work.now)
        return await self._told(work, case, row, "DockingAnswered", answer=answer.name)

    @staticmethod
    async def _seen(connection: Connection, name: str) -> Docking:
        """Return a docking, if the caller may see it: also as the authority that handed it over."""
        case = await cases.get(connection, names.number_of(name))
        row = await store.get(connection, case.number, names.ids_of(name)[0])
        await record.admit(connection, current_call(), case, beside=(row.authority,))
        return row

    async def _docking(self, request: Versioned, work: Work, *, closed: bool = False) -> tuple[Case, Docking]:
        """Return case and docking, locked; the answer to the authority may come after the case was closed here."""
        case = await self.locked(request.name, work, closed=closed)
        row = await store.get(work.connection, case.number, names.ids_of(request.name)[0])
        check_etag(row.version, request.etag)
        return case, row

    @staticmethod
    async def _clock(work: Work, case: Case, row: Docking, key: str, rule: str, at: datetime) -> NewClock:
        subject = names.docking_name(row.number, row.docking)
        return await work.start_clock(case.number, key, rule, subject=subject, unit=case.unit, at=at)

    async def _letter(self, work: Work, case: Case, row: Docking, letter: Letter) -> None:
        mark = self.mark_of(case.unit)
        reference = await numbering.take(work.connection, Series.LETTER, case.unit, mark, work.now)
        await store.write(work.connection, row, letter, reference, work.now)

    @staticmethod
    async def _told(work: Work, case: Case, row: Docking, kind: str, *also: NewEvent, **payload: object) -> pb.Docking:
        told = {"docking": row.docking, "authority": row.kind.name, **payload}
        await work.append(NewEvent(case.number, kind, case.unit, told), *also)
        return view.docking(row, await store.letters(work.connection, row))


def _key(row: Docking) -> str:
    return f"docking-{row.docking}"


def _petition_key(row: Docking) -> str:
    return f"petition-{row.docking}"


def _petition_at(told: pb.Docking, now: datetime) -> datetime | None:
    """Return when a petition was accepted, None for another authority's matter; INVALID_FIELD if it is missing."""
    if told.kind != pb.DOCKING_KIND_PETITION:
        return None
    if not told.HasField("petition_accept_time") or instant(told.petition_accept_time) > now:
        raise field_error("docking.petition_accept_time", Reason.INVALID_FIELD, "PETITION")
    return instant(told.petition_accept_time)
