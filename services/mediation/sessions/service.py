"""SessionService's RPCs. Each reads the request, checks permission, decides, writes once, responds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from pb.mediation.v1 import sessions_pb2 as pb
from pb.mediation.v1 import sessions_pb2_grpc

from casework import names
from casework.case import Stage
from casework.errors import CaseError, Reason, field_error
from casework.mediation import session as rules_of
from casework.mediation.contradiction import Act, Fact, must_hold
from casework.mediation.course import Scope
from casework.mediation.session import SessionKind, SessionState, Venue
from services.kit import dates
from services.kit.command import Versioned, Work, check_etag, command
from services.kit.instants import instant
from services.kit.serving.access import Context, current_call
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import CaseSealer
from services.mediation import keys, record
from services.mediation.models.cases import Case
from services.mediation.models.sessions import Period, Session, TimeWish
from services.mediation.panel import store as panel
from services.mediation.sessions import attending, standing, store, view
from services.mediation.sessions.record import RecordRpcs, party_of, sitting_of, with_parts
from services.mediation.sessions.rooms import RoomRpcs
from services.mediation.sessions.standing import Standing
from services.mediation.sessions.view import Sitting
from services.mediation.store import get as get_case
from services.mediation.store import lock as lock_case


class SessionServicer(RoomRpcs, RecordRpcs, sessions_pb2_grpc.SessionServiceServicer):
    """Serves rooms, sessions and their records."""

    body_key_name = "requests of sessions"

    @command(pb.Session)
    async def ScheduleSession(self, request: pb.ScheduleSessionRequest, work: Work) -> pb.Session:
        """Schedule a session, if every party consented and the room is free."""
        number, asked = names.number_of(request.parent), request.session
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        await standing.admit(work.connection, work.call, case, people)
        kind, venue = SessionKind(asked.kind), Venue(asked.venue)
        start, end = instant(asked.start_time), instant(asked.end_time)
        rules_of.check_time(start, end, work.now)
        rules_of.check_venue(venue, asked.room, asked.place)
        if case.stage is Stage.CLOSED:
            raise CaseError(Reason.WRONG_STATE, Stage.CLOSED.name, state=Stage.CLOSED.name)
        rules_of.may_meet(kind, people.meeting)
        people.must_be_live()
        parties = rules_of.invited(kind, [party_of(name, number) for name in asked.parties], people.meeting)
        row = {
            "kind": kind,
            "venue": venue,
            "room": await self._room(work, case, people, asked.room, Period(start, end)),
            "during": Period(start, end),
            "parties": parties,
            "language": asked.language,
            "interpreter": asked.interpreter,
            "sealed": await self._place(work, case, asked.place),
            "scheduled_by": work.actor,
            "updated_at": work.now,
        }
        added = await store.add(work.connection, number, **row)
        payload = {"session": added.session, "kind": kind.name, "venue": venue.name, "start_at": start}
        await work.append(NewEvent(number, "SessionScheduled", case.unit, payload))
        return view.session(await with_parts(work.connection, added))

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> pb.Session:
        """Return a session without its sealed part."""
        number = names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            mine = await standing.admit(connection, current_call(), case, people, record.ANY)
            sitting = await sitting_of(connection, number, names.index_of(request.name, "sessions"))
            wishes = _own(await store.time_wishes(connection, number), mine)
        self._must_see(sitting, mine, people, request.name)
        return view.session(sitting, wishes)

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        """Return the sessions of a case that the caller may see, in order."""
        number = names.number_of(request.parent)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            mine = await standing.admit(connection, current_call(), case, people, record.ANY)
            rows = await store.of_case(connection, number)
            attendances = await store.attendances(connection, number)
            records = await store.records(connection, number)
            signatures = await store.signatures(connection, number)
            wishes = _own(await store.time_wishes(connection, number), mine)
            seconds = await panel.seconds(connection, number)
        sittings = [Sitting.of(row, attendances, records, signatures, seconds) for row in rows]
        return pb.ListSessionsResponse(
            sessions=[view.session(each, wishes) for each in sittings if self._sees(each, mine, people)]
        )

    async def ListOwnSessions(self, request: pb.ListOwnSessionsRequest, context: Context) -> pb.ListOwnSessionsResponse:
        """Return the sessions of a day that the caller mediates, by their time."""
        call = current_call()
        call.require(call.caller.unit)
        day = dates.read(request.date, "date") if request.HasField("date") else dates.today(self.time.now())
        start = dates.first_second(day)
        async with self.database.read() as connection:
            rows = await store.of_a_day(connection, call.caller.subject, Period(start, start + timedelta(days=1)))
            shown = [
                view.session(await with_parts(connection, row), await store.time_wishes(connection, row.number))
                for row in rows
            ]
        return pb.ListOwnSessionsResponse(sessions=shown)

    async def GetSessionContent(self, request: pb.GetSessionContentRequest, context: Context) -> pb.SessionContent:
        """Return the place and, to staff, the names of those who attended; this is logged."""
        call, number = current_call(), names.number_of(request.name)
        async with self.database.begin() as connection:
            case = await get_case(connection, number)
            people = await standing.standing(connection, number)
            mine = await standing.admit(connection, call, case, people, record.ANY)
            sitting = await sitting_of(connection, number, names.index_of(request.name, "sessions"))
            self._must_see(sitting, mine, people, request.name)
            room = await store.get_room(connection, sitting.row.room) if sitting.row.room else None
            await self.log_reading(connection, case, request.name, "ContentRead", subject=request.name)
        self.pulse.beat()
        answer = pb.SessionContent(name=request.name, place=room.display_name if room else "")
        if sitting.row.sealed:
            answer.place = keys.reading(self.sealer, case).open(sitting.row.sealed).decode()
        if mine is None and sitting.attendances:
            under = keys.reading(self.sealer, case) if any(each.sealed for each in sitting.attendances) else None
            answer.attendances.extend(
                view.attendance(each, under.open(each.sealed).decode() if under and each.sealed else "")
                for each in sitting.attendances
            )
        return answer

    @command(pb.Session)
    async def StartSession(self, request: pb.StartSessionRequest, work: Work) -> pb.Session:
        """Start a session; withdrawals and screenings since it was scheduled count."""
        case, row, people = await self._session(request, work)
        state = rules_of.move(row.state, SessionState.OPEN)
        rules_of.may_meet(row.kind, people.meeting)
        people.must_be_live()
        in_time = rules_of.may_start(row.during.start, work.now)
        must_hold(Act.START_SESSION, {Fact.NOT_LONG_BEFORE_ITS_TIME: in_time})
        if not people.mediator:
            raise CaseError(Reason.NO_MEDIATOR)
        changed = await store.change(work.connection, row, work.now, state=state, started_at=work.now)
        payload = {"session": row.session, "kind": row.kind.name}
        await work.append(NewEvent(row.number, "SessionStarted", case.unit, payload))
        return view.session(await with_parts(work.connection, changed))

    @command(pb.Session)
    async def EndSession(self, request: pb.EndSessionRequest, work: Work) -> pb.Session:
        """End a session that was held."""
        case, row, _ = await self._session(request, work)
        state = rules_of.move(row.state, SessionState.HELD)
        sitting = await with_parts(work.connection, row)
        _must_have_been_held(sitting)
        return await self._end(work, case, row, state, "SessionHeld")

    @command(pb.Session)
    async def CancelSession(self, request: pb.CancelSessionRequest, work: Work) -> pb.Session:
        """Cancel a session that has not begun, or that nobody attended; its room is free again."""
        case, row, _ = await self._session(request, work)
        state = rules_of.move(row.state, SessionState.CANCELLED)
        sitting = await with_parts(work.connection, row)
        must_hold(Act.CALL_OFF_SESSION, {Fact.NOBODY_CAME: not sitting.a_party_came})
        return await self._end(work, case, row, state, "SessionCancelled")

    @command(pb.Session)
    async def RecordAttendance(self, request: pb.RecordAttendanceRequest, work: Work) -> pb.Session:
        """Record who attended, names sealed."""
        case, row, people = await self._session(request, work)
        if row.state not in rules_of.MAY_RECORD:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        under = await keys.writing(work.connection, self.sealer, case)
        for each in request.attendances:
            _must_be_possible(each, work.now)
        await attending.fill_in(work.connection, case, people, request.attendances, under)
        rows = [self._attendance(each, row, under) for each in request.attendances]
        await store.attend(work.connection, rows)
        sitting = await with_parts(work.connection, await store.change(work.connection, row, work.now))
        _must_stay_possible(sitting)
        payload = {"session": row.session, "attendances": len(rows)}
        await work.append(NewEvent(row.number, "AttendanceRecorded", case.unit, payload))
        return view.session(sitting)

    @command(pb.JointWish)
    async def AskJointSession(self, request: pb.AskJointSessionRequest, work: Work) -> pb.JointWish:
        """Record whether a party, asked alone, wants joint sessions. It can always be withdrawn."""
        number = names.number_of(request.name)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        await standing.admit(work.connection, work.call, case, people)
        party = int(names.last(request.name))
        if party not in people.sides:
            raise CaseError(Reason.NOT_FOUND, request.name)
        if request.wished and not request.asked_alone:
            raise field_error("asked_alone", Reason.INVALID_FIELD, "a wish is recorded of who was asked alone")
        await store.wish(work.connection, number, party, request.wished, work.now, work.actor)
        # A wish reveals something about the screening: the event says only that it was recorded.
        await work.append(NewEvent(number, "JointWishRecorded", case.unit))
        answer = pb.JointWish(name=request.name, wished=request.wished)
        answer.record_time.FromDatetime(work.now)
        return answer

    @command(pb.TimeWish)
    async def AskOtherTime(self, request: pb.AskOtherTimeRequest, work: Work) -> pb.TimeWish:
        """Record that a party asks for another time for a session; staff see it with the session."""
        number = names.number_of(request.name)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        mine = await standing.admit(work.connection, work.call, case, people, frozenset({Scope.PROCEDURE}))
        party = party_of(request.party, number)
        work.call.require_person(mine is None or party in mine)
        row = await store.get(work.connection, number, names.index_of(request.name))
        if party not in row.parties:
            raise CaseError(Reason.NOT_FOUND, request.name)
        if row.state is not SessionState.SCHEDULED:
            raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
        times = sorted(instant(each) for each in request.times)
        if times[0] <= work.now:
            raise field_error("times", Reason.INVALID_FIELD, "in the past")
        wish = await store.ask_time(work.connection, row, party, times, work.now, work.actor)
        payload = {"session": row.session, "party": party}
        await work.append(NewEvent(number, "OtherTimeAsked", case.unit, payload))
        return view.time_wish(wish)

    async def _session(self, request: Versioned, work: Work) -> tuple[Case, Session, Standing]:
        """Return the locked case, the session and its people, if the caller may act for them."""
        number = names.number_of(request.name)
        case = await lock_case(work.connection, number)
        people = await standing.standing(work.connection, number)
        await standing.admit(work.connection, work.call, case, people)
        row = await store.get(work.connection, number, names.index_of(request.name, "sessions"))
        check_etag(row.version, request.etag)
        return case, row, people

    @staticmethod
    async def _end(work: Work, case: Case, row: Session, state: SessionState, kind: str) -> pb.Session:
        changed = await store.change(work.connection, row, work.now, state=state, ended_at=work.now)
        await work.append(NewEvent(row.number, kind, case.unit, {"session": row.session}))
        return view.session(await with_parts(work.connection, changed))

    async def _room(self, work: Work, case: Case, people: Standing, name: str, during: Period) -> str | None:
        """Return the room asked for: open, in the county of the case's or the mediator's unit, or of a unit above.

        It is locked, so that nobody books it meanwhile; ROOM_TAKEN if it is booked for something else.
        """
        if not name:
            return None
        try:
            row = await store.get_room(work.connection, names.last(name), lock=True)
        except CaseError:
            raise field_error("session.room", Reason.INVALID_FIELD, "no such room") from None
        units = [unit for unit in (case.unit, people.mediator_unit) if unit in self.rules.units]
        if not any(
            row.unit in self.rules.units.path(unit) or names.county_of(row.unit) == names.county_of(unit)
            for unit in units
        ):
            raise field_error("session.room", Reason.INVALID_FIELD, "of another county")
        if row.closed_at is not None:
            raise CaseError(Reason.ROOM_CLOSED, name)
        if await store.is_booked(work.connection, row.room, during):
            raise CaseError(Reason.ROOM_TAKEN, name)
        return row.room

    async def _place(self, work: Work, case: Case, place: str) -> bytes | None:
        if not place:
            return None
        return (await keys.writing(work.connection, self.sealer, case)).seal(place.encode())

    @staticmethod
    def _attendance(each: pb.Attendance, row: Session, under: CaseSealer) -> dict[str, Any]:
        party = party_of(each.party, row.number) if each.party else 0
        if each.role == pb.ATTENDEE_ROLE_PARTY and party not in row.parties:
            raise field_error("attendances.party", Reason.INVALID_FIELD, "a party of the session")
        return {
            "number": row.number,
            "session": row.session,
            "role": each.role,
            "party": party,
            "ordinal": each.ordinal,
            "presence": each.presence,
            "arrived_at": instant(each.arrive_time) if each.HasField("arrive_time") else None,
            "left_at": instant(each.leave_time) if each.HasField("leave_time") else None,
            "sealed": under.seal(each.display_name.encode()) if each.display_name else None,
            "member": names.index_of(each.member),
        }

    @staticmethod
    def _sees(sitting: Sitting, mine: frozenset[int] | None, people: Standing) -> bool:
        """Return whether the caller may see a session: staff any, a party no separate session of the other side."""
        if mine is None or sitting.row.kind is SessionKind.JOINT:
            return True
        sides = {people.parties[party].side for party in mine}
        return any(people.parties[party].side in sides for party in sitting.row.parties)

    def _must_see(self, sitting: Sitting, mine: frozenset[int] | None, people: Standing, name: str) -> None:
        if not self._sees(sitting, mine, people):
            raise CaseError(Reason.NOT_FOUND, name)


def _own(wishes: Iterable[TimeWish], mine: frozenset[int] | None) -> list[TimeWish]:
    """Return the requests for another time that the caller may see: a party sees only its own."""
    return [each for each in wishes if mine is None or each.party in mine]


def _must_have_been_held(sitting: Sitting) -> None:
    """Raise CONTRADICTED if a session was held by nobody, or with nobody."""
    came = {Fact.A_PARTY_CAME: sitting.a_party_came, Fact.A_MEDIATOR_CAME: sitting.a_mediator_came}
    must_hold(Act.HOLD_SESSION, came)


def _must_stay_possible(sitting: Sitting) -> None:
    """Raise CONTRADICTED if a corrected attendance makes nonsense of what was recorded: a signature, a session held."""
    signed = sitting.read_backs | sitting.signed
    must_hold(Act.CORRECT_ATTENDANCE, {Fact.WHO_SIGNED_CAME: not signed & sitting.absent})
    if sitting.row.state is SessionState.HELD:
        _must_have_been_held(sitting)


def _must_be_possible(each: pb.Attendance, now: datetime) -> None:
    """Raise CONTRADICTED if an attendance is impossible."""
    came = instant(each.arrive_time) if each.HasField("arrive_time") else None
    left = instant(each.leave_time) if each.HasField("leave_time") else None
    absent = each.presence == pb.PRESENCE_ABSENT
    facts = {
        Fact.CAME_BEFORE_LEAVING: came is None or left is None or came <= left,
        Fact.NOT_TO_COME: all(time is None or time <= now for time in (came, left)),
        Fact.ABSENT_WITHOUT_TIMES: not absent or (came is None and left is None),
    }
    must_hold(Act.ATTEND, facts)
