"""A move sideways (提议移送): offered by one side, accepted by the other, and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import grpc
import httpx
import pytest
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1 import offers_pb2 as pb
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from pb.mediation.v1.offers_pb2_grpc import OfferServiceStub

from accord.embedded.stack import Stack
from tests.conftest import Clients, request_id
from tests.still import Still, standing_still
from tests.test_objections import clocks
from tests.world_offers import offer

pytestmark = pytest.mark.fault("C1")
TOWN, BESIDE, COUNTY, OTHER = "620102001", "620102002", "620102", "620103"


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return mediation standing still."""
    async with standing_still(stack, "mediation") as found:
        found.to("2026-09-28T09:00")
        yield found


async def opened(still: Still, running: int, **fields: Any) -> str:
    """Open a case of the township in this very moment, and return its name; its number is no other test's."""
    name = f"cases/{COUNTY}-2018-{running:06d}"
    given = {"unit": f"units/{TOWN}", "category": "categories/labour", "grade": 2, "channel": 1, **fields}
    request = mediation_pb2.CreateCaseRequest(case=case_pb2.Case(name=name, **given), request_id=request_id())
    await MediationServiceStub(still.channel).CreateCase(request, **still.as_service())
    return name


async def do(still: Still, method: str, role: str, unit: str, sub: str | None = None, **fields: Any) -> Any:
    """Call an RPC of offers."""
    message = getattr(pb, f"{method}Request")
    if "request_id" in message.DESCRIPTOR.fields_by_name:
        fields["request_id"] = request_id()
    return await getattr(OfferServiceStub(still.channel), method)(message(**fields), **still.as_(role, unit, sub))


async def made(still: Still, case: str, to: str = BESIDE, **fields: Any) -> pb.Offer:
    """Offer as the head of the township."""
    found: pb.Offer = await do(still, "CreateOffer", "unit_head", TOWN, parent=case, offer=offer(to, **fields))
    return found


async def refused(call: Awaitable[object], reason: str) -> None:
    """Check that a call is refused for this reason."""
    with pytest.raises(grpc.aio.AioRpcError, match=reason):
        await call


async def unit_of(still: Still, case: str) -> str:
    """Return the unit that answers for a case."""
    request = mediation_pb2.GetCaseRequest(name=case)
    found = await MediationServiceStub(still.channel).GetCase(request, **still.as_("handler", "62"))
    return str(found.unit.removeprefix("units/"))


async def test_the_offering_unit_answers_for_it_until_the_other_accepts_and_no_clock_moves(still: Still) -> None:
    case = await opened(still, 1)
    before = await clocks(still, case)
    offered = await made(still, case)
    assert (offered.state, offered.unit, await unit_of(still, case)) == (pb.OFFER_STATE_MADE, f"units/{TOWN}", TOWN)
    assert {key: clock for key, clock in (await clocks(still, case)).items() if key in before} == before
    accepted = await do(still, "AcceptOffer", "duty_officer", BESIDE, name=offered.name)
    assert (accepted.state, await unit_of(still, case)) == (pb.OFFER_STATE_ACCEPTED, BESIDE)
    after = await clocks(still, case)
    assert {key: due for key, (_, due) in after.items()} == {key: due for key, (_, due) in before.items()}
    # The rights went with it: the old unit reads the case no more, and keeps its own offer.
    request = mediation_pb2.GetCaseRequest(name=case)
    stub = MediationServiceStub(still.channel)
    await refused(stub.GetCase(request, **still.as_("unit_head", TOWN)), "PERMISSION_DENIED")
    assert (await stub.GetCase(request, **still.as_("unit_head", BESIDE))).unit == f"units/{BESIDE}"
    assert (await do(still, "GetOffer", "unit_head", TOWN, name=offered.name)).state == pb.OFFER_STATE_ACCEPTED


async def test_only_the_side_that_is_asked_answers_and_only_the_side_that_asked_withdraws(still: Still) -> None:
    offered = await made(still, await opened(still, 2))
    name = offered.name
    for role, unit in (("unit_head", TOWN), ("unit_head", OTHER), ("duty_officer", "620102003"), ("handler", BESIDE)):
        await refused(do(still, "AcceptOffer", role, unit, name=name), "PERMISSION_DENIED")
        await refused(do(still, "DeclineOffer", role, unit, name=name, reason="no"), "PERMISSION_DENIED")
    for unit in (BESIDE, OTHER):
        await refused(do(still, "WithdrawOffer", "unit_head", unit, name=name), "PERMISSION_DENIED")
        await refused(
            do(still, "CreateOffer", "unit_head", unit, parent=name.partition("/offers")[0], offer=offer("620102003")),
            "PERMISSION_DENIED",
        )
    await refused(do(still, "GetOffer", "unit_head", OTHER, name=name), "PERMISSION_DENIED")
    declined = await do(still, "DeclineOffer", "unit_head", BESIDE, name=name, reason="no-room")
    assert (declined.state, declined.decline_reason) == (pb.OFFER_STATE_DECLINED, "no-room")
    await refused(do(still, "AcceptOffer", "unit_head", BESIDE, name=name), "WRONG_STATE")
    await refused(do(still, "WithdrawOffer", "unit_head", TOWN, name=name), "WRONG_STATE")


