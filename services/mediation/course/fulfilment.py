"""RPCs of fulfilment: every part of every clause on its own, with its own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pb.mediation.v1 import fulfilment_pb2 as pb
from pb.mediation.v1 import fulfilment_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.mediation import fulfilment as rules_of
from casework.mediation.agreement import ClauseKind
from casework.mediation.contradiction import Act, Fact, must_hold
from casework.mediation.fulfilment import ClaimState, InstalmentState, Remedy
from services.kit import dates
from services.kit.clocks import clocks
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Versioned, Work, check_etag, command
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.validation import must_say
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent
from services.kit.storage.rows import not_found
from services.mediation import record
from services.mediation import store as cases
from services.mediation.consents import store as mediations
from services.mediation.course import follow_up
from services.mediation.course.effect import performance_key
from services.mediation.evidence import store as evidence
from services.mediation.fulfilment import store, view
from services.mediation.fulfilment.store import Owed
from services.mediation.models.cases import Case
from services.mediation.models.fulfilment import PerformanceClaim
from services.mediation.people import store as people
from services.mediation.servicer import Servicer

FOLLOW_UP = "default_follow_up"
"""The rule by which the centre follows a default up."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was performed: the amount, whether that is all, and on which day."""

    amount: int
    complete: bool
    day: date


