"""Whose yes needs a guardian, by the date of birth; and each side asked alone first where violence is the matter."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st
from pb.mediation.v1 import consent_pb2, people_pb2
from pb.mediation.v1 import sessions_pb2 as sessions

from casework.clocks.calendar import LOCAL
from casework.mediation import age
from tests.case_people import Act, new_case, refused
from tests.conftest import Clients, request_id
from tests.mediated import SETTLEMENT, Mediated, mediated
from tests.mediated import refused as declined
from tests.people_of_case import Stubs
from tests.world_people import companion, party
from tests.world_sessions import at, new_session

GUARDIAN, SUPPORT = 1, 2


def born(years: int, days: int = 0) -> str:
    """Return the date of birth of who is so many years old today, and so many days more or fewer."""
    today = datetime.now(LOCAL).date()
    return (today.replace(year=today.year - years) - timedelta(days=days)).isoformat()


@given(st.dates(), st.dates())
def test_who_is_a_minor_is_counted_in_whole_years(birth: Any, on: Any) -> None:
    if birth.year > 9000:
        return
    years = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
    assert age.is_minor(birth, on) is (years < age.MAJORITY)
    assert not age.is_minor(None, on)


@pytest.mark.fault("D16")
async def test_a_minor_says_yes_beside_the_guardian_whatever_anybody_ticked(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1, details={"birth_date": born(10)})
    await act.add(2)
    await refused(act.say(1), "SUPPORT_NEEDED")
    support = await act.accompany(companion(act.case, SUPPORT))
    await refused(act.say(1, assisted_by=support.name), "GUARDIAN_NEEDED")
    guardian = await act.accompany(companion(act.case, GUARDIAN))
    await act.say(1, assisted_by=guardian.name)
    await act.say(2)
    assert (await act.mediation()).state == consent_pb2.MEDIATION_STATE_CONSENTED
    # To say no takes nobody.
    await act.say(1, given=False)


@pytest.mark.fault("D16")
@pytest.mark.parametrize(
    ("details", "alone"),
    [(lambda: {"birth_date": born(18)}, True), (lambda: {"birth_date": born(18, -1)}, False),
     (lambda: {"id_number": f"620102{born(17).replace('-', '')}001X"}, False),
     (lambda: {"id_number": "BUSINESS0001"}, True)],
)  # fmt: skip
async def test_of_age_is_who_has_the_birthday_behind_them(details: Any, alone: bool, clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1, details=details())
    if alone:
        await act.say(1)
    else:
        await refused(act.say(1), "SUPPORT_NEEDED")


@pytest.mark.fault("D16")
async def test_an_organisation_has_no_age_whatever_its_number_looks_like(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(
        1, kind=people_pb2.PARTY_KIND_ORGANISATION, details={"id_number": f"620102{born(10).replace('-', '')}001X"}
    )
    await act.say(1)


@pytest.mark.fault("D16")
async def test_a_date_of_birth_learnt_later_takes_the_yes_back(clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.two_sides()
    assert (await act.mediation()).state == consent_pb2.MEDIATION_STATE_CONSENTED
    known = party(1, details={"birth_date": born(12)}).details
    request = people_pb2.UpdatePartyRequest(
        party=people_pb2.Party(name=act.of(1), side=1, kind=1, details=known), request_id=request_id(),
        update_mask=FieldMask(paths=["details"]),
    )  # fmt: skip
    await clients.people.UpdateParty(request, **act.clerk)
    found = await act.mediation()
    assert (found.state, list(found.missing_consents)) == (consent_pb2.MEDIATION_STATE_PROPOSED, [act.of(1)])


@pytest.mark.fault("D16")
@pytest.mark.parametrize(
    "mask",
    ["", "details", "details.display_name", "details.display_name details.phone", "details details.phone"],
)
async def test_a_child_whose_name_is_corrected_is_a_child(mask: str, clients: Clients) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1, details={"birth_date": born(10)})
    unmask = people_pb2.UnmaskPartyRequest(name=act.of(1), purpose=people_pb2.PURPOSE_CONTACT)
    before = await clients.people.UnmaskParty(unmask, **act.clerk)
    assert before.phone
    assert before.display_name != "马小船"
    request = people_pb2.UpdatePartyRequest(
        party=people_pb2.Party(name=act.of(1), details=people_pb2.PartyDetails(display_name="马小船")),
        request_id=request_id(), update_mask=FieldMask(paths=mask.split()),
    )  # fmt: skip
    await clients.people.UpdateParty(request, **act.clerk)
    await refused(act.say(1), "SUPPORT_NEEDED")
    # What the mask names and the body does not give goes; all else stays.
    before.display_name = "马小船"
    if "phone" in mask:
        before.phone = ""
    assert await clients.people.UnmaskParty(unmask, **act.clerk) == before


@pytest.mark.fault("E6")
@pytest.mark.parametrize(
    ("paths", "field"),
    [(["details.display_name"], "party.details.display_name"), (["details.nothing"], "update_mask"),
     (["side.nothing"], "update_mask"), (["needs_support", "details.phone.x"], "update_mask")],
)  # fmt: skip
async def test_a_part_of_a_party_that_is_not_there_or_must_be_there_is_named(
    paths: list[str], field: str, clients: Clients
) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1)
    request = people_pb2.UpdatePartyRequest(
        party=people_pb2.Party(name=act.of(1), details=people_pb2.PartyDetails(phone="13900000009")),
        request_id=request_id(), update_mask=FieldMask(paths=paths),
    )  # fmt: skip
    await refused(clients.people.UpdateParty(request, **act.clerk), "INVALID_FIELD", field)


@pytest.mark.fault("E6")
async def test_a_phone_is_corrected_without_saying_the_name_again(clients: Clients, rest: httpx.AsyncClient) -> None:
    act = Act(clients, (await new_case(clients)).name)
    await act.add(1, details={"birth_date": born(40)})
    headers = {"Authorization": dict(act.clerk["metadata"])["authorization"], "Idempotency-Key": request_id()}
    answer = await rest.patch(f"/v1/{act.of(1)}", json={"details": {"phone": "13900000009"}}, headers=headers)
    assert answer.status_code == 200, answer.text
    unmask = people_pb2.UnmaskPartyRequest(name=act.of(1), purpose=people_pb2.PURPOSE_CONTACT)
    found = await clients.people.UnmaskParty(unmask, **act.clerk)
    assert (found.phone, found.birth_date, bool(found.display_name)) == ("13900000009", born(40), True)


@pytest.mark.fault("D16")
async def test_a_minor_signs_no_agreement_alone(clients: Clients) -> None:
    case = await mediated(clients, state=1)
    act = Act(clients, case.name)
    child = await act.add(1, details={"birth_date": born(15)})
    assert child.name == case.party(3)
    guardian = await act.accompany(companion(case.name, GUARDIAN, (3,)))
    for number in (1, 2):
        await act.say(number)
    await act.say(3, assisted_by=guardian.name)
    await joined(case)
    drafted = await case.answered()
    await declined(case.sign(drafted, 3), "SUPPORT_NEEDED")
    await act.say(3, SETTLEMENT, assisted_by=guardian.name)
    assert [each.party for each in (await case.sign(drafted, 3)).signatures] == [case.party(3)]


async def joined(case: Mediated) -> None:
    """Let the county's mediator be the one of record, whom all choose."""
    name = (await mediated(case.clients)).name  # the entry in the register is there after this
    assert name
    act, chosen = Act(case.clients, case.name), f"mediators/demo-mediator-{name.split('/')[1][:6]}"
    for number in (1, 2, 3):
        if (await act.choose(number, chosen)).phase == consent_pb2.CHOICE_PHASE_ASKED:
            break
    await act.accept(chosen)