async def test_who_offers_does_not_accept(still: Still) -> None:
    case = await opened(still, 3)
    made_by = await do(still, "CreateOffer", "unit_head", COUNTY, "she", parent=case, offer=offer())
    await refused(do(still, "AcceptOffer", "unit_head", COUNTY, "she", name=made_by.name), "SAME_PERSON")


async def test_the_offered_unit_reads_an_outline_while_it_is_asked_and_nothing_else(still: Still) -> None:
    case = await opened(still, 4)
    offered = await made(still, case)
    outline = await do(still, "GetOfferedMatter", "duty_officer", BESIDE, name=f"{offered.name}/matter")
    assert (outline.category, outline.grade, outline.place) == ("categories/labour", 2, f"units/{TOWN}")
    assert outline.measures
    request = mediation_pb2.GetCaseRequest(name=case)
    stub = MediationServiceStub(still.channel)
    await refused(stub.GetCase(request, **still.as_("duty_officer", BESIDE)), "PERMISSION_DENIED")
    for unit in (OTHER, "620102003"):
        await refused(
            do(still, "GetOfferedMatter", "unit_head", unit, name=f"{offered.name}/matter"), "PERMISSION_DENIED"
        )
    await do(still, "WithdrawOffer", "duty_officer", TOWN, name=offered.name)
    await refused(do(still, "GetOfferedMatter", "duty_officer", BESIDE, name=f"{offered.name}/matter"), "WRONG_STATE")


async def test_the_unit_complained_of_is_not_offered_it(still: Still) -> None:
    case = await opened(still, 5, about_unit=f"units/{BESIDE}")
    await refused(made(still, case), "COMPLAINED_OF")
    await refused(made(still, case, f"{BESIDE}001"), "COMPLAINED_OF")
    await refused(made(still, case, TOWN), "INVALID_FIELD")
    await refused(made(still, case, "629999"), "UNKNOWN_UNIT")


async def test_one_offer_waits_at_a_time_and_one_is_accepted_once(still: Still) -> None:
    case = await opened(still, 6)
    both = await asyncio.gather(made(still, case), made(still, case, OTHER), return_exceptions=True)
    assert sorted(isinstance(each, pb.Offer) for each in both) == [False, True]
    (lost,) = [each for each in both if isinstance(each, grpc.aio.AioRpcError)]
    assert "OFFER_OPEN" in str(lost.details())
    (offered,) = [each for each in both if isinstance(each, pb.Offer)]
    to = offered.offered_unit.removeprefix("units/")
    accepting = [do(still, "AcceptOffer", role, to, name=offered.name) for role in ("unit_head", "duty_officer")]
    answers = await asyncio.gather(*accepting, return_exceptions=True)
    assert sorted(isinstance(each, pb.Offer) for each in answers) == [False, True]
    assert await unit_of(still, case) == to


async def test_a_task_goes_over_alone_and_is_signed_for_anew(still: Still) -> None:
    case, stub = await opened(still, 7), MediationServiceStub(still.channel)
    task = f"{case}/tasks/1"
    due = (await clocks(still, case))["task-1.task"][1]
    offered = await made(still, case, task=task)
    await refused(made(still, case, OTHER, task=task), "OFFER_OPEN")
    outline = await do(still, "GetOfferedMatter", "unit_head", BESIDE, name=f"{offered.name}/matter")
    assert len(outline.measures) == 1
    await do(still, "AcceptOffer", "unit_head", BESIDE, name=offered.name)
    moved = await stub.GetTask(mediation_pb2.GetTaskRequest(name=task), **still.as_("handler", BESIDE))
    assert (moved.unit, moved.state) == (f"units/{BESIDE}", case_pb2.TASK_STATE_DISPATCHED)
    assert (await clocks(still, case))["task-1.task"] == (BESIDE, due)
    assert await unit_of(still, case) == TOWN
    # What the other unit has in hand is not offered on by the first.
    await refused(made(still, case, OTHER, task=task), "WRONG_STATE")
    # Returned, it may be.
    back = mediation_pb2.ReturnTaskRequest(name=task, reason="not-ours", request_id=request_id())
    await stub.ReturnTask(back, **still.as_("handler", BESIDE))
    again = await made(still, case, OTHER, task=task)
    await do(still, "AcceptOffer", "unit_head", OTHER, name=again.name)
    moved = await stub.GetTask(mediation_pb2.GetTaskRequest(name=task), **still.as_("handler", OTHER))
    assert (moved.unit, moved.state) == (f"units/{OTHER}", case_pb2.TASK_STATE_DISPATCHED)


