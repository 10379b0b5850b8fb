"""Sessions: consent first, no room booked twice, separate after violence, read back before signing, ended at once."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import consent_pb2, people_pb2
from pb.mediation.v1 import sessions_pb2 as pb

from casework.errors import CaseError
from casework.mediation import session as rules
from casework.mediation.session import Meeting, SessionKind, SessionState
from services.kit.storage.database import Connection
from services.kit.storage.database import Row as DatabaseRow
from services.mediation.sessions.ending import end_open_sessions
from tests.case_people import Act, enter
from tests.conftest import COUNTY, Clients, request_id
from tests.people_of_case import APPLICANT, RESPONDENT, Stubs, consent, execute, give_people
from tests.world_sessions import at, new_session

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BOTH = {1: APPLICANT, 2: RESPONDENT}


def meeting(**fields: Any) -> Meeting:
    return Meeting(**{"sides": BOTH, "unconsented": frozenset(), "apart": False, "wishing": frozenset(), **fields})


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises(CaseError) as error:
        call(*arguments)
    return str(error.value.reason)


def test_no_session_is_held_without_the_consent_of_every_party() -> None:
    for kind in SessionKind:
        rules.may_meet(kind, meeting())
        assert refusal(rules.may_meet, kind, meeting(unconsented=frozenset({2}))) == "CONSENT_MISSING"
        assert refusal(rules.may_meet, kind, meeting(sides={})) == "CONSENT_MISSING"
    assert refusal(rules.may_meet, SessionKind.JOINT, meeting(sides={1: APPLICANT})) == "CONSENT_MISSING"


def test_where_there_was_violence_a_joint_session_takes_the_wish_of_each_party() -> None:
    for wishing in (frozenset(), frozenset({1}), frozenset({2})):
        apart = meeting(apart=True, wishing=wishing)
        assert refusal(rules.may_meet, SessionKind.JOINT, apart) == "JOINT_REFUSED"
        rules.may_meet(SessionKind.SEPARATE, apart)
    rules.may_meet(SessionKind.JOINT, meeting(apart=True, wishing=frozenset({1, 2})))


def test_a_separate_session_is_of_one_side_and_a_joint_one_of_two() -> None:
    three = meeting(sides={1: APPLICANT, 2: RESPONDENT, 3: APPLICANT})
    assert rules.invited(SessionKind.JOINT, [], three) == [1, 2, 3]
    assert rules.invited(SessionKind.SEPARATE, [3, 1], three) == [1, 3]
    for kind, asked in ((SessionKind.SEPARATE, []), (SessionKind.SEPARATE, [1, 2]), (SessionKind.JOINT, [1, 3]),
                        (SessionKind.JOINT, [1, 9])):  # fmt: skip
        assert refusal(rules.invited, kind, asked, three) == "INVALID_FIELD"


def test_a_session_ends_after_it_begins_and_within_twelve_hours() -> None:
    rules.check_time(NOW, NOW + timedelta(hours=12), NOW)
    for start, end in ((0, 0), (1, 0), (0, 13), (24 * 400, 24 * 400 + 1), (-24 * 31, -24 * 31 + 1)):
        assert refusal(rules.check_time, NOW + timedelta(hours=start), NOW + timedelta(hours=end), NOW)


def test_only_what_began_can_be_held_and_what_was_held_stays_so() -> None:
    allowed = {(state, to) for to, before in rules._BEFORE.items() for state in before}
    assert allowed == {(SessionState.SCHEDULED, SessionState.OPEN), (SessionState.OPEN, SessionState.HELD),
                       (SessionState.SCHEDULED, SessionState.CANCELLED), (SessionState.OPEN, SessionState.CANCELLED),
                       (SessionState.OPEN, SessionState.BROKEN_OFF)}  # fmt: skip


def test_a_record_is_complete_when_all_who_came_confirmed_and_signed_and_the_mediator_did() -> None:
    assert rules.is_complete([1, 2], {1, 2}, {1, 2}, {7}, {0, 7})
    wrong = (({1}, {1, 2}, {0, 7}), ({1, 2}, {1}, {0, 7}), ({1, 2}, {1, 2}, {7}), ({1, 2}, {1, 2}, {0}))
    for read, signed, mediators in wrong:
        assert not rules.is_complete([1, 2], read, signed, {7}, mediators)
    assert not rules.is_complete([], set(), set(), set(), {0})


@pytest.fixture
def stubs(clients: Clients) -> Stubs:
    return Stubs(clients)


@pytest.fixture
async def case(clients: Clients) -> str:
    """Return an opened case with two consenting parties and a mediator."""
    opened = await clients.accept(await clients.file_report())
    await give_people(clients.stack, opened.name)
    return opened.name


async def schedule(stubs: Stubs, case: str, role: str = "mediator", **fields: Any) -> pb.Session:
    request = pb.ScheduleSessionRequest(parent=case, session=new_session(**fields), request_id=request_id())
    session: pb.Session = await stubs.sessions.ScheduleSession(request, **stubs.clients.as_(role))
    return session


async def do(stubs: Stubs, verb: str, name: str, role: str = "mediator", **fields: Any) -> Any:
    """Call a command of sessions by its name: `do(stubs, "StartSession", session.name)`."""
    request = getattr(pb, f"{verb}Request")(name=name, request_id=request_id(), **fields)
    return await getattr(stubs.sessions, verb)(request, **stubs.clients.as_(role))


async def refused(call: Any, reason: str) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError, match=reason) as error:
        await call
    return error.value


async def a_room(stubs: Stubs) -> str:
    name = f"rooms/{COUNTY}-r{random.randrange(10**9)}"
    room = pb.Room(name=name, unit=f"units/{COUNTY}", kind=1, display_name="一号调解室", capacity=8, accessible=True)
    await stubs.sessions.CreateRoom(
        pb.CreateRoomRequest(room=room, request_id=request_id()), **stubs.clients.as_("unit_head")
    )
    return name


async def events(clients: Clients, case: str) -> list[Any]:
    request = feed_pb2.ListEventsRequest(service="mediation", case=case, page_size=200)
    return list((await clients.feeds["mediation"].ListEvents(request, **clients.as_("auditor"))).events)


async def test_a_case_without_every_consent_gets_no_session(clients: Clients, stubs: Stubs) -> None:
    case = (await clients.accept(await clients.file_report())).name
    await refused(schedule(stubs, case, role="handler"), "CONSENT_MISSING")
    await give_people(clients.stack, case, consents=False)
    error = await refused(schedule(stubs, case, role="handler"), "CONSENT_MISSING")
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    connection = await asyncpg.connect(clients.stack.database_url)
    try:
        await consent(connection, case.split("/")[1], 1, True)
        await refused(schedule(stubs, case, role="handler"), "CONSENT_MISSING")
        await consent(connection, case.split("/")[1], 2, True)
        await connection.execute("UPDATE mediation.mediations SET state = 2 WHERE number = $1", case.split("/")[1])
        session = await schedule(stubs, case, role="handler")
        # Taken back before it began: it does not begin.
        await consent(connection, case.split("/")[1], 1, False)
    finally:
        await connection.close()
    await refused(do(stubs, "StartSession", session.name, role="handler"), "CONSENT_MISSING")
    assert [event.type for event in await events(clients, case)].count("SessionScheduled") == 1


async def test_a_room_is_given_once_for_one_time(clients: Clients, stubs: Stubs, case: str) -> None:
    room = await a_room(stubs)
    first = await schedule(stubs, case, venue=pb.VENUE_ROOM, room=room, place="")
    start, end = first.start_time, first.end_time
    within = Timestamp(seconds=start.seconds + 600)
    await refused(schedule(stubs, case, venue=1, room=room, start_time=within, end_time=end), "ROOM_TAKEN")
    later = Timestamp(seconds=end.seconds + 3600, nanos=end.nanos)
    await schedule(stubs, case, venue=1, room=room, start_time=end, end_time=later)  # one begins as the other ends
    await do(stubs, "CancelSession", first.name)
    await schedule(stubs, case, venue=1, room=room, start_time=start, end_time=end)
    await stubs.sessions.CloseRoom(pb.CloseRoomRequest(name=room, request_id=request_id()), **clients.as_("unit_head"))
    await refused(schedule(stubs, case, venue=1, room=room, start_time=at(50), end_time=at(51)), "ROOM_CLOSED")


async def test_a_room_is_of_the_same_county_or_of_a_unit_above(clients: Clients, stubs: Stubs, case: str) -> None:
    for unit, good in (("620102001", True), ("62", True), ("620103", False), ("11", False)):
        name = f"rooms/{unit}-r{random.randrange(10**9)}"
        room = pb.Room(name=name, unit=f"units/{unit}", kind=2, display_name="巡回点")
        await stubs.sessions.CreateRoom(
            pb.CreateRoomRequest(room=room, request_id=request_id()), **clients.as_("unit_head", unit)
        )
        asked = schedule(stubs, case, venue=1, room=name)
        await (asked if good else refused(asked, "another county"))


async def test_of_twenty_who_ask_for_a_room_at_once_one_gets_it(clients: Clients, stubs: Stubs) -> None:
    room, cases = await a_room(stubs), []
    for _ in range(4):
        opened = await clients.accept(await clients.file_report())
        await give_people(clients.stack, opened.name)
        cases.append(opened.name)

    def ask(index: int) -> Any:
        start = at(5 + random.uniform(0, 0.9))
        return schedule(stubs, cases[index % 4], venue=1, room=room, start_time=start, end_time=at(7))

    answers = await asyncio.gather(*(ask(index) for index in range(20)), return_exceptions=True)
    told = [str(answer.details()) for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(told) == 19
    assert all(each.startswith("ROOM_TAKEN") for each in told), told


async def test_no_joint_session_after_violence_unless_each_asked_for_it_alone(
    clients: Clients, stubs: Stubs, case: str
) -> None:
    before = await schedule(stubs, case)
    number = case.split("/")[1]
    await execute(clients.stack, "UPDATE mediation.mediations SET joint_barred = true WHERE number = $1", number)
    error = await refused(schedule(stubs, case), "JOINT_REFUSED")
    assert "violence" not in str(error.details()).lower()
    await refused(do(stubs, "StartSession", before.name), "JOINT_REFUSED")
    apart = await schedule(stubs, case, kind=pb.SESSION_KIND_SEPARATE, parties=[f"{case}/parties/2"])
    await do(stubs, "StartSession", apart.name)
    await refused(do(stubs, "AskJointSession", f"{case}/parties/1", wished=True, asked_alone=False), "asked alone")
    await do(stubs, "AskJointSession", f"{case}/parties/1", wished=True, asked_alone=True)
    await refused(schedule(stubs, case), "JOINT_REFUSED")
    await do(stubs, "AskJointSession", f"{case}/parties/2", wished=True, asked_alone=True)
    await schedule(stubs, case)
    await do(
        stubs, "AskJointSession", f"{case}/parties/2", wished=False, asked_alone=False
    )  # taking it back always works
    await refused(schedule(stubs, case), "JOINT_REFUSED")
    told = [event for event in await events(clients, case) if event.type == "JointWishRecorded"]
    assert all(not event.payload for event in told)


async def test_a_session_is_held_recorded_read_back_and_signed(clients: Clients, stubs: Stubs, case: str) -> None:
    session = await schedule(stubs, case, place="子虚村委会", language="bo", interpreter=True)
    assert (session.state, session.place, len(session.parties)) == (pb.SESSION_STATE_SCHEDULED, "", 2)
    write = {"content": pb.RecordContent(statements="各自陈述", result="同意修缮")}
    await refused(do(stubs, "WriteSessionRecord", session.name, **write), "WRONG_STATE")
    assert (await do(stubs, "StartSession", session.name)).state == pb.SESSION_STATE_OPEN
    came = [pb.Attendance(role=1, party=f"{case}/parties/1", presence=1),
            pb.Attendance(role=1, party=f"{case}/parties/2", presence=3),
            pb.Attendance(role=3, presence=2, display_name="翻译扎西")]  # fmt: skip
    attended = await do(stubs, "RecordAttendance", session.name, attendances=came)
    assert [(each.role, each.presence, each.display_name) for each in attended.attendances] == [
        (1, 1, ""), (1, 3, ""), (3, 2, "")]  # fmt: skip
    record = await do(stubs, "WriteSessionRecord", session.name, role="clerk", **write)
    name, first, second = record.name, f"{case}/parties/1", f"{case}/parties/2"
    assert (record.etag, record.HasField("content")) == ("1", False)
    await refused(
        do_as(stubs, "SignSessionRecord", name, "mediator", role=1, party=first, manner=2), "READ_BACK_MISSING"
    )
    await refused(do(stubs, "ConfirmReadBack", name, party=second, language="zh"), "did not come")
    await do(stubs, "ConfirmReadBack", name, party=first, language="bo")
    await do_as(stubs, "SignSessionRecord", name, "mediator", role=1, party=first, manner=5)
    await refused(do_as(stubs, "SignSessionRecord", name, "mediator", role=1, party=first, manner=1), "ALREADY")
    await refused(do_as(stubs, "SignSessionRecord", name, "clerk", role=2, manner=1), "PERMISSION_DENIED")
    signed = await do_as(stubs, "SignSessionRecord", name, "mediator", role=2, manner=1)
    assert signed.complete
    assert [(each.role, each.manner) for each in signed.signatures] == [(1, 5), (2, 1)]
    # Another wording is another record: what was signed stays with the first.
    again = await do_as(stubs, "WriteSessionRecord", session.name, "mediator",
                        content=pb.RecordContent(statements="更正"))  # fmt: skip
    assert (again.etag, list(again.signatures), again.complete) == ("2", [], False)
    assert (await do(stubs, "EndSession", session.name)).state == pb.SESSION_STATE_HELD
    full = await stubs.sessions.GetSessionRecord(pb.GetSessionRecordRequest(name=name), **clients.as_("reviewer"))
    assert full.content.statements == "更正"
    content = await stubs.sessions.GetSessionContent(
        pb.GetSessionContentRequest(name=f"{session.name}/content"), **clients.as_("handler")
    )
    assert content.place == "子虚村委会"
    assert [each.display_name for each in content.attendances] == ["", "", "翻译扎西"]
    kinds = [event.type for event in await events(clients, case)]
    assert kinds.count("ContentRead") == 2
    assert [kind for kind in kinds if kind.startswith("Session")] == [
        "SessionScheduled", "SessionStarted", "SessionRecorded", "SessionRecorded", "SessionHeld"]  # fmt: skip
    row = await execute(clients.stack, "SELECT state FROM mediation.mediations WHERE number = $1", case.split("/")[1])
    assert row[0]["state"] == 3


async def do_as(stubs: Stubs, verb: str, name: str, caller: str, **fields: Any) -> Any:
    """Call a command whose request has a field `role` of its own."""
    request = getattr(pb, f"{verb}Request")(name=name, request_id=request_id(), **fields)
    return await getattr(stubs.sessions, verb)(request, **stubs.clients.as_(caller))


async def test_a_separate_session_has_no_record(stubs: Stubs, case: str) -> None:
    apart = await schedule(stubs, case, kind=2, parties=[f"{case}/parties/1"])
    await do(stubs, "StartSession", apart.name)
    content = pb.RecordContent(statements="只对调解员说")
    await refused(do(stubs, "WriteSessionRecord", apart.name, content=content), "CAUCUS_ONLY")


async def test_a_party_sees_its_own_sessions_and_nobody_elses(clients: Clients, stubs: Stubs) -> None:
    case = (await clients.accept(await clients.file_report())).name
    await give_people(clients.stack, case, subjects={1: "wechat-one", 2: "wechat-two"})
    joint = await schedule(stubs, case)
    theirs = await schedule(stubs, case, kind=2, parties=[f"{case}/parties/2"], place="乙方家中")

    def person(sub: str) -> dict[str, Any]:
        return clients.as_("citizen", COUNTY, sub)

    seen = await stubs.sessions.ListSessions(pb.ListSessionsRequest(parent=case), **person("wechat-one"))
    assert [session.name for session in seen.sessions] == [joint.name]
    get = pb.GetSessionRequest(name=theirs.name)
    assert await refused(stubs.sessions.GetSession(get, **person("wechat-one")), "NOT_FOUND")
    place = pb.GetSessionContentRequest(name=f"{theirs.name}/content")
    await refused(stubs.sessions.GetSessionContent(place, **person("wechat-one")), "NOT_FOUND")
    assert (await stubs.sessions.GetSessionContent(place, **person("wechat-two"))).place == "乙方家中"
    await refused(stubs.sessions.GetSession(get, **person("wechat-three")), "PERMISSION_DENIED")


async def test_a_withdrawal_in_the_middle_of_a_session_ends_it_at_once(
    clients: Clients, stubs: Stubs, case: str
) -> None:
    room = await a_room(stubs)
    held, coming, over = [await schedule(stubs, case) for _ in range(3)]
    booked = await schedule(stubs, case, venue=1, room=room, start_time=at(30), end_time=at(31))
    for session in (held, over):
        await do(stubs, "StartSession", session.name)
    came = [pb.Attendance(role=1, party=f"{case}/parties/1", presence=1)]
    await do(stubs, "RecordAttendance", over.name, attendances=came)
    await do(stubs, "EndSession", over.name)
    raw = await asyncpg.connect(
        clients.stack.database_url, record_class=DatabaseRow, server_settings={"search_path": "mediation, public"}
    )
    try:
        async with raw.transaction():
            told = await end_open_sessions(Connection(raw), case.split("/")[1], datetime.now(UTC))
            assert await end_open_sessions(Connection(raw), case.split("/")[1], datetime.now(UTC)) == []
    finally:
        await raw.close()
    assert [(event.kind, event.payload) for event in sorted(told, key=lambda event: event.payload["session"])] == [
        ("SessionBrokenOff", {"session": 1}), ("SessionCancelled", {"session": 2}),
        ("SessionCancelled", {"session": 4})]  # fmt: skip
    found = await stubs.sessions.ListSessions(pb.ListSessionsRequest(parent=case), **clients.as_("handler"))
    assert [session.state for session in found.sessions] == [5, 4, 3, 4]
    await refused(do(stubs, "EndSession", held.name), "WRONG_STATE")
    await refused(do(stubs, "StartSession", coming.name), "WRONG_STATE")
    # Its room is free again.
    await schedule(stubs, case, venue=1, room=room, start_time=booked.start_time, end_time=booked.end_time)


@pytest.mark.parametrize("what", ["somebody new", "the mediator replaced", "support needed"])
async def test_what_is_held_is_broken_off_when_a_consent_or_the_mediator_is_missing(
    what: str, clients: Clients
) -> None:
    stubs, act = Stubs(clients), Act(clients, (await clients.accept(await clients.file_report())).name)
    await act.two_sides()
    mediator = await enter(clients, f"units/{COUNTY}")
    for party in (1, 2):
        await act.choose(party, mediator)
    await act.accept(mediator)
    held, coming = [await schedule(stubs, act.case, role="handler") for _ in range(2)]
    await do(stubs, "StartSession", held.name, role="handler")
    if what == "somebody new":
        await act.add(3)
    elif what == "the mediator replaced":
        await act.replace(1)
    else:
        needs = people_pb2.Party(name=act.of(1), side=1, kind=1, needs_support=True)
        request = people_pb2.UpdatePartyRequest(party=needs, request_id=request_id())
        request.update_mask.paths.append("needs_support")
        await clients.people.UpdateParty(request, **act.clerk)
    found = await stubs.sessions.ListSessions(pb.ListSessionsRequest(parent=act.case), **clients.as_("handler"))
    assert [session.state for session in found.sessions] == [pb.SESSION_STATE_BROKEN_OFF, pb.SESSION_STATE_SCHEDULED]
    assert [event.type for event in await events(clients, act.case)].count("SessionBrokenOff") == 1
    missing = "NO_MEDIATOR" if what == "the mediator replaced" else "CONSENT_MISSING"
    await refused(do(stubs, "StartSession", coming.name, role="handler"), missing)


async def test_who_leaves_ends_what_is_held_and_what_is_to_come_in_the_same_call(
    clients: Clients, stubs: Stubs, case: str
) -> None:
    held, _ = [await schedule(stubs, case) for _ in range(2)]
    await do(stubs, "StartSession", held.name)
    told = await clients.consents.WithdrawParty(
        consent_pb2.WithdrawPartyRequest(name=f"{case}/parties/2", request_id=request_id()), **clients.as_("clerk")
    )
    assert told.mediation_state == consent_pb2.MEDIATION_STATE_WITHDRAWN
    open_ways = ["court", "arbitration", "police", "legal_aid", "negotiation", "mediation"]
    assert [route.route for route in told.routes] == open_ways, "all that are open to neighbours"
    found = await stubs.sessions.ListSessions(pb.ListSessionsRequest(parent=case), **clients.as_("handler"))
    assert [session.state for session in found.sessions] == [5, 4]
    await refused(schedule(stubs, case), "WRONG_STATE|CONSENT_MISSING")
    kinds = [event.type for event in await events(clients, case)]
    assert set(kinds[-3:]) == {"PartyWithdrew", "SessionBrokenOff", "SessionCancelled"}


async def test_a_session_without_a_mediator_does_not_begin(clients: Clients, stubs: Stubs) -> None:
    case = (await clients.accept(await clients.file_report())).name
    await give_people(clients.stack, case, mediator="")
    session = await schedule(stubs, case, role="handler")
    await refused(do(stubs, "StartSession", session.name, role="handler"), "NO_MEDIATOR")


async def test_over_rest_a_session_is_scheduled_and_a_bad_one_named(clients: Clients, case: str, rest: Any) -> None:
    headers = {"Authorization": f"Bearer {clients.stack.token('mediator', COUNTY)}", "Idempotency-Key": request_id()}
    body = {"kind": "SESSION_KIND_JOINT", "venue": "VENUE_REMOTE", "place": "https://meet.example/1",
            "startTime": at(1).ToJsonString(), "endTime": at(2).ToJsonString()}  # fmt: skip
    answer = await rest.post(f"/v1/{case}/sessions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "SESSION_STATE_SCHEDULED"
    assert "meet.example" not in answer.text
    headers["Idempotency-Key"] = request_id()
    wrong = await rest.post(f"/v1/{case}/sessions", json={**body, "endTime": body["startTime"]}, headers=headers)
    assert wrong.status_code == 400
    assert "endTime" in wrong.text
