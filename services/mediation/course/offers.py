"""RPCs of offers: made by the accountable unit, answered by the other one; and what follows from silence."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import offers_pb2 as pb
from pb.mediation.v1 import offers_pb2_grpc

from casework import names
from casework.case import DONE, Stage, someone_else
from casework.errors import CaseError, Reason, field_error
from casework.mediation import offer as rules_of
from casework.mediation.offer import OfferState
from services.kit.clocks.clocks import Firing
from services.kit.command import Consequence, Named, Versioned, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.events import NewEvent
from services.mediation import record
from services.mediation import store as cases
from services.mediation.course import dispatch
from services.mediation.models.cases import Case, Task
from services.mediation.models.offers import Offer
from services.mediation.offers import store
from services.mediation.servicer import Servicer


class OfferServicer(Servicer, offers_pb2_grpc.OfferServiceServicer):
    """Serves offers."""

    @command(pb.Offer)
    async def CreateOffer(self, request: pb.CreateOfferRequest, work: Work) -> pb.Offer:
        """Offer a case or a task to another unit. No clock stops, and the unit stays accountable."""
        told = request.offer
        case = await record.locked(work, request.parent)
        offered = names.last(told.offered_unit)
        rules_of.may_be_offered(case.unit, offered, case.about, self.rules.units)
        task = await _offered(work, case, told.task)
        number = task.task if task is not None else 0
        offer = await store.next_of(work.connection, case.number, number)
        clock = await work.start_clock(
            case.number, f"{dispatch.ANSWER}-{offer}", dispatch.ANSWER, unit=offered, at=work.now,
            subject=store.name_of(case.number, offer),
        )  # fmt: skip
        row = await store.add(
            work.connection, number=case.number, offer=offer, task=number, unit=case.unit, offered=offered,
            reason=told.reason, made_by=work.actor, made_at=work.now, answer_until=clock.due_at,
        )  # fmt: skip
        payload = {"task": number, "unit": case.unit, "offered": offered, "reason": told.reason}
        await work.append(NewEvent(case.number, "OfferMade", case.unit, {"offer": offer, **payload}))
        return _view(row)

    async def GetOffer(self, request: pb.GetOfferRequest, context: Context) -> pb.Offer:
        """Return an offer to one of the two units."""
        async with self.database.read() as connection:
            case = await cases.get(connection, names.number_of(request.name))
            row = await store.get(connection, case.number, names.index_of(request.name, "offers"))
        current_call().require_any((row.unit, row.offered))
        return _view(row)

    async def ListOffers(self, request: pb.ListOffersRequest, context: Context) -> pb.ListOffersResponse:
        """Return offers made by the caller's units or to them, oldest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        number = "" if request.parent == "cases/-" else names.number_of(request.parent)
        behind = paging.read(request.page_token, "offers", paging.instant, paging.key, paging.number)
        async with self.database.read() as connection:
            if number:
                await cases.get(connection, number)
            found = await store.listed(connection, paging.subtree(scope), number, request.open, behind, size + 1)
        reply = pb.ListOffersResponse(offers=[_view(row) for row in found[:size]])
        reply.next_page_token = paging.following(
            found, size, "offers", lambda end: (end.made_at, end.number, end.offer)
        )
        return reply

    async def GetOfferedMatter(self, request: pb.GetOfferedMatterRequest, context: Context) -> pb.OfferedMatter:
        """Return what the offered unit needs to decide, while the offer is open; this is logged."""
        call = current_call()
        async with self.database.begin() as connection:
            case = await cases.get(connection, names.number_of(request.name))
            row = await store.get(connection, case.number, names.index_of(request.name, "offers"))
            call.require(row.offered)
            rules_of.must_be_open(row.state, row.answer_until, self.time.now())
            tasks = await cases.tasks_of(connection, case.number)
            await self.log_reading(connection, case, request.name, "OfferedMatterRead", offer=row.offer)
        self.pulse.beat()
        return _outline(case, tasks, row.task, call.language)

    @command(pb.Offer)
    async def AcceptOffer(self, request: pb.AcceptOfferRequest, work: Work) -> pb.Offer:
        """Accept an offer; the case or task moves in this transaction, as if the level above had moved it."""
        case, row = await _answered(request, work)
        someone_else(work.actor, row.made_by)
        rules_of.may_be_offered(row.unit, row.offered, case.about, self.rules.units)
        task = await _offered(work, case, names.task_name(case.number, row.task) if row.task else "")
        row = await _end(work, case, row, OfferState.ACCEPTED, "OfferAccepted")
        if task is not None:
            await dispatch.move_task(work, case, task, row.offered)
        else:
            await dispatch.move_case(work, case, row.offered)
        return _view(row)

    @command(pb.Offer)
    async def DeclineOffer(self, request: pb.DeclineOfferRequest, work: Work) -> pb.Offer:
        """Decline an offer; it stays where it was."""
        case, row = await _answered(request, work)
        row = await _end(work, case, row, OfferState.DECLINED, "OfferDeclined", decline_reason=request.reason)
        return _view(row)

    @command(pb.Offer)
    async def WithdrawOffer(self, request: pb.WithdrawOfferRequest, work: Work) -> pb.Offer:
        """Withdraw an offer that was not answered."""
        case, row = await _locked_row(request, work)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        rules_of.must_be_open(row.state, row.answer_until, work.now)
        return _view(await _end(work, case, row, OfferState.WITHDRAWN, "OfferWithdrawn"))