async def test_what_went_elsewhere_or_is_closed_is_offered_no_more(still: Still) -> None:
    case, stub = await opened(still, 8), MediationServiceStub(still.channel)
    offered = await made(still, case)
    moving = mediation_pb2.TransferCaseRequest(name=case, unit=f"units/{COUNTY}", request_id=request_id())
    await stub.TransferCase(moving, **still.as_("unit_head", "62"))
    await refused(do(still, "AcceptOffer", "unit_head", BESIDE, name=offered.name), "LAPSED")
    assert not [key for key in await clocks(still, case) if key.startswith("offer")]
    done = await opened(still, 9)
    of_closed = await made(still, done)
    closing = mediation_pb2.RequestClosingRequest(name=done, outcome=case_pb2.OUTCOME_REFERRED, request_id=request_id())
    await stub.RequestClosing(closing, **still.as_("handler", TOWN))
    await refused(do(still, "AcceptOffer", "unit_head", BESIDE, name=of_closed.name), "WRONG_STATE")
    close = mediation_pb2.CloseCaseRequest(name=done, approved=True, request_id=request_id())
    await stub.CloseCase(close, **still.as_("reviewer", COUNTY))
    await refused(do(still, "AcceptOffer", "unit_head", BESIDE, name=of_closed.name), "LAPSED")
    await refused(made(still, done), "WRONG_STATE")


async def test_an_offer_that_nobody_answers_lapses_with_its_clock_and_the_unit_is_notified(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case = await opened(still, 10)
    number = case.removeprefix("cases/")
    offered = await made(still, case)
    # 29 and 30 September; National Day follows.
    still.to("2026-09-30T23:59:59")
    await still.fire(number)
    assert (await do(still, "GetOffer", "unit_head", TOWN, name=offered.name)).state == pb.OFFER_STATE_MADE
    still.to("2026-10-01T00:00:01")
    # Over is over, also in the moment before its clock fires.
    await refused(do(still, "AcceptOffer", "unit_head", BESIDE, name=offered.name), "LAPSED")
    await still.fire(number)
    assert (await do(still, "GetOffer", "unit_head", TOWN, name=offered.name)).state == pb.OFFER_STATE_LAPSED
    from pb.feed.v1.feed_pb2_grpc import FeedServiceStub

    asked = feed_pb2.ListEventsRequest(service="mediation", case=case)
    told = (await FeedServiceStub(still.channel).ListEvents(asked, **still.as_("unit_head", TOWN))).events
    assert "OfferLapsed" in [event.type for event in told]
    assert await unit_of(still, case) == TOWN
    # It may be offered again.
    assert (await made(still, case, OTHER)).state == pb.OFFER_STATE_MADE


async def test_both_sides_do_it_over_rest(clients: Clients, stack: Stack, rest: httpx.AsyncClient) -> None:
    case = await clients.accept(await clients.file_report("两村共用的机井坏了。", unit=f"units/{TOWN}"))

    def as_(unit: str) -> dict[str, str]:
        token = stack.token("unit_head", unit)
        return {"Authorization": f"Bearer {token}", "Idempotency-Key": request_id()}

    body = {"offeredUnit": f"units/{BESIDE}", "reason": "outside-area"}
    offered = await rest.post(f"/v1/{case.name}/offers", json=body, headers=as_(TOWN))
    assert offered.status_code in (200, 201), offered.text
    name = offered.json()["name"]
    seen = await rest.get("/v1/cases/-/offers?open=true", headers=as_(BESIDE))
    assert name in [each["name"] for each in seen.json()["offers"]]
    assert (await rest.get("/v1/cases/-/offers", headers=as_(OTHER))).json().get("offers", []) == []
    outline = await rest.get(f"/v1/{name}/matter", headers=as_(BESIDE))
    assert outline.json()["place"] == f"units/{TOWN}"
    assert (await rest.get(f"/v1/{case.name}", headers=as_(BESIDE))).status_code == 403
    assert (await rest.post(f"/v1/{name}:accept", json={}, headers=as_(OTHER))).status_code == 403
    accepted = await rest.post(f"/v1/{name}:accept", json={}, headers=as_(BESIDE))
    assert accepted.json()["state"] == "OFFER_STATE_ACCEPTED", accepted.text
    assert (await rest.get(f"/v1/{case.name}", headers=as_(BESIDE))).status_code == 200
    assert (await rest.get(f"/v1/{case.name}", headers=as_(TOWN))).status_code == 403
