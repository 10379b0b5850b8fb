"""Escalations at the boundary of each deadline: a working day to be seen, ten to be dealt with, then one level up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from pb.escalation.v1 import escalation_pb2 as pb
from pb.escalation.v1 import escalation_pb2_grpc

from accord.stack import Stack
from tests.conftest import request_id
from tests.still import Still, standing_still

CASE = "620102-2026-000001"
VILLAGE = "620102001001"


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


async def levels(still: Still) -> list[str]:
    """Return the units the case was raised to, in order."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    found = await stub.ListEscalations(
        pb.ListEscalationsRequest(parent=f"cases/{CASE}"), **still.as_("supervisor", "62")
    )
    return [each.to_unit.removeprefix("units/") for each in reversed(found.escalations)]


async def test_a_case_that_nobody_deals_with_climbs_a_level_every_ten_working_days_and_not_a_second_before(
    still: Still,
) -> None:
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    still.to("2026-03-02T09:00")
    raised = pb.Escalation(mode=pb.MODE_INFORM, from_unit=f"units/{VILLAGE}", reason="overdue")
    request = pb.CreateEscalationRequest(parent=f"cases/{CASE}", escalation=raised, request_id=request_id())
    await stub.CreateEscalation(request, **still.as_("supervisor", "62"))
    climbed = ["620102001"]
    # Ten working days each, the day it climbed not counted; the third ones go over Qingming (4 to 6 April).
    for last_second, first_second, above in (
        ("2026-03-16T23:59:59", "2026-03-17T00:00", "620102"),
        ("2026-03-31T23:59:59", "2026-04-01T00:00", "6201"),
        ("2026-04-16T23:59:59", "2026-04-17T00:00", "62"),
    ):
        still.to(last_second)
        await still.fire(CASE)
        assert await levels(still) == climbed
        still.to(first_second)
        await still.fire(CASE)
        climbed.append(above)
        assert await levels(still) == climbed
