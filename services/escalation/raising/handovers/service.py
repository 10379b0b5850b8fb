"""RPCs of hand-overs: opened, acknowledged by the successor, cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pb.escalation.v1 import handovers_pb2 as pb
from pb.escalation.v1 import handovers_pb2_grpc

from casework import names
from casework.errors import CaseError, Reason, field_error
from casework.supervision.raising import handover as rules_of
from casework.supervision.raising.handover import HandoverState
from services.escalation import files
from services.escalation.raising.handovers import store, taking_over
from services.escalation.raising.handovers.models import Handover, HandoverItem
from services.escalation.raising.levels import raising
from services.escalation.servicer import Servicer
from services.kit import dates
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.serving.access import Context, current_call
from services.kit.storage import paging
from services.kit.storage.database import Connection
from services.kit.storage.events import NewEvent


class HandoverServicer(Servicer, handovers_pb2_grpc.HandoverServiceServicer):
    """Serves hand-overs."""

    @command(pb.Handover)
    async def CreateHandover(self, request: pb.CreateHandoverRequest, work: Work) -> pb.Handover:
        """Open a hand-over with everything the official holds for the unit, and items named manually."""
        told, unit = request.handover, self.known(request.handover.unit, "handover.unit")
        work.call.require(unit)
        if told.successor == told.official:
            raise field_error("handover.successor", Reason.INVALID_FIELD, told.successor)
        if await store.is_open(work.connection, unit, told.official):
            raise CaseError(Reason.ALREADY_EXISTS, told.official)
        file = await self.opened(work, "handovers", unit)
        row = await store.open_new(
            work.connection, file.number, unit=unit, official=told.official, successor=told.successor,
            created_at=work.now,
            notes=(await self.seal(work, file)).seal(told.notes.encode()) if told.notes else None,
        )  # fmt: skip
        await taking_over.list_held(work, row)
        await taking_over.list_by_hand(work, row, told.items)
        listed = await store.items(work.connection, row.number)
        rules_of.must_hold_something(each.subject for each in listed)
        subject = names.file_name(row.number)
        await work.start_clock(row.number, taking_over.CLOCK, taking_over.RULE, subject=subject, unit=unit, at=work.now)
        await work.append(NewEvent(row.number, "HandoverOpened", unit, {"items": len(listed)}))
        return _view(row, listed)

    async def GetHandover(self, request: pb.GetHandoverRequest, context: Context) -> pb.Handover:
        """Return a hand-over with its items."""
        async with self.database.read() as connection:
            row = await self._seen(connection, request.name)
            return _view(row, await store.items(connection, row.number))

    async def ListHandovers(self, request: pb.ListHandoversRequest, context: Context) -> pb.ListHandoversResponse:
        """Return hand-overs of the caller's units without their items, oldest first."""
        size = request.page_size or 50
        scope = current_call().scope(names.last(request.unit))
        mark = paging.read(request.page_token, "handovers", paging.instant, paging.key)
        behind = mark or (datetime(1, 1, 2, tzinfo=UTC), "")
        async with self.database.read() as connection:
            found = await store.listed(connection, paging.subtree(scope), request.open, behind, size + 1)
        reply = pb.ListHandoversResponse(handovers=[_summary(row, row.open) for row in found[:size]])
        reply.next_page_token = paging.following(found, size, "handovers", lambda end: (end.created_at, end.number))
        return reply

    @command(pb.Handover)
    async def AcknowledgeHandover(self, request: pb.AcknowledgeHandoverRequest, work: Work) -> pb.Handover:
        """Acknowledge items as the successor; with the last one all of them move."""
        row = await self._open(request, work)
        rules_of.must_be_the_successor(work.actor, row.successor)
        listed = {each.item for each in await store.items(work.connection, row.number)}
        items = rules_of.acknowledged(list(request.items), listed)
        await store.acknowledge(work.connection, row.number, items, work.now)
        row = await taking_over.complete_if_all(work, row)
        kind = "HandoverCompleted" if row.state is HandoverState.COMPLETED else "HandoverAcknowledged"
        await work.append(NewEvent(row.number, kind, row.unit, {"items": sorted(items)}))
        return _view(row, await store.items(work.connection, row.number))

    @command(pb.Handover)
    async def CancelHandover(self, request: pb.CancelHandoverRequest, work: Work) -> pb.Handover:
        """Cancel a hand-over: all items stay with the official."""
        row = await self._open(request, work)
        row = await store.change(work.connection, row.number, state=HandoverState.CANCELLED, ended_at=work.now)
        await work.stop(row.number, taking_over.CLOCK, met=False)
        await raising.settle(work, row.number, "cancelled")
        await work.append(NewEvent(row.number, "HandoverCancelled", row.unit))
        return _view(row, await store.items(work.connection, row.number))

    async def ReadHandoverNotes(self, request: pb.ReadHandoverNotesRequest, context: Context) -> pb.HandoverNotes:
        """Return the notes of a hand-over; this is logged."""
        async with self.database.begin() as connection:
            row = await self._seen(connection, request.name)
            answer = pb.HandoverNotes()
            if row.notes is not None:
                answer.notes = (await self.opener(connection, row.number)).open(row.notes).decode()
            await self.log_reading(connection, row.number, row.unit, "HandoverNotesRead")
        self.pulse.beat()
        return answer

    @staticmethod
    async def _seen(connection: Connection, name: str) -> Handover:
        row = await store.get(connection, names.number_of(name))
        current_call().require(row.unit)
        return row

    @staticmethod
    async def _open(request: Versioned, work: Work) -> Handover:
        number = names.number_of(request.name)
        await files.lock(work.connection, number)
        row = await store.get(work.connection, number)
        work.call.require(row.unit)
        check_etag(row.version, request.etag)
        rules_of.must_be_open(row.state)
        return row


def _summary(row: Handover | store.Summary, open_items: int) -> pb.Handover:
    return pb.Handover(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        official=row.official,
        successor=row.successor,
        overdue=row.overdue,
        create_time=stamp(row.created_at),
        end_time=stamp(row.ended_at),
        open_items=open_items,
        **numbers(state=row.state),
    )


def _view(row: Handover, items: Sequence[HandoverItem]) -> pb.Handover:
    shown = _summary(row, sum(each.acknowledged_at is None for each in items))
    shown.items.extend(_item(each) for each in items)
    return shown


def _item(row: HandoverItem) -> pb.HandoverItem:
    return pb.HandoverItem(
        item=row.item,
        subject=row.subject,
        role=row.role,
        due_date=dates.shown(row.due_on),
        clocks=[
            pb.OpenClock(
                clock=f"clocks/escalation/{clock}",
                rule=rule,
                due_time=stamp(datetime.fromisoformat(due)) if due else None,
            )
            for clock, rule, due in row.clocks
        ],
        acknowledge_time=stamp(row.acknowledged_at),
        move_time=stamp(row.moved_at),
    )
