"""The RPCs of halls: set up by the head, tickets drawn at the entrance, called at the windows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pb.intake.v1 import hall_pb2 as pb
from pb.intake.v1 import hall_pb2_grpc

from casework import names
from casework.clocks.calendar import LOCAL
from casework.door import hall as rules_of
from casework.door.filing import KEY_LENGTH
from casework.door.hall import TicketState
from casework.errors import CaseError, Reason, field_error
from services.intake import record
from services.intake import store as reports
from services.intake.filing import is_nobody
from services.intake.hall import setup as setups
from services.intake.hall import store, view
from services.intake.hall.models import Hall, Ticket
from services.intake.hall.setup import Setup
from services.kit import dates
from services.kit.command import Work, check_etag, command
from services.kit.servicer import Servicer
from services.kit.serving.access import Call, Context, current_call
from services.kit.serving.request.named import missing
from services.kit.storage import paging
from services.kit.storage.database import Connection

_READ = "reports.get"
_DUTY_DAYS = 31
"""Days for which somebody may be named at once."""
_LOOK_AHEAD = 14
"""Days within which the next opening is looked for."""


class HallServicer(Servicer, hall_pb2_grpc.HallServiceServicer):
    """Serves halls."""

    service = "intake"
    heads = "reports"

    @command(pb.Hall)
    async def ConfigureHall(self, request: pb.ConfigureHallRequest, work: Work) -> pb.Hall:
        """Set up a hall, or change it as a whole."""
        unit = self.known(request.hall.name, "hall.name")
        work.call.require(unit)
        setups.check(request.hall, self.rules)
        kept = pb.Hall()
        kept.CopyFrom(request.hall)
        kept.ClearField("name")
        kept.ClearField("etag")
        setup = Setup(kept, self.clockwork.calendars.of(unit))
        new = await store.add(work.connection, unit, setup.stored(), work.actor, work.now)
        row = await store.get(work.connection, request.hall.name, lock=True)
        check_etag(row.version, request.hall.etag)
        if not new:
            await self._must_keep_queues(work, row, setup)
            row = await store.change(
                work.connection, unit, settings=setup.stored(), updated_by=work.actor, updated_at=work.now
            )
        return view.hall(row, setup)

    async def GetHall(self, request: pb.GetHallRequest, context: Context) -> pb.Hall:
        """Return a hall as it is set up."""
        unit = names.last(request.name)
        current_call().require(unit)
        async with self.database.read() as connection:
            row = await store.get(connection, request.name)
        return view.hall(row, self._setup(row))

    @command(pb.AssignDutyResponse)
    async def AssignDuty(self, request: pb.AssignDutyRequest, work: Work) -> pb.AssignDutyResponse:
        """Name who is on duty at a posting."""
        unit, posting = request.name.split("/")[1], names.index_of(request.name)
        work.call.require(unit)
        row = await store.get(work.connection, request.name, lock=True)
        if all(each.posting != posting for each in self._setup(row).hall.postings):
            raise missing("name", request.name)
        first = dates.coming(request.first_date, "first_date", work.now)
        last = dates.read(request.last_date, "last_date") if request.HasField("last_date") else first
        if not 0 <= (last - first).days < _DUTY_DAYS:
            raise field_error("last_date", Reason.INVALID_FIELD, f"{first} … {first + timedelta(_DUTY_DAYS - 1)}")
        days = rules_of.days_from(first, last)
        for day in days:
            await store.assign(work.connection, unit, posting, day, request.officer)
        return pb.AssignDutyResponse(days=len(days))

    async def GetHallDay(self, request: pb.GetHallDayRequest, context: Context) -> pb.HallDay:
        """Return one day of a hall; who was on duty on a past one is shown to nobody."""
        call, unit, day = current_call(), request.name.split("/")[1], _day(names.last(request.name))
        call.require(unit)
        async with self.database.read() as connection:
            row = await store.get(connection, request.name)
            duties = await store.duties(connection, unit, day)
        setup = self._setup(row)
        shown = duties if day >= dates.today(self.time.now()) else {}
        return pb.HallDay(
            name=request.name,
            hours=view.hours(setup.hours(day)),
            provisional=setup.calendar.provisional(day, day),
            present=view.present(unit, setup, day, shown, self.rules.units, call.language),
        )

    @command(pb.Ticket)
    async def DrawTicket(self, request: pb.DrawTicketRequest, work: Work) -> pb.Ticket:
        """Give out the next ticket of a queue."""
        unit, call = names.last(request.parent), work.call
        call.require(unit)
        if call.caller.matter:
            # For one matter alone, and outside the limits of people without an account.
            raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)
        if is_nobody(call) and len(request.request_id) < KEY_LENGTH:
            detail = f"{KEY_LENGTH} characters or more, drawn at random"
            raise field_error("request_id", Reason.INVALID_FIELD, detail)
        if bool(request.queue) == bool(request.category):
            raise field_error("queue", Reason.INVALID_FIELD, "either queue or category")
        row = await store.get(work.connection, request.parent, "parent", lock=True)
        setup, today = self._setup(row), dates.today(work.now)
        _must_be_shown(setup, call, row)
        queue = setup.queue(request.queue) if request.queue else self._by_category(setup, request.category)
        self._must_be_open(setup, work.now)
        most = queue.daily_limit or rules_of.MOST
        if await store.drawn(work.connection, unit, today, queue.letter) >= most:
            raise CaseError(Reason.QUEUE_FULL, view.title(queue, call.language))
        drawn = await store.draw(work.connection, unit, today, queue.letter, request.manner or 1, work.now)
        return await self._shown(work.connection, drawn, setup, call, work.now)

    async def GetTicket(self, request: pb.GetTicketRequest, context: Context) -> pb.Ticket:
        """Return a ticket, and how many are ahead of it."""
        call, (unit, day, letter, number) = current_call(), _ticket(request.name)
        call.require(unit)
        async with self.database.read() as connection:
            hall = await store.get(connection, request.name)
            setup = self._setup(hall)
            _must_be_shown(setup, call, hall)
            row = await store.ticket(connection, unit, day, letter, number)
            if row is None:
                raise missing("name", request.name)
            return await self._shown(connection, row, setup, call, self.time.now())

    async def GetBoard(self, request: pb.GetBoardRequest, context: Context) -> pb.Board:
        """Return the board above the windows."""
        call, unit, now = current_call(), request.name.split("/")[1], self.time.now()
        call.require(unit)
        async with self.database.read() as connection:
            row = await store.get(connection, request.name)
            setup = self._setup(row)
            _must_be_shown(setup, call, row)
            tickets = await store.on_board(connection, unit, dates.today(now))
        return view.board(unit, setup, tickets, now, self.rules.units, call.language)

    async def ListTickets(self, request: pb.ListTicketsRequest, context: Context) -> pb.ListTicketsResponse:
        """Return the tickets of a day, in the order in which they were drawn."""
        call, unit, now = current_call(), names.last(request.parent), self.time.now()
        call.require(unit)
        today, size = dates.today(now), request.page_size or 50
        day = dates.read(request.date, "date") if request.HasField("date") else today
        after = paging.read(request.page_token, "tickets", paging.number) or 0
        asked = {TicketState(each) for each in request.states} or set(TicketState)
        # What is shown as expired is stored as it was left.
        kept = {each for each in TicketState if rules_of.shown_state(each, day, today) in asked}
        async with self.database.read() as connection:
            setup = self._setup(await store.get(connection, request.parent, "parent"))
            found = await store.listed(connection, unit, day, request.queue, sorted(kept), after, size + 1)
            shown = await self._all_shown(connection, found[:size], setup, call, now)
        reply = pb.ListTicketsResponse(tickets=shown)
        reply.next_page_token = paging.following(found, size, "tickets", lambda end: end.drawn_no)
        return reply

    @command(pb.Ticket)
    async def CallNextTicket(self, request: pb.CallNextTicketRequest, work: Work) -> pb.Ticket:
        """Call whoever has waited longest to a window; its last ticket must be done with."""
        unit, number, today = request.name.split("/")[1], names.index_of(request.name), dates.today(work.now)
        work.call.require(unit)
        # Of two windows that call at once, the second waits here and sees what the first called.
        row = await store.get(work.connection, request.name, lock=True)
        setup = self._setup(row)
        window = setup.window(number, "name")
        _must_sit_there(work.call, unit, setup, number, today)
        await self._must_be_free(work.connection, unit, today, number)
        found = await store.next_waiting(work.connection, unit, today, window.queues)
        if found is None:
            raise CaseError(Reason.NOBODY_WAITING)
        return await self._called(work, found, setup, number)

    @command(pb.Ticket)
    async def RecallTicket(self, request: pb.RecallTicketRequest, work: Work) -> pb.Ticket:
        """Call a ticket again, that was called or passed over."""
        row, setup = await self._locked(request.name, work, request.window)
        if row.state is TicketState.WAITING:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        window = setup.window(request.window or row.window_no, "window").window
        if (row.state, row.window_no) != (TicketState.CALLED, window):
            await self._must_be_free(work.connection, row.unit, row.day, window)
        return await self._called(work, row, setup, window)

    @command(pb.Ticket)
    async def PassTicket(self, request: pb.PassTicketRequest, work: Work) -> pb.Ticket:
        """Pass over a ticket whose holder did not come."""
        row, setup = await self._locked(request.name, work)
        state = rules_of.move(row.state, TicketState.PASSED)
        row = await store.move(work.connection, row, state=state)
        return await self._shown(work.connection, row, setup, work.call, work.now)

    @command(pb.Ticket)
    async def ServeTicket(self, request: pb.ServeTicketRequest, work: Work) -> pb.Ticket:
        """Record that a ticket was served, with the report that it led to, if the window may read that report."""
        row, setup = await self._locked(request.name, work)
        state = rules_of.move(row.state, TicketState.SERVED)
        report = names.number_of(request.report) if request.report else ""
        if report and not await _readable(work.connection, work.call, [report]):
            # The same as for one that does not exist: a number tells nothing to who may not read it.
            raise missing("report", request.report)
        row = await store.move(work.connection, row, state=state, report=report)
        return await self._shown(work.connection, row, setup, work.call, work.now)

    @command(pb.Ticket)
    async def MoveTicket(self, request: pb.MoveTicketRequest, work: Work) -> pb.Ticket:
        """Move a ticket to a queue, its own or another; it keeps the time at which it was drawn."""
        row, setup = await self._locked(request.name, work)
        queue = setup.queue(request.queue)
        state = rules_of.move(row.state, TicketState.WAITING)
        row = await store.move(work.connection, row, state=state, queue=queue.letter, window_no=0)
        return await self._shown(work.connection, row, setup, work.call, work.now)

    def _setup(self, row: Hall) -> Setup:
        return Setup.of(row, self.clockwork.calendars.of(row.unit))

    def _by_category(self, setup: Setup, name: str) -> pb.HallQueue:
        category = name.removeprefix("categories/")
        if category not in self.rules.categories:
            raise field_error("category", Reason.UNKNOWN_CATEGORY, category)
        return setup.queue_of(category)

    def _must_be_open(self, setup: Setup, now: datetime) -> None:
        """Raise HALL_CLOSED, with the next opening, if the hall is closed now."""
        local = now.astimezone(LOCAL)
        if rules_of.is_open(setup.hours(local.date()), local):
            return
        opens = rules_of.next_opening(setup.hours, local, _LOOK_AHEAD)
        raise CaseError(Reason.HALL_CLOSED, opens, opens=opens)

    async def _must_keep_queues(self, work: Work, row: Hall, new: Setup) -> None:
        """Raise INVALID_FIELD if somebody waits today in a queue that would be gone."""
        letters = {each.letter for each in new.hall.queues}
        for each in await store.on_board(work.connection, row.unit, dates.today(work.now)):
            if each.state is TicketState.WAITING and each.queue not in letters:
                raise field_error("hall.queues", Reason.INVALID_FIELD, f"somebody waits in {each.queue}")

    async def _must_be_free(self, connection: Connection, unit: str, day: date, window: int) -> None:
        """Raise WINDOW_BUSY, with the ticket, if a window has called one that is still open."""
        open_one = await store.at_window(connection, unit, day, window)
        if open_one is not None:
            number = rules_of.written(open_one.letter, open_one.ticket_no)
            raise CaseError(Reason.WINDOW_BUSY, number, ticket=number)

    async def _locked(self, name: str, work: Work, window: int = 0) -> tuple[Ticket, Setup]:
        """Return a ticket of today of a locked hall, if the caller may call it to its window, or to this one."""
        unit, day, letter, number = _ticket(name)
        work.call.require(unit)
        hall = await store.get(work.connection, name, lock=True)
        setup, today = self._setup(hall), dates.today(work.now)
        row = await store.ticket(work.connection, unit, day, letter, number)
        if row is None:
            raise missing("name", name)
        _must_sit_there(work.call, unit, setup, row.window_no, today)
        if window:
            _must_sit_there(work.call, unit, setup, window, today)
        rules_of.must_be_of_today(day, today)
        return row, setup

    async def _called(self, work: Work, row: Ticket, setup: Setup, window: int) -> pb.Ticket:
        state = rules_of.move(row.state, TicketState.CALLED)
        row = await store.move(
            work.connection, row, state=state, window_no=window, calls=row.calls + 1, called_at=work.now
        )
        return await self._shown(work.connection, row, setup, work.call, work.now)

    async def _shown(self, connection: Connection, row: Ticket, setup: Setup, call: Call, now: datetime) -> pb.Ticket:
        (shown,) = await self._all_shown(connection, [row], setup, call, now)
        return shown

    @staticmethod
    async def _all_shown(
        connection: Connection, found: Sequence[Ticket], setup: Setup, call: Call, now: datetime
    ) -> list[pb.Ticket]:
        """Return tickets as the caller may see them: a report is named to who may read it."""
        readable = await _readable(connection, call, [row.report for row in found if row.report])
        shown = []
        for row in found:
            ahead = await store.ahead(connection, row) if row.state is TicketState.WAITING else 0
            report = row.report if row.report in readable else ""
            shown.append(view.ticket(row, setup, ahead, dates.today(now), call.language, report))
        return shown


async def _readable(connection: Connection, call: Call, numbers: Sequence[str]) -> frozenset[str]:
    """Return which of these reports the caller may read, by the one question of access."""
    if not numbers or not call.access.holds(call.caller, _READ):
        return frozenset()
    found = (await reports.some(connection, numbers)).values()
    return frozenset([row.number for row in found if await record.may(connection, call, row, _READ)])


def _must_be_shown(setup: Setup, call: Call, row: Hall) -> None:
    """Raise DOOR_CLOSED to somebody without an account at a hall that is not open to them."""
    if is_nobody(call) and not setup.hall.open_door:
        raise CaseError(Reason.DOOR_CLOSED, names.unit_name(row.unit))


def _must_sit_there(call: Call, unit: str, setup: Setup, window: int, today: date) -> None:
    """Raise PERMISSION_DENIED to a unit below the hall's that is not posted at the window today."""
    if not call.access.lies_under(unit, call.caller.unit):
        call.require_person(setup.posted(call.caller.unit, window, today))


def _day(text: str, field: str = "name") -> date:
    """Return the day in a name; INVALID_FIELD if there is no such day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise field_error(field, Reason.INVALID_FIELD, "date") from None


def _ticket(name: str) -> tuple[str, date, str, int]:
    """Return unit, day, letter and number in the name of a ticket."""
    _, unit, _, ticket = name.split("/")
    day, _, number = ticket.rpartition("-")
    return unit, _day(day), number[0], int(number[1:])