class FulfilmentServicer(Servicer, fulfilment_pb2_grpc.FulfilmentServiceServicer):
    """Serves the parts of clauses."""

    async def GetInstalment(self, request: pb.GetInstalmentRequest, context: Context) -> pb.Instalment:
        """Return one part of a clause."""
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.name)
            row = await store.get(connection, case.number, names.ids_of(request.name))
            mine = await _seen_by(connection, current_call(), case.number)
            not_found(row if _concerns(row, mine) else None, request.name)
            return await self._shown(connection, case, names.ids_of(request.name))

    async def ListInstalments(self, request: pb.ListInstalmentsRequest, context: Context) -> pb.ListInstalmentsResponse:
        """Return the parts of all clauses of a case's effective agreements; to a party those it owes or is owed."""
        now = self.time.now()
        async with self.database.begin() as connection:
            case = await self.seen(connection, request.parent)
            mine = await _seen_by(connection, current_call(), case.number)
            found = [row for row in await store.of_case(connection, case.number) if _concerns(row, mine)]
            told = await view.told(connection, case.number)
        return pb.ListInstalmentsResponse(instalments=[view.instalment(row, told, now) for row in found])

    @command(pb.Instalment)
    async def RecordPerformance(self, request: pb.RecordPerformanceRequest, work: Work) -> pb.Instalment:
        """Record a performance; a complete one meets the part's clock, the last part starts the visits."""
        case, row = await self._part(request, work)
        mine = await _own(work.connection, work.call, case.number)
        # The creditor may record that it was received; the debtor submits a proof instead.
        work.call.require_person(mine is None or row.beneficiary in mine)
        await self._perform(work, case, row, _done(request, row, dates.today(work.now)), request.evidence)
        return await self._shown(work.connection, case, names.ids_of(request.name))

    @command(pb.Instalment)
    async def ClaimPerformance(self, request: pb.ClaimPerformanceRequest, work: Work) -> pb.Instalment:
        """Record a debtor's claim to have performed. It decides nothing; a part has one open claim at a time."""
        case, row = await self._part(request, work)
        mine = await _own(work.connection, work.call, case.number)
        work.call.require_person(mine is None or row.performer in mine)
        done = _done(request, row, dates.today(work.now))
        rules_of.perform(store.facts(row), done.amount, done.complete)
        if any(each.state is ClaimState.WAITING for each in await self._claims(work, row)):
            raise CaseError(Reason.ALREADY_EXISTS, request.name)
        if names.number_of(request.evidence) != case.number:
            raise field_error("evidence", Reason.INVALID_FIELD, "of another case")
        proof = await evidence.get(work.connection, case.number, names.index_of(request.evidence))
        if proof.party != row.performer:
            raise field_error("evidence", Reason.INVALID_FIELD, "not given by whoever owes it")
        claim = await store.claim(
            work.connection, row, evidence=proof.evidence, amount=done.amount, complete=done.complete,
            performed_on=done.day, claimed_at=work.now, claimed_by=work.actor,
        )  # fmt: skip
        await work.append(self._event(case, row, "PerformanceClaimed", {"claim": claim.claim}))
        return await self._shown(work.connection, case, names.ids_of(request.name))

    @command(pb.Instalment)
    async def AnswerClaim(self, request: pb.AnswerClaimRequest, work: Work) -> pb.Instalment:
        """Record the answer to a claim, by the creditor or by staff who checked it; a yes is a performance that day."""
        case, row = await self._part(request, work)
        mine = await _own(work.connection, work.call, case.number)
        work.call.require_person(mine is None or row.beneficiary in mine)
        found = {each.claim: each for each in await self._claims(work, row)}
        claim = not_found(found.get(request.claim), f"{request.name}, claim {request.claim}")
        state = rules_of.answer(claim.state, request.confirmed)
        await self._answered(work, case, row, claim, state)
        if state is ClaimState.CONFIRMED:
            done = Done(claim.amount, claim.complete, claim.performed_on)
            await self._perform(work, case, row, done, names.evidence_name(case.number, claim.evidence))
        return await self._shown(work.connection, case, names.ids_of(request.name))

    async def _perform(self, work: Work, case: Case, row: Owed, done: Done, proof: str) -> None:
        """Store a performance and what follows from it; a complete one settles the open claims."""
        must_hold(Act.PERFORM_CLAUSE, {Fact.NOT_BEFORE_IT_BOUND: done.day >= dates.today(row.effective_at)})
        paid, complete = rules_of.perform(store.facts(row), done.amount, done.complete)
        await store.performed(
            work.connection, row, amount=done.amount, evidence=proof, performed_on=done.day,
            recorded_at=work.now, recorded_by=work.actor,
        )  # fmt: skip
        await store.change(work.connection, row, paid=paid, begun=True, performed_on=done.day if complete else None)
        if complete:
            await work.stop(row.number, _key(row), at=dates.last_second(done.day))
            await work.stop(row.number, _default_key(row))
        payload = {"state": "PERFORMED" if complete else "PART", "evidence": proof}
        await work.append(self._event(case, row, "ClausePerformed" if complete else "ClausePartlyPerformed", payload))
        if complete:
            for claim in await self._claims(work, row):
                if claim.state is ClaimState.WAITING:
                    await self._answered(work, case, row, claim, ClaimState.CONFIRMED)
            await self._after_the_last(work, case)

    async def _answered(self, work: Work, case: Case, row: Owed, claim: PerformanceClaim, state: ClaimState) -> None:
        await store.answer(work.connection, claim, state, work.now, work.actor)
        payload = {"claim": claim.claim, "state": state.name}
        await work.append(self._event(case, row, "PerformanceClaimAnswered", payload))

    @staticmethod
    async def _claims(work: Work, row: Owed) -> Sequence[PerformanceClaim]:
        key = {"agreement": row.agreement, "clause": row.clause, "instalment": row.instalment}
        return await store.claims(work.connection, row.number, **key)

    @command(pb.Instalment)
    async def DeclareDefault(self, request: pb.DeclareDefaultRequest, work: Work) -> pb.Instalment:
        """Declare a part in default before its due date; its clock need not run to the end."""
        case, row = await self._part(request, work)
        rules_of.declare(store.facts(row), work.now)
        await store.change(work.connection, row, defaulted_at=work.now, default_reason=request.reason)
        await work.stop(row.number, _key(row), met=False)
        payload = {"reason": pb.DefaultReason.Name(request.reason)}
        await work.append(self._event(case, row, "ClauseDefaulted", payload, wakes=True))
        await _await_follow_up(work, case, row)
        return await self._shown(work.connection, case, names.ids_of(request.name))

    @command(pb.Instalment)
    async def PursueDefault(self, request: pb.PursueDefaultRequest, work: Work) -> pb.Instalment:
        """Record a step taken after a default; escalation notifies the case's workflow."""
        case, row = await self._part(request, work)
        remedy = Remedy(request.remedy)
        rules_of.pursue(store.facts(row), remedy, work.now)
        await store.pursued(work.connection, row, remedy=remedy, taken_at=work.now, taken_by=work.actor)
        await store.change(work.connection, row, begun=row.begun)
        await work.stop(row.number, _default_key(row))
        wakes = remedy is Remedy.ESCALATE
        await work.append(self._event(case, row, "DefaultPursued", {"remedy": remedy.name}, wakes=wakes))
        return await self._shown(work.connection, case, names.ids_of(request.name))

    async def _part(self, request: Versioned, work: Work) -> tuple[Case, Owed]:
        """Return case and part, locked. Agreements stay in force after closing, so the case may be closed."""
        case = await self.locked(request.name, work, closed=True)
        row = await store.get(work.connection, case.number, names.ids_of(request.name))
        check_etag(row.version, request.etag)
        return case, row

    async def _shown(self, connection: Connection, case: Case, ids: tuple[int, ...]) -> pb.Instalment:
        row = await store.get(connection, case.number, ids)
        return view.instalment(row, await view.told(connection, case.number), self.time.now())

    async def _after_the_last(self, work: Work, case: Case) -> None:
        """If every part with a due date is performed, append the event and start the follow-up visits."""
        found = [row for row in await store.of_case(work.connection, case.number) if row.due_on is not None]
        if not all(store.facts(row).state(work.now) is InstalmentState.PERFORMED for row in found):
            return
        on = max(row.performed_on for row in found if row.performed_on is not None)
        await follow_up.begin(work, case, on)
        payload = {"performed_on": on}
        await work.append(NewEvent(case.number, "AgreementPerformed", case.unit, payload, wakes=True))

    @staticmethod
    def _event(case: Case, row: Owed, kind: str, payload: dict[str, Any], *, wakes: bool = False) -> NewEvent:
        part = {"agreement": row.agreement, "clause": row.clause, "instalment": row.instalment}
        return NewEvent(case.number, kind, case.unit, {**part, **payload}, wakes=wakes)


