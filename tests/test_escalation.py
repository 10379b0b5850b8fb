"""Levels: a matter goes one level up, against the unit; only the level above says it has seen it and dealt with it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from pb.escalation.v1 import escalation_pb2 as pb
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2

from tests.conftest import COUNTY, Clients, request_id
from tests.patience import PATIENCE
from tests.rpcs import send
from workflows.cases.activities import move_of
from workflows.messages import Source
from workflows.relay import heard

ABOVE = "6201"


@pytest.fixture
async def case(clients: Clients) -> case_pb2.Case:
    """Return an opened case of the county."""
    return await clients.accept(await clients.file_report())


async def raise_(
    clients: Clients, case: str, unit: str = COUNTY, mode: Any = pb.MODE_INFORM, **access: Any
) -> pb.Escalation:
    """Raise a case from a unit."""
    raised = pb.Escalation(mode=mode, from_unit=f"units/{unit}", reason="stuck")
    request = pb.CreateEscalationRequest(parent=case, escalation=raised, request_id=request_id())
    found: pb.Escalation = await clients.escalation.CreateEscalation(request, **access or clients.as_("handler", unit))
    return found


async def move(clients: Clients, verb: str, name: str, unit: str = ABOVE, etag: str = "") -> pb.Escalation:
    """Acknowledge or resolve as the supervisor of a unit."""
    request = getattr(pb, f"{verb}EscalationRequest")(name=name, etag=etag, request_id=request_id())
    found: pb.Escalation = await getattr(clients.escalation, f"{verb}Escalation")(
        request, **clients.as_("supervisor", unit)
    )
    return found


@pytest.mark.parametrize(
    ("unit", "above"),
    [("620102001", "620102"), (COUNTY, ABOVE), (f"{COUNTY}-labour", COUNTY), (ABOVE, "62")],
)
async def test_a_matter_goes_just_one_level_up(unit: str, above: str, clients: Clients, case: case_pb2.Case) -> None:
    raised = await raise_(clients, case.name, unit, **clients.as_("handler", "62"))
    assert (raised.from_unit, raised.to_unit) == (f"units/{unit}", f"units/{above}")
    assert (raised.state, raised.subject) == (pb.ESCALATION_STATE_RAISED, case.name)


async def test_above_the_highest_level_there_is_none(clients: Clients, case: case_pb2.Case) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="TOP_LEVEL") as refused:
        await raise_(clients, case.name, "62")
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_whoever_is_informed_does_not_get_the_case(clients: Clients, case: case_pb2.Case) -> None:
    informed = await raise_(clients, case.name)
    transferred = await raise_(clients, case.name, mode=pb.MODE_TRANSFER)
    assert [informed.name, transferred.name] == [f"{case.name}/escalations/{number}" for number in (1, 2)]
    async with asyncio.timeout(PATIENCE):
        while (moved := await clients.case(case.name)).unit != f"units/{ABOVE}":
            assert moved.unit == f"units/{COUNTY}"
            await asyncio.sleep(0.05)
    assert moved.due_time == case.due_time


async def test_only_the_level_above_acknowledges_and_resolves(clients: Clients, case: case_pb2.Case) -> None:
    raised = await raise_(clients, case.name)
    for verb in ("Acknowledge", "Resolve"):
        with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
            await move(clients, verb, raised.name, COUNTY)
    seen = await move(clients, "Acknowledge", raised.name)
    assert (seen.state, seen.HasField("acknowledge_time")) == (pb.ESCALATION_STATE_ACKNOWLEDGED, True)
    with pytest.raises(grpc.aio.AioRpcError, match="WRONG_STATE"):
        await move(clients, "Acknowledge", raised.name)
    with pytest.raises(grpc.aio.AioRpcError, match="ETAG_MISMATCH"):
        await move(clients, "Resolve", raised.name, etag=raised.etag)
    done = await move(clients, "Resolve", raised.name, etag=seen.etag)
    assert (done.state, done.HasField("resolve_time")) == (pb.ESCALATION_STATE_RESOLVED, True)
    with pytest.raises(grpc.aio.AioRpcError, match="WRONG_STATE"):
        await move(clients, "Resolve", raised.name)


async def test_the_level_above_may_resolve_at_once(clients: Clients, case: case_pb2.Case) -> None:
    raised = await raise_(clients, case.name)
    assert (await move(clients, "Resolve", raised.name)).state == pb.ESCALATION_STATE_RESOLVED


async def test_the_list_of_open_ones_leaves_out_what_was_resolved(clients: Clients, case: case_pb2.Case) -> None:
    resolved, left = await raise_(clients, case.name), await raise_(clients, case.name)
    await move(clients, "Resolve", resolved.name)
    for unit in (COUNTY, ABOVE, "62"):
        request = pb.ListEscalationsRequest(parent=case.name, open=True)
        found = await clients.escalation.ListEscalations(request, **clients.as_("unit_head", unit))
        assert [each.name for each in found.escalations] == [left.name]


async def test_the_unit_it_was_raised_from_reads_its_history(clients: Clients, case: case_pb2.Case) -> None:
    await move(clients, "Resolve", (await raise_(clients, case.name)).name)
    for unit in (COUNTY, ABOVE):
        request = feed_pb2.ListEventsRequest(service="escalation", case=case.name)
        events = (await clients.feeds["escalation"].ListEvents(request, **clients.as_("clerk", unit))).events
        assert [event.type for event in events] == ["EscalationRaised", "EscalationResolved"]


async def test_nobody_raises_for_a_unit_that_is_not_the_own(clients: Clients, case: case_pb2.Case) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await raise_(clients, case.name, COUNTY, **clients.as_("handler", "620103"))


async def test_nobody_takes_a_case_away_by_raising_it_from_the_own_unit(clients: Clients, case: case_pb2.Case) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await raise_(clients, case.name, "620103", pb.MODE_TRANSFER)
    await raise_(clients, case.name, "620103", pb.MODE_TRANSFER, **clients.as_("handler", "62"))
    await raise_(clients, case.name, COUNTY, pb.MODE_INFORM)
    await asyncio.sleep(2)  # what must not happen has no sign to wait for
    assert (await clients.case(case.name)).unit == f"units/{COUNTY}"


async def test_an_office_or_a_category_that_is_not_there_is_named(clients: Clients, case: case_pb2.Case) -> None:
    for fields, at_fault in (
        ({"office": "nobody"}, "escalation.office"), ({"category": "categories/nothing"}, "escalation.category"),
        ({"about_unit": "units/629999"}, "escalation.about_unit"),
    ):  # fmt: skip
        raised = pb.Escalation(mode=pb.MODE_INFORM, from_unit=case.unit, reason="stuck", **fields)
        request = pb.CreateEscalationRequest(parent=case.name, escalation=raised, request_id=request_id())
        assert (await send(clients, "escalation.CreateEscalation", request)).fields == [at_fault]


@pytest.mark.parametrize("kind", ["EscalationRaised", "EscalationReturned", "EscalationTakenUpAgain"])
def test_a_case_goes_up_comes_back_and_goes_up_again_with_its_escalation(kind: str) -> None:
    event = feed_pb2.Event(case="cases/620102-2026-000001", sequence=1, type=kind)
    event.payload.update({"escalation": 2, "mode": "TRANSFER"})
    assert heard(Source.ESCALATION, event).escalation == 2
    up = pb.Escalation(name="x", from_unit="units/1", to_unit="units/2", state=pb.ESCALATION_STATE_RAISED)
    back = pb.Escalation(name="x", from_unit="units/1", to_unit="units/2", state=pb.ESCALATION_STATE_RETURNED,
                         return_unit="units/0", return_count=1)  # fmt: skip
    again = pb.Escalation(name="x", from_unit="units/1", to_unit="units/2", state=pb.ESCALATION_STATE_RAISED,
                          return_unit="units/0", return_count=1)  # fmt: skip
    moves = {"EscalationRaised": up, "EscalationReturned": back, "EscalationTakenUpAgain": again}
    had_by, unit, key = move_of(moves[kind])
    assert (had_by - {""}, unit) == {
        "EscalationRaised": ({"units/1"}, "units/2"), "EscalationReturned": ({"units/2"}, "units/0"),
        "EscalationTakenUpAgain": ({"units/0", "units/1"}, "units/2")}[kind]  # fmt: skip
    assert len({move_of(each)[2] for each in moves.values()}) == 3
    assert key
