"""Excluded (回避): a named account neither reads nor acts on one case, whatever its role, until that is revoked."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable
from typing import Any

import grpc
import httpx
import pytest
from pb.clock.v1 import clock_pb2
from pb.escalation.v1 import escalation_pb2, letters_pb2
from pb.feed.v1 import feed_pb2
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2, people_pb2
from pb.mediation.v1 import grants_pb2 as pb
from pb.mediation.v1.grants_pb2_grpc import GrantServiceStub

from accord.embedded.stack import Stack
from tests.case_people import Act, refused
from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.people_of_case import execute
from tests.world_grants import grant
from tests.world_letters import letters_of

pytestmark = pytest.mark.fault("C1")


@pytest.fixture
async def case(clients: Clients) -> case_pb2.Case:
    """Return a case of the county."""
    return await clients.accept(await clients.file_report("邻居的外墙漏水，渗进卧室。"))


def exclusion(who: str, **fields: Any) -> pb.Grant:
    """Return an exclusion of an account, not yet sent."""
    return pb.Grant(holder=who, scope=pb.GRANT_SCOPE_EXCLUDED, reason="与一方当事人有亲属关系。", **fields)


async def excluded(clients: Clients, case: str, who: str, **fields: Any) -> pb.Grant:
    """Exclude an account from a case as the head of the county."""
    request = pb.CreateGrantRequest(parent=case, grant=exclusion(who, **fields), request_id=request_id())
    found: pb.Grant = await GrantServiceStub(clients.channels["mediation"]).CreateGrant(
        request, **clients.as_("unit_head", COUNTY, "a-head")
    )
    return found


async def denied(call: Awaitable[object]) -> None:
    """Check that a call is refused for want of the right."""
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await call


async def comes(call: Any, wanted: bool) -> None:
    """Wait until a service was told by the owner of the case: until a call is refused, or is not."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await call()
            except grpc.aio.AioRpcError as error:
                if wanted and error.code() is grpc.StatusCode.PERMISSION_DENIED:
                    return
            else:
                if not wanted:
                    return
            await asyncio.sleep(0.05)


async def test_an_excluded_account_neither_reads_nor_acts_until_it_is_revoked(
    clients: Clients, case: case_pb2.Case
) -> None:
    mediation, task = clients.mediation, f"{case.name}/tasks/1"
    she, other = clients.as_("handler", COUNTY, "she"), clients.as_("handler", COUNTY, "another")
    made = await excluded(clients, case.name, "she")
    assert (made.active, made.HasField("expire_time")) == (True, False)
    for role, unit in (("handler", COUNTY), ("unit_head", COUNTY), ("supervisor", "62"), ("auditor", "cn")):
        await denied(mediation.GetCase(mediation_pb2.GetCaseRequest(name=case.name), **clients.as_(role, unit, "she")))
    await denied(mediation.SignTask(mediation_pb2.SignTaskRequest(name=task, request_id=request_id()), **she))
    clock = f"clocks/mediation/{case.name.removeprefix('cases/')}.close"
    asked = clock_pb2.GetClockRequest(name=clock)
    await denied(clients.clocks["mediation"].GetClock(asked, **clients.as_("handler", COUNTY, "she")))
    history = feed_pb2.ListEventsRequest(service="mediation", case=case.name)
    await denied(clients.feeds["mediation"].ListEvents(history, **clients.as_("auditor", COUNTY, "she")))
    # It is in no list either, and with everybody else it is.
    for access, is_there in ((she, False), (other, True)):
        cases = await mediation.ListCases(mediation_pb2.ListCasesRequest(), **access)
        assert (case.name in [each.name for each in cases.cases]) is is_there
        tasks = await mediation.ListTasks(mediation_pb2.ListTasksRequest(parent="cases/-", page_size=1000), **access)
        assert (task in [each.name for each in tasks.tasks]) is is_there
    # Nor by an emergency, by a grant, or by her own hand.
    stub = GrantServiceStub(clients.channels["mediation"])
    glass = pb.BreakGlassRequest(parent=case.name, reason="工人聚集，不能等。", request_id=request_id())
    await denied(stub.BreakGlass(glass, **she))
    granted = pb.CreateGrantRequest(parent=case.name, grant=grant("she"), request_id=request_id())
    await stub.CreateGrant(granted, **clients.as_("unit_head"))
    await denied(mediation.GetCase(mediation_pb2.GetCaseRequest(name=case.name), **she))
    back = pb.RevokeGrantRequest(name=made.name, request_id=request_id())
    await denied(stub.RevokeGrant(back, **clients.as_("unit_head", COUNTY, "she")))
    revoked = await stub.RevokeGrant(back, **clients.as_("unit_head", COUNTY, "a-head"))
    assert not revoked.active
    await mediation.GetCase(mediation_pb2.GetCaseRequest(name=case.name), **she)


async def test_the_services_that_do_not_own_the_case_keep_to_it(clients: Clients, case: case_pb2.Case) -> None:
    report = case.name.replace("cases/", "reports/")
    she = clients.as_("unit_head", COUNTY, "him")

    async def read() -> None:
        await clients.intake.GetReport(intake_pb2.GetReportRequest(name=report), **she)

    async def raise_it() -> None:
        request = escalation_pb2.ListEscalationsRequest(parent=case.name)
        await clients.escalation.ListEscalations(request, **she)

    await read()
    made = await excluded(clients, case.name, "him")
    await comes(read, True)
    await comes(raise_it, True)
    listed = await clients.intake.ListReports(intake_pb2.ListReportsRequest(page_size=1000), **she)
    assert report not in [each.name for each in listed.reports]
    back = pb.RevokeGrantRequest(name=made.name, request_id=request_id())
    await GrantServiceStub(clients.channels["mediation"]).RevokeGrant(back, **clients.as_("unit_head"))
    await comes(read, False)
    await comes(raise_it, False)


