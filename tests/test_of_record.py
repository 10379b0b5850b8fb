"""The mediator's RPCs, out of the policies: for the one of record alone. And a party's own, in one call each."""

from __future__ import annotations

from typing import Any

import grpc
import httpx
import pytest
from pb.mediation.v1 import agreement_pb2, caucus_pb2, consent_pb2, mediation_pb2, mediators_pb2, people_pb2

from tests import world_panel
from tests.case_people import Act, enter, new_case
from tests.conftest import COUNTY, Clients, request_id
from tests.mediated import SECRET, Mediated, mediated, refused
from tests.people_of_case import Stubs
from tests.rpcs import all_rpcs, call, of_record
from tests.scratch import Scratch
from tests.world import REQUESTS, World, new_world
from tests.world_people import consent, mediator_name

MEDIATORS = [rpc for rpc in all_rpcs() if of_record(rpc.permission)]
OTHERS = {"replaced": "the-replaced", "gave way to kin": "the-kin", "another of the unit": "another"}


@pytest.fixture(scope="module")
async def world(clients: Clients) -> World:
    """Return a world in which all cases have the mediator `of-record`, one who was replaced and one who gave way."""
    found = await new_world(clients)
    entry = mediator_name(found.case).removeprefix("mediators/")
    connection = await Scratch.main(clients.stack).connect("mediation")
    try:
        for case in (found.case, found.sitting, found.mediated, world_panel.case_of(found.case)):
            number = case.removeprefix("cases/")
            await connection.execute("INSERT INTO mediations (number) VALUES ($1) ON CONFLICT DO NOTHING", number)
            await connection.execute(
                "UPDATE mediations SET mediator = 'of-record', mediator_unit = $2 WHERE number = $1", number, COUNTY
            )
            for ask, (subject, state, kin) in enumerate([("the-replaced", 6, False), ("the-kin", 5, True)]):
                await connection.execute(
                    "INSERT INTO asks (number, ask, round, mediator, subject, unit, state, kin, asked_at, answered_at)"
                    " VALUES ($1, $2, 1, $3, $4, $5, $6, $7, now(), now())",
                    number, 90 + ask, entry, subject, COUNTY, state, kin,
                )  # fmt: skip
    finally:
        await connection.close()
    return found


def test_the_mediators_rpcs_are_what_mediators_do() -> None:
    names = {rpc.method.name for rpc in MEDIATORS}
    assert {"SignAgreement", "CountersignAgreement", "EndMediation", "UnmaskParty", "ReadScreening", "StartSession",
            "ListCaucusNotes", "WriteCaucusNote", "GetSessionRecord", "GetDossier"} <= names  # fmt: skip
    assert len(names) > 50


@pytest.mark.fault("C4")
@pytest.mark.parametrize("rpc", MEDIATORS, ids=lambda rpc: rpc.method.name)
async def test_another_mediator_of_the_unit_is_refused(rpc: Any, clients: Clients, world: World) -> None:
    for who, subject in OTHERS.items():
        request = REQUESTS[rpc.method.name](world, rpc.server)
        access = clients.as_("mediator", COUNTY, subject)
        answer = await call(clients.channels[rpc.server], rpc.path, request.SerializeToString(), **access)
        assert answer.reason == "PERMISSION_DENIED", (who, answer)
    # The one of record acts, from whatever unit.
    request = REQUESTS[rpc.method.name](world, rpc.server)
    access = clients.as_("mediator", "620103", "of-record")
    answer = await call(clients.channels[rpc.server], rpc.path, request.SerializeToString(), **access)
    assert answer.reason != "PERMISSION_DENIED", answer