async def _own(connection: Connection, call: Call, number: str) -> set[int] | None:
    """Return the parties that the caller signs in for; None for staff."""
    if not record.is_party(call):
        return None
    return {names.party_of(name) for name in await people.names_of(connection, number, call.caller.subject)}


async def _seen_by(connection: Connection, call: Call, number: str) -> set[int] | None:
    """Return the parties whose parts the caller sees: its own, and those it is an agent of; None for staff."""
    mine = await _own(connection, call, number)
    return None if mine is None else mine | set(await record.principals(connection, call, number))


def _concerns(row: Owed, mine: set[int] | None) -> bool:
    return mine is None or bool(mine & {row.performer, row.beneficiary})


def _key(row: Owed) -> str:
    return performance_key(row.agreement, row.clause, row.instalment)


def _done(request: pb.RecordPerformanceRequest | pb.ClaimPerformanceRequest, row: Owed, today: date) -> Done:
    """Return what was performed, on the day given (not in the future) or else today."""
    if row.kind is not ClauseKind.PAY:
        must_say(request, "complete")
    if not request.HasField("perform_date"):
        return Done(request.amount_fen, request.complete, today)
    day = dates.read(request.perform_date, "perform_date")
    if day > today:
        raise field_error("perform_date", Reason.INVALID_FIELD, day.isoformat())
    return Done(request.amount_fen, request.complete, day)


def _default_key(row: Owed) -> str:
    return f"default-{row.agreement}-{row.clause}-{row.instalment}"


async def _await_follow_up(work: Work, case: Case, row: Owed) -> None:
    """Give the centre, or the mediator of record, time to follow a default up: once for each part.

    Whoever owes it has failed, not the unit; only nothing done about it is raised against the unit.
    """
    if await mediations.clocks_of(work.connection, case.number, _default_key(row)):
        return
    await work.start_clock(
        case.number, _default_key(row), FOLLOW_UP, unit=case.unit, at=work.now,
        subject=names.instalment_name(row.number, row.agreement, row.clause, row.instalment),
    )  # fmt: skip
    mediation = await mediations.find(work.connection, case.number)
    if mediation is not None and mediation.mediator:
        await clocks.take(work.connection, case.number, _default_key(row), mediation.mediator)


def consequences() -> dict[str, Consequence]:
    """Return what follows when the day of a part passes: the parties get a notice, the centre a step with a clock."""

    async def day_passed(work: Work, firing: Firing) -> None:
        case = await cases.lock(work.connection, firing.number)
        row = await store.get(work.connection, case.number, names.ids_of(firing.subject))
        if store.facts(row).state(work.now) is InstalmentState.DEFAULTED:
            await _await_follow_up(work, case, row)

    return {"performance": day_passed}
