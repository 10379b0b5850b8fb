"""A unit's consumer follows the feed of its own subtree, in commit order; a consumer belongs to who made it."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from pb.feed.v1 import feed_pb2

from tests.conftest import Clients

MINE, BELOW, BESIDE = "620102", "620102001", "620103"
TEXT = "拖欠工资，多次讨要无果。"


async def seen(clients: Clients, access: dict[str, Any], **asked: Any) -> list[feed_pb2.Event]:
    """Return the events a watch of intake's feed shows until it has caught up."""
    request = feed_pb2.WatchEventsRequest(service="intake", until_caught_up=True, batch_size=50, **asked)
    stream = clients.feeds["intake"].WatchEvents(request, **access)
    return [event async for batch in stream for event in batch.events]


async def filed(clients: Clients, *units: str) -> list[str]:
    """File a report to each unit and return their cases, once all are sealed into the feed."""
    made = [(await clients.file_report(TEXT, unit=f"units/{unit}")).case for unit in units]
    async with asyncio.timeout(120):
        while not set(made) <= {event.case for event in await seen(clients, clients.as_service())}:
            await asyncio.sleep(0.1)
    return made


async def acknowledge(clients: Clients, access: dict[str, Any], consumer: str, position: int) -> int:
    request = feed_pb2.AcknowledgeEventsRequest(service="intake", consumer=consumer, position=position)
    return int((await clients.feeds["intake"].AcknowledgeEvents(request, **access)).position)


async def standing(clients: Clients, access: dict[str, Any], consumer: str) -> int:
    request = feed_pb2.GetConsumerRequest(service="intake", consumer=consumer)
    return int((await clients.feeds["intake"].GetConsumer(request, **access)).position)


@pytest.mark.fault("E8")
async def test_a_unit_s_consumer_gets_its_subtree_in_commit_order(clients: Clients) -> None:
    mine, below, beside = await filed(clients, MINE, BELOW, BESIDE)
    access = clients.as_("integrator", MINE)
    events = await seen(clients, access)
    assert {mine, below} <= {event.case for event in events}
    assert beside not in {event.case for event in events}
    assert [event.position for event in events] == sorted({event.position for event in events})
    narrow = {event.case for event in await seen(clients, access, unit=f"units/{BELOW}")}
    assert below in narrow
    assert mine not in narrow
    named = {event.case for event in await seen(clients, access, names_only=True)}
    assert {mine, below} <= named
    assert beside not in named
    person = {event.case for event in await seen(clients, access, lane=feed_pb2.LANE_PERSON)}
    assert {mine, below} <= person
    assert beside not in person


@pytest.mark.fault("E8")
@pytest.mark.parametrize("unit", [BESIDE, "6201"])
async def test_what_is_not_below_is_not_followed(unit: str, clients: Clients) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await seen(clients, clients.as_("integrator", MINE), unit=f"units/{unit}")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.fault("E8")
async def test_a_consumer_belongs_to_who_made_it(clients: Clients) -> None:
    await filed(clients, MINE, MINE, MINE)
    one, other = clients.as_("integrator", MINE, "one"), clients.as_("integrator", MINE, "other")
    assert await standing(clients, one, "board") == 0
    assert await acknowledge(clients, one, "board", 2) == 2
    assert await standing(clients, one, "board") == 2
    for refused in (
        acknowledge(clients, other, "board", 3),
        standing(clients, other, "board"),
        standing(clients, one, "relay"),
        acknowledge(clients, one, "relay", 1),
        seen(clients, other, consumer="board"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await refused
        assert error.value.code() is grpc.StatusCode.PERMISSION_DENIED
    after = [event.position for event in await seen(clients, one, consumer="board")]
    assert after
    assert min(after) > 2