@pytest.mark.fault("C4")
async def test_who_was_replaced_or_gave_way_prepares_nothing_while_the_next_one_is_sought(clients: Clients) -> None:
    case = await mediated(clients, state=2)
    act = Act(clients, case.name)

    async def chosen(name: str, **disclosed: bool) -> None:
        for party in (1, 2):
            if (await act.choose(party, name)).phase == consent_pb2.CHOICE_PHASE_ASKED:
                break
        await act.accept(name, **disclosed)

    def ends(name: str) -> Any:
        request = case.request("EndMediation", case.name, ground=agreement_pb2.END_GROUND_GAP_TOO_WIDE)
        return case.stub("EndMediation")(request, **clients.as_("mediator", sub=name.rpartition("/")[2]))

    kin = await enter(clients, f"units/{COUNTY}")
    await chosen(kin, kin=True)
    await act.replace(1) if (await act.mediation()).phase == consent_pb2.CHOICE_PHASE_ASKED else None
    # Not before: the next who fits would have been asked, and replaced.
    first, bystander = [await enter(clients, f"units/{COUNTY}") for _ in range(2)]
    await chosen(first)
    await act.replace(2)
    for name in (kin, first):
        await refused(ends(name), "PERMISSION_DENIED")
        access = clients.as_("mediator", sub=name.rpartition("/")[2])
        unmask = people_pb2.UnmaskPartyRequest(name=act.of(1), purpose=1)
        await refused(clients.people.UnmaskParty(unmask, **access), "PERMISSION_DENIED")
    assert (await ends(bystander)).ground == agreement_pb2.END_GROUND_GAP_TOO_WIDE


@pytest.mark.fault("C4")
async def test_who_mediates_a_matter_verifies_nothing_of_it(clients: Clients) -> None:
    case = await mediated(clients)
    plan = await clients.mediation.GetPlan(
        mediation_pb2.GetPlanRequest(name=f"{case.name}/plan"), **clients.as_("handler", "62")
    )
    for verb, role, fields in (("SignTask", "handler", {}), ("ReportTask", "handler", {"evidence": "doc-1"})):
        request = case.request(verb, plan.tasks[0].name, **fields)
        await getattr(clients.mediation, verb)(request, **clients.as_(role, "62"))
    verify = case.request("VerifyTask", plan.tasks[0].name, sufficient=True)
    own = clients.as_("reviewer", sub=f"demo-mediator-{COUNTY}")
    await refused(clients.mediation.VerifyTask(verify, **own), "ROLE_BARRED")


# --- a party, for itself -------------------------------------------------------------------------------------------


async def bound(clients: Clients, case: Mediated, party: int, role: str = "clerk") -> dict[str, Any]:
    """Bind a party's account at the counter and return its access."""
    subject = f"party-{request_id()[5:25]}"
    request = caucus_pb2.BindPartyRequest(name=case.party(party), subject=subject, request_id=request_id())
    await Stubs(clients).caucus.BindParty(request, **clients.as_(role))
    return clients.as_("citizen", "620102001", subject)


@pytest.mark.fault("C10")
async def test_a_party_consents_chooses_replaces_and_leaves_by_itself(clients: Clients) -> None:
    case = await mediated(clients, state=1)
    act = Act(clients, case.name)
    one, two = [await bound(clients, case, party) for party in (1, 2)]

    def say(party: int, access: dict[str, Any], **fields: Any) -> Any:
        said = consent(**{"medium": consent_pb2.MEDIUM_ONLINE, **fields})
        request = consent_pb2.RecordConsentRequest(parent=case.party(party), consent=said, request_id=request_id())
        return clients.consents.RecordConsent(request, **access)

    await refused(say(2, one), "PERMISSION_DENIED")
    await refused(say(1, clients.as_("citizen", "620102001", "a-stranger")), "PERMISSION_DENIED")
    await refused(say(1, one, medium=consent_pb2.MEDIUM_PAPER), "INVALID_FIELD")
    assert (await say(1, one)).recorder == one["metadata"] or (await act.mediation()).missing_consents
    await say(2, two)
    get = consent_pb2.GetMediationRequest(name=f"{case.name}/mediation")
    assert (await clients.consents.GetMediation(get, **one)).state == consent_pb2.MEDIATION_STATE_CONSENTED

    name = await enter(clients, f"units/{COUNTY}")

    def choose(party: int, access: dict[str, Any]) -> Any:
        request = mediators_pb2.ChooseMediatorRequest(name=case.party(party), mediator=name, request_id=request_id())
        return clients.mediators.ChooseMediator(request, **access)

    def replace(party: int, access: dict[str, Any]) -> Any:
        request = mediators_pb2.ReplaceMediatorRequest(name=case.party(party), request_id=request_id())
        return clients.mediators.ReplaceMediator(request, **access)

    await refused(choose(2, one), "PERMISSION_DENIED")
    await choose(1, one)
    await choose(2, two)
    await act.accept(name)
    await refused(replace(1, two), "PERMISSION_DENIED")
    assert (await replace(2, two)).phase == consent_pb2.CHOICE_PHASE_PARTIES

    def leave(party: int, access: dict[str, Any]) -> Any:
        request = consent_pb2.WithdrawPartyRequest(name=case.party(party), request_id=request_id())
        return clients.consents.WithdrawParty(request, **access)

    await refused(leave(1, two), "PERMISSION_DENIED")
    assert len((await leave(2, two)).routes) > 2
    assert (await leave(1, one)).mediation_state == consent_pb2.MEDIATION_STATE_WITHDRAWN