@pytest.mark.fault("D16")
async def test_where_violence_is_the_matter_each_side_is_asked_alone_before_it_agrees(clients: Clients) -> None:
    case, stubs = await mediated(clients, "family/violence", state=1), Stubs(clients)
    act, mediator = Act(clients, case.name), clients.as_("mediator")

    async def appoint(**fields: Any) -> Any:
        session = new_session(start_time=at(1), end_time=at(2), **fields)
        request = sessions.ScheduleSessionRequest(parent=case.name, session=session, request_id=request_id())
        return await stubs.sessions.ScheduleSession(request, **mediator)

    async def start(name: str) -> Any:
        request = sessions.StartSessionRequest(name=name, request_id=request_id())
        return await stubs.sessions.StartSession(request, **mediator)

    for number in (1, 2):
        await refused(act.say(number), "SCREENING_MISSING")
        await act.screen(number, concern=False)
        await act.say(number)
    await joined(case)
    joint = await appoint()
    # Somebody who came in since is asked alone first as well.
    await act.add(2)
    await refused(act.say(3), "SCREENING_MISSING")
    await declined(start(joint.name), "CONSENT_MISSING")
    await act.screen(3, concern=False)
    await act.say(3)
    assert (await start(joint.name)).state == sessions.SESSION_STATE_OPEN
    # What is told bars it all the same.
    await act.screen(1, concern=True)
    await declined(appoint(), "JOINT_REFUSED")


@pytest.mark.fault("D16")
async def test_what_turns_out_to_be_violence_waits_for_each_to_be_asked_alone(clients: Clients) -> None:
    case, stubs = await mediated(clients), Stubs(clients)
    act, mediator = Act(clients, case.name), clients.as_("mediator")

    async def appoint(**fields: Any) -> Any:
        session = new_session(start_time=at(1), end_time=at(2), **fields)
        request = sessions.ScheduleSessionRequest(parent=case.name, session=session, request_id=request_id())
        return await stubs.sessions.ScheduleSession(request, **mediator)

    await case.execute("UPDATE cases SET category = 'family/violence' WHERE number = $1", [(case.number,)])
    await declined(appoint(), "SCREENING_MISSING")
    await appoint(kind=sessions.SESSION_KIND_SEPARATE, parties=[case.party(1)])
    await act.screen(1, concern=False)
    await declined(appoint(), "SCREENING_MISSING")
    await act.screen(2, concern=False)
    await appoint()