def consequences() -> dict[str, Consequence]:
    """Return what follows when an offer is not answered in time."""

    async def unanswered(work: Work, firing: Firing) -> None:
        case = await cases.lock(work.connection, firing.number)
        row = await store.get(work.connection, firing.number, firing.index)
        if row.state == OfferState.MADE:
            await _end(work, case, row, OfferState.LAPSED, "OfferLapsed")

    return {dispatch.ANSWER: unanswered}


async def _locked_row(request: Named, work: Work) -> tuple[Case, Offer]:
    case = await cases.lock(work.connection, names.number_of(request.name))
    return case, await store.get(work.connection, case.number, names.index_of(request.name, "offers"))


async def _answered(request: Versioned, work: Work) -> tuple[Case, Offer]:
    """Return case and offer, locked, if the caller may answer for the offered unit, and it may still be answered."""
    case, row = await _locked_row(request, work)
    work.call.require(row.offered)
    check_etag(row.version, request.etag)
    rules_of.must_be_open(row.state, row.answer_until, work.now)
    return case, row


async def _offered(work: Work, case: Case, name: str) -> Task | None:
    """Return the offered task, None for the case; raise an error if it may not move now."""
    if case.stage in (Stage.CLOSE_REVIEW, Stage.CLOSED):
        raise CaseError(Reason.WRONG_STATE, case.stage.name, state=case.stage.name)
    task = None
    if name:
        if names.number_of(name) != case.number:
            raise field_error("offer.task", Reason.INVALID_FIELD, name)
        task = await cases.get_task(work.connection, case.number, int(names.last(name)))
        rules_of.task_may_move(task.state, task.unit, case.unit)
    await dispatch.must_be_undisputed(work, case, task)
    return task


async def _end(work: Work, case: Case, row: Offer, state: OfferState, kind: str, **columns: object) -> Offer:
    changed = await store.change(work.connection, row, state=state, ended_at=work.now, **columns)
    met = state in (OfferState.ACCEPTED, OfferState.DECLINED)
    await work.stop(case.number, f"{dispatch.ANSWER}-{row.offer}", met=met)
    payload = {"offer": row.offer, "task": row.task, "unit": row.unit, "offered": row.offered, "state": state.name}
    if changed.decline_reason:
        payload["reason"] = changed.decline_reason
    await work.append(NewEvent(case.number, kind, case.unit, payload))
    return changed


def _view(row: Offer) -> pb.Offer:
    return pb.Offer(
        name=store.name_of(row.number, row.offer),
        etag=str(row.version),
        task=names.task_name(row.number, row.task) if row.task else "",
        unit=names.unit_name(row.unit),
        offered_unit=names.unit_name(row.offered),
        reason=row.reason,
        decline_reason=row.decline_reason,
        create_time=stamp(row.made_at),
        answer_until_time=stamp(row.answer_until),
        end_time=stamp(row.ended_at),
        **numbers(state=row.state),
    )


def _outline(case: Case, tasks: Sequence[Task], offered: int, language: str) -> pb.OfferedMatter:
    shown = [each for each in tasks if each.task == offered] if offered else [
        each for each in tasks if each.state not in DONE
    ]  # fmt: skip
    return pb.OfferedMatter(
        category=f"categories/{case.category}",
        place=names.unit_name(case.unit),
        receive_time=stamp(case.received_at),
        due_time=stamp(case.due_at),
        measures=[
            pb.OfferedMeasure(
                measure=each.measure[language],
                unit=names.unit_name(each.unit),
                due_time=stamp(each.due_at),
                **numbers(state=each.state),
            )
            for each in shown
        ],
        **numbers(grade=case.grade, stage=case.stage),
    )
