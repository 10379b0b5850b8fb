"""Facts that cannot both be true: every row of the table is broken once and refused, by the real service."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from pb.mediation.v1 import agreement_pb2, panel_pb2, people_pb2
from pb.mediation.v1 import sessions_pb2 as sessions
from pb.mediation.v1.panel_pb2_grpc import PanelServiceStub

from casework.errors import CaseError
from casework.mediation.contradiction import INSTEAD, NEEDS, Act, Fact, must_hold
from tests.case_people import Act as People
from tests.case_people import enter
from tests.case_people import refused as denied
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import EXTENSION, SETTLEMENT, day, mediated, refused
from tests.people_of_case import Stubs
from tests.world_panel import second
from tests.world_people import nothing_to_disclose, party
from tests.world_sessions import at, new_session

Break = Callable[[Clients], Awaitable[None]]
BREAKS: dict[tuple[Act, Fact], Break] = {}


def breaks(act: Act, *facts: Fact) -> Callable[[Break], Break]:
    """Say which rows of the table a function breaks."""

    def keep(found: Break) -> Break:
        BREAKS.update({(act, fact): found for fact in facts})
        return found

    return keep


@breaks(Act.SEAL_AGREEMENT, Fact.SIGNED_BY_EVERY_PARTY)
async def unsigned(clients: Clients) -> None:
    case = await mediated(clients)
    drafted = await case.answered()
    await refused(case.do("SealAgreement", drafted.name, role="clerk"), "SIGNED_BY_EVERY_PARTY")


@breaks(Act.SEAL_AGREEMENT, Fact.SIGNED_BY_THE_MEDIATOR)
async def unsigned_by_the_mediator(clients: Clients) -> None:
    case = await mediated(clients)
    drafted = await case.answered()
    for number in (1, 2):
        await case.sign(drafted, number)
    await refused(case.do("SealAgreement", drafted.name, role="clerk"), "SIGNED_BY_THE_MEDIATOR")


@breaks(Act.SEAL_AGREEMENT, Fact.SIGNED_BY_EVERY_MEDIATOR)
@breaks(Act.HOLD_SESSION, Fact.A_MEDIATOR_CAME)
async def without_the_mediators(clients: Clients) -> None:
    case, stubs = await mediated(clients), Stubs(clients)
    name = await enter(clients, f"units/{COUNTY}")
    panel, access = PanelServiceStub(clients.channels["mediation"]), clients.as_("mediator", sub=name.split("/")[1])
    request = panel_pb2.AddPanelMemberRequest(parent=case.name, member=second(name), request_id=request_id())
    member = await panel.AddPanelMember(request, **clients.as_("unit_head"))
    accept = panel_pb2.AcceptPanelMemberRequest(
        name=member.name, disclosure=nothing_to_disclose(), request_id=request_id()
    )
    await panel.AcceptPanelMember(accept, **access)
    drafted = await case.answered()
    for number in (1, 2):
        await case.sign(drafted, number)
    await case.do("CountersignAgreement", drafted.name)
    await refused(case.do("SealAgreement", drafted.name, role="clerk"), "SIGNED_BY_EVERY_MEDIATOR")

    async def do(verb: str, name: str, **fields: Any) -> Any:
        asked = getattr(sessions, f"{verb}Request")(name=name, request_id=request_id(), **fields)
        return await getattr(stubs.sessions, verb)(asked, **clients.as_("mediator"))

    planned = new_session(start_time=at(1), end_time=at(2))
    schedule = sessions.ScheduleSessionRequest(parent=case.name, session=planned, request_id=request_id())
    session = (await stubs.sessions.ScheduleSession(schedule, **clients.as_("mediator"))).name
    await do("StartSession", session)
    nobody = [sessions.Attendance(role=2, presence=3), sessions.Attendance(role=2, presence=3, member=member.name)]
    came = sessions.Attendance(role=1, party=case.party(1), presence=1)
    await do("RecordAttendance", session, attendances=[came, *nobody])
    await refused(do("EndSession", session), "A_MEDIATOR_CAME")


@breaks(Act.CLOSE_NOT_AGREED, Fact.NOT_AGREED_IN_FULL)
@breaks(Act.CLOSE_WITHDRAWN, Fact.NOT_AGREED_IN_FULL)
@breaks(Act.CLOSE_RESOLVED, Fact.NOT_AGREED_IN_FULL)
@breaks(Act.PERFORM_CLAUSE, Fact.NOT_BEFORE_IT_BOUND)
@breaks(Act.VISIT, Fact.NOT_BEFORE_ITS_DAY)
@breaks(Act.REOPEN_NOT_PERFORMED, Fact.SOMETHING_IS_NOT_PERFORMED)
@breaks(Act.CONSENT_TO_PROCEED, Fact.MEDIATION_GOES_ON)
async def agreed_and_performed(clients: Clients) -> None:
    case = await mediated(clients)
    await case.agreed()
    (part,) = await case.parts()
    await refused(case.perform(part, 300_00, perform_date=day(-1)), "NOT_BEFORE_IT_BOUND")
    await case.perform(part, 300_00)
    await case.finish_tasks()
    await case.views()
    for outcome in (2, 3, 5):
        await refused(case.do("RequestClosing", role="handler", outcome=outcome), "NOT_AGREED_IN_FULL")
    said = [agreement_pb2.PartySatisfaction(party=case.party(1), satisfaction=1)]
    for days in (7, 30, 90):
        visit = case.do("RecordVisit", f"{case.name}/visits/{days}", performance=3, satisfaction=said, recurred=False)
        await refused(visit, "NOT_BEFORE_ITS_DAY")
    await refused(case.consent(EXTENSION, 1), "MEDIATION_GOES_ON")
    await case.close()
    again = case.do("ReopenCase", role="duty_officer", reason=3, evidence="call-1")
    await refused(again, "SOMETHING_IS_NOT_PERFORMED")


@breaks(Act.CLOSE_AGREED, Fact.AN_AGREEMENT_BINDS)
@breaks(Act.CLOSE_WITHDRAWN, Fact.SOMEBODY_WITHDREW)
async def nothing_agreed_and_nobody_gone(clients: Clients) -> None:
    proposed, sought = await mediated(clients, state=1), await mediated(clients)
    await proposed.finish_tasks()
    await refused(proposed.do("RequestClosing", role="handler", outcome=1), "AN_AGREEMENT_BINDS")
    await sought.do("EndMediation", ground=agreement_pb2.END_GROUND_GAP_TOO_WIDE)
    await refused(sought.do("RequestClosing", role="handler", outcome=3), "SOMEBODY_WITHDREW")


@breaks(Act.CORRECT_ATTENDANCE, Fact.WHO_SIGNED_CAME)
@breaks(Act.START_SESSION, Fact.NOT_LONG_BEFORE_ITS_TIME)
@breaks(Act.HOLD_SESSION, Fact.A_PARTY_CAME)
@breaks(Act.CALL_OFF_SESSION, Fact.NOBODY_CAME)
@breaks(Act.ATTEND, Fact.CAME_BEFORE_LEAVING, Fact.NOT_TO_COME, Fact.ABSENT_WITHOUT_TIMES)
async def sat(clients: Clients) -> None:
    case, stubs = await mediated(clients), Stubs(clients)
    mediator = clients.as_("mediator")

    async def do(verb: str, name: str, **fields: Any) -> Any:
        request = getattr(sessions, f"{verb}Request")(name=name, request_id=request_id(), **fields)
        return await getattr(stubs.sessions, verb)(request, **mediator)

    async def appointed(hours: float) -> str:
        session = new_session(start_time=at(hours), end_time=at(hours + 1))
        request = sessions.ScheduleSessionRequest(parent=case.name, session=session, request_id=request_id())
        return str((await stubs.sessions.ScheduleSession(request, **mediator)).name)

    await refused(do("StartSession", await appointed(24 * 9)), "NOT_LONG_BEFORE_ITS_TIME")
    empty, held = await appointed(1), await appointed(2)
    for name in (empty, held):
        await do("StartSession", name)
    now = datetime.now(UTC)

    def came(presence: int = 1, **times: datetime) -> Any:
        one = sessions.Attendance(role=1, party=case.party(1), presence=presence)
        for field, time in times.items():
            getattr(one, field).FromDatetime(time)
        return do("RecordAttendance", held, attendances=[one])

    later = timedelta(hours=1)
    await refused(came(arrive_time=now, leave_time=now - later), "CAME_BEFORE_LEAVING")
    await refused(came(arrive_time=now + later), "NOT_TO_COME")
    await refused(came(presence=3, arrive_time=now - later), "ABSENT_WITHOUT_TIMES")
    await refused(do("EndSession", empty), "A_PARTY_CAME")
    await do("RecordAttendance", empty, attendances=[sessions.Attendance(role=1, party=case.party(1), presence=3),
                                                     sessions.Attendance(role=2, presence=1)])  # fmt: skip
    await refused(do("EndSession", empty), "A_PARTY_CAME")
    assert (await do("CancelSession", empty)).state == sessions.SESSION_STATE_CANCELLED
    await came()
    await refused(do("CancelSession", held), "NOBODY_CAME")
    assert (await do("EndSession", held)).state == sessions.SESSION_STATE_HELD
    # What was signed and held is not undone by a corrected attendance.
    content = sessions.RecordContent(statements="双方陈述")
    written = await do("WriteSessionRecord", held, content=content)
    await do("ConfirmReadBack", written.name, party=case.party(1), language="zh")
    await refused(came(presence=3), "WHO_SIGNED_CAME")
    await do("WriteSessionRecord", held, content=content)
    await refused(came(presence=3), "A_PARTY_CAME")


@breaks(Act.CONSENT, Fact.PARTY_IS_THERE, Fact.NOT_BEFORE_THE_MATTER)
@breaks(Act.CONSENT_TO_PROCEED, Fact.PARTY_IS_THERE, Fact.NOT_BEFORE_THE_MATTER)
async def who_left(clients: Clients) -> None:
    case = await mediated(clients, sides=(1, 2, 1))
    people = People(clients, case.name)
    await case.withdraw(3)
    for step in (SETTLEMENT, EXTENSION):
        await refused(people.say(3, step), "PARTY_IS_THERE")
        await refused(people.say(1, step, give_time=at(-24 * 400)), "NOT_BEFORE_THE_MATTER")


def test_every_refusal_says_what_to_do_instead_in_both_languages() -> None:
    assert set(INSTEAD) == set(Fact)
    for act, facts in NEEDS.items():
        for fact in facts:
            with pytest.raises(CaseError) as error:
                must_hold(act, {**dict.fromkeys(facts, True), fact: False})
            for language, told in zip(("zh", "en"), INSTEAD[fact], strict=True):
                assert told in error.value.message(language)


@pytest.mark.fault("D12")
def test_every_row_of_the_table_is_broken_once() -> None:
    assert {(act, fact) for act, facts in NEEDS.items() for fact in facts} == set(BREAKS)
    for act, facts in NEEDS.items():
        must_hold(act, dict.fromkeys(facts, True))
        for fact in facts:
            with pytest.raises(CaseError, match=f"{act}: {fact}"):
                must_hold(act, {**dict.fromkeys(facts, True), fact: False})


@pytest.mark.fault("D12")
@pytest.mark.parametrize("broken", dict.fromkeys(BREAKS.values()), ids=lambda found: found.__name__)
async def test_what_contradicts_the_facts_is_refused(broken: Break, clients: Clients) -> None:
    await broken(clients)


@pytest.mark.fault("D12")
async def test_a_change_of_nothing_is_refused_and_nothing_is_passed_over(clients: Clients) -> None:
    case = await mediated(clients, state=1)
    people = clients.people

    async def change(*paths: str, **fields: Any) -> Any:
        asked = people_pb2.Party(**{"name": case.party(1), "side": 1, "kind": 1, **fields})
        request = people_pb2.UpdatePartyRequest(party=asked, request_id=request_id())
        if paths:
            request.update_mask.CopyFrom(FieldMask(paths=paths))
        return await people.UpdateParty(request, **clients.as_("clerk"))

    await denied(change(), "INVALID_FIELD")
    await denied(change("member", member=True), "INVALID_FIELD")
    await denied(change(side=2, details=party(1).details), "INVALID_FIELD")
    await denied(change(member=True, needs_support=True), "INVALID_FIELD")
    assert (await change(needs_support=True)).needs_support
    assert not (await change("needs_support", needs_support=False)).needs_support


@pytest.mark.fault("D12")
async def test_a_date_of_birth_and_an_identity_number_say_the_same(clients: Clients) -> None:
    case = await mediated(clients, state=1)
    people = People(clients, case.name)

    def born(day: str, number: str = "11010119900307001X") -> Any:
        details = {"birth_date": day, "id_number": number}
        return people.add(1, details=details)

    await denied(born("1991-03-07"), "CONTRADICTED", "party.details.birth_date")
    for day_ in ("1990-02-30", "2199-01-01"):
        await denied(born(day_, ""), "INVALID_FIELD", "party.details.birth_date")
    await born("1990-03-07")