@pytest.mark.fault("C10")
async def test_a_party_reads_the_agreement_put_to_it_and_who_opened_its_data(clients: Clients) -> None:
    case = await mediated(clients)
    one = await bound(clients, case, 1, "mediator")
    drafted = await case.draft()
    for number in (1, 2):
        await Act(clients, case.name).unmask(number)

    async def ask(verb: str, name: str, access: dict[str, Any]) -> Any:
        return await case.stub(verb)(case.request(verb, name), **access)

    stranger = clients.as_("citizen", "620102001", "a-stranger")
    for verb, name in (("GetAgreement", drafted.name), ("GetAgreementText", f"{drafted.name}/text"),
                       ("ListAgreements", case.name)):  # fmt: skip
        await refused(ask(verb, name, stranger), "PERMISSION_DENIED")
        assert await ask(verb, name, one)
    assert (await ask("GetAgreementText", f"{drafted.name}/text", one)).statement.facts == SECRET
    log = people_pb2.ListAccessLogRequest(parent=case.name)
    await refused(clients.people.ListAccessLog(log, **stranger), "PERMISSION_DENIED")
    looks = (await clients.people.ListAccessLog(log, **one)).entries
    assert {look.subject for look in looks if "/parties/" in look.subject} == {case.party(1)}
    assert {"parties.unmask", "agreements.readText"} <= {look.action for look in looks}
    everybody = (await clients.people.ListAccessLog(log, **clients.as_("auditor"))).entries
    assert case.party(2) in {look.subject for look in everybody}


@pytest.mark.fault("C10")
async def test_over_rest_leaving_is_one_call_of_the_party(clients: Clients, rest: httpx.AsyncClient) -> None:
    case = await mediated(clients)
    access = await bound(clients, case, 2, "mediator")
    token = dict(access["metadata"])["authorization"]
    answer = await rest.post(
        f"/v1/{case.party(2)}:withdraw", json={}, headers={"Authorization": token, "Idempotency-Key": request_id()}
    )
    assert (answer.status_code, answer.json()["mediationState"]) == (200, "MEDIATION_STATE_WITHDRAWN"), answer.text


@pytest.mark.fault("C7", "C10")
async def test_who_was_bound_at_the_counter_opens_the_compartment_once_the_mediator_bound_them(
    clients: Clients,
) -> None:
    case = await mediated(clients, state=1)
    access, stubs = await bound(clients, case, 1), Stubs(clients)
    await Act(clients, case.name).say(1)
    await Act(clients, case.name).say(2)
    name = await enter(clients, f"units/{COUNTY}")
    act = Act(clients, case.name)
    for party in (1, 2):
        await act.choose(party, name)
    await act.accept(name)
    read = caucus_pb2.ListCaucusNotesRequest(parent=f"{case.name}/caucuses/applicant")
    await refused(stubs.caucus.ListCaucusNotes(read, **access), "PERMISSION_DENIED")
    # Nor does the counter bind anybody any more.
    again = caucus_pb2.BindPartyRequest(name=case.party(1), subject="somebody-else", request_id=request_id())
    await refused(stubs.caucus.BindParty(again, **clients.as_("clerk")), "PERMISSION_DENIED")


async def test_a_case_without_a_mediator_is_prepared_by_any_of_the_unit(clients: Clients) -> None:
    case = await new_case(clients)
    request = people_pb2.ListPartiesRequest(parent=case.name)
    await clients.people.ListParties(request, **clients.as_("mediator", sub="whoever"))
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await clients.people.ListParties(request, **clients.as_("mediator", "620103", sub="whoever"))