@pytest.mark.parametrize("service", ["mediation", "intake"])
async def test_no_list_has_a_gap_a_token_or_a_total_by_which_it_is_known(
    clients: Clients, case: case_pb2.Case, service: str
) -> None:
    await clients.accept(await clients.file_report("树枝伸过院墙。"))
    number, she = case.name.removeprefix("cases/"), clients.as_("supervisor", COUNTY, f"by-a-list-{service}")
    asked = intake_pb2.GetReportRequest(name=f"reports/{number}")
    since = (await clients.intake.GetReport(asked, **she)).receive_time

    async def pages() -> list[Any]:
        """Return every page of one, beginning with what came last."""
        request: Any = mediation_pb2.ListCasesRequest if service == "mediation" else intake_pb2.ListReportsRequest
        call: Any = clients.mediation.ListCases if service == "mediation" else clients.intake.ListReports
        found, token = [], "first"
        while token:
            token = "" if token == "first" else token
            found.append(await call(request(start_time=since, page_size=1, with_total=True, page_token=token), **she))
            token = found[-1].next_page_token
        return found

    def tells(page: Any) -> bool:
        return number in str(page) or number.encode() in base64.urlsafe_b64decode(f"{page.next_page_token}===")

    assert any(tells(page) for page in await pages())
    await excluded(clients, case.name, f"by-a-list-{service}")
    await comes(lambda: clients.intake.GetReport(asked, **she), True)
    left = await pages()
    assert not any(tells(page) for page in left)
    entries = [len(page.cases if service == "mediation" else page.reports) for page in left]
    assert entries == [1] * left[0].total_size


async def test_nor_does_an_excluded_account_act_on_it_by_a_letter_about_it(
    clients: Clients, case: case_pb2.Case
) -> None:
    letters = letters_of(clients)
    known = escalation_pb2.ListEscalationsRequest(parent=case.name)

    async def told() -> None:
        await clients.escalation.ListEscalations(known, **clients.as_("unit_head", COUNTY, "by-a-letter"))

    await comes(told, False)
    name = await letters.draft(subject=case.name)

    async def read() -> None:
        request = letters_pb2.GetLetterRequest(name=name)
        await clients.letters.GetLetter(request, **clients.as_("unit_head", COUNTY, "by-a-letter"))

    await read()
    await excluded(clients, case.name, "by-a-letter")
    await comes(read, True)
    approve = letters_pb2.ApproveLetterRequest(name=name, office=1, request_id=request_id())
    await denied(clients.letters.ApproveLetter(approve, **clients.as_("unit_head", COUNTY, "by-a-letter")))
    await clients.letters.ApproveLetter(approve, **clients.as_("unit_head", COUNTY, "another-head"))


async def test_it_is_on_record_for_the_party_and_says_who_asked(clients: Clients, case: case_pb2.Case) -> None:
    await denied(
        GrantServiceStub(clients.channels["mediation"]).CreateGrant(
            pb.CreateGrantRequest(parent=case.name, grant=exclusion("x"), request_id=request_id()),
            **clients.as_("handler"),
        )
    )
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await excluded(clients, case.name, "x", party=f"{case.name}/parties/77")
    made = await excluded(clients, case.name, "x")
    stub = GrantServiceStub(clients.channels["mediation"])
    listed = await stub.ListGrants(pb.ListGrantsRequest(parent=case.name), **clients.as_("auditor"))
    assert [(each.holder, each.scope, each.active) for each in listed.grants] == [("x", 3, True)]
    history = feed_pb2.ListEventsRequest(service="mediation", case=case.name)
    events = (await clients.feeds["mediation"].ListEvents(history, **clients.as_("auditor"))).events
    assert "AccountExcluded" in [event.type for event in events]
    log = people_pb2.ListAccessLogRequest(parent=case.name)
    entries = (await clients.people.ListAccessLog(log, **clients.as_("unit_head"))).entries
    assert made.name in [each.subject for each in entries]


async def test_a_party_may_ask_for_it_and_is_not_kept_from_its_own_matter(
    clients: Clients, stack: Stack, case: case_pb2.Case
) -> None:
    party = await Act(clients, case.name).add()
    query = "UPDATE mediation.parties SET subject = 'the-party' WHERE number = $1"
    await execute(stack, query, case.name.removeprefix("cases/"))
    await refused(excluded(clients, case.name, "the-party"), "INVALID_FIELD", "grant.holder")
    other = await clients.accept(await clients.file_report("树枝伸过院墙。"))
    await refused(excluded(clients, other.name, "y", party=party.name), "INVALID_FIELD", "grant.party")
    assert (await excluded(clients, case.name, "y", party=party.name)).party == party.name


async def test_an_exclusion_by_rest(stack: Stack, rest: httpx.AsyncClient, case: case_pb2.Case) -> None:
    def as_(role: str, sub: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {stack.token(role, COUNTY, sub)}", "Idempotency-Key": request_id()}

    body = {"holder": "rest-she", "scope": "GRANT_SCOPE_EXCLUDED", "reason": "曾为一方当事人的代理人。"}
    made = await rest.post(f"/v1/{case.name}/grants", json=body, headers=as_("unit_head", "rest-head"))
    assert made.json()["active"], made.text
    assert (await rest.get(f"/v1/{case.name}", headers=as_("handler", "rest-she"))).status_code == 403
    assert (await rest.get(f"/v1/{case.name}", headers=as_("handler", "rest-other"))).status_code == 200
