"""The cost of a matter that nobody works on: bounded by its levels and steps, not by how long it waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pb.escalation.v1 import escalation_pb2 as pb
from pb.escalation.v1 import escalation_pb2_grpc

from accord.embedded.stack import Stack
from services.kit.storage.database import text
from tests.conftest import request_id
from tests.still import Still, standing_still

CASE, UNIT = "620102-2026-000915", "620102"
LEVELS = ["6201", "62"]
"""The levels above the unit."""


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


async def missed(still: Still, subject: str, unit: str = UNIT, case: str = CASE) -> pb.Escalation:
    """Raise what the workflow raises when a time of a case was missed."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    asked = pb.Escalation(from_unit=f"units/{unit}", reason="overdue", subject=subject)
    request = pb.CreateEscalationRequest(parent=f"cases/{case}", escalation=asked, request_id=request_id())
    found: pb.Escalation = await stub.CreateEscalation(request, **still.as_("supervisor", "62"))
    return found


async def shown(still: Still, unit: str, case: str = CASE) -> list[pb.Escalation]:
    """Return the open escalations of a case that a unit sees."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    request = pb.ListEscalationsRequest(parent=f"cases/{case}", open=True, unit=f"units/{unit}")
    return list((await stub.ListEscalations(request, **still.as_("supervisor", unit))).escalations)


async def counted(still: Still) -> Counter[str]:
    """Return how many rows of each kind there are."""
    counts: Counter[str] = Counter()
    async with still.database.begin() as connection:
        for table in ("events", "clocks", "escalations", "letters", "escalation_reasons"):
            counts[table] = await connection.scalar(text(f"SELECT count(*) FROM {table}"))
    return counts


async def numbers(still: Still) -> list[str]:
    """Return every case and file that has a clock running: each has a workflow that asks it to fire."""
    async with still.database.begin() as connection:
        rows = await connection.execute(text("SELECT DISTINCT number FROM clocks WHERE state = 1 AND next_at <= :now"),
                                        {"now": still.time.now()})  # fmt: skip
    return [row.number for row in rows]


async def lie(still: Still, start: datetime, days: int) -> None:
    """Let days pass on which nobody does anything but the workflows."""
    for day in range(1, days + 1):
        still.time.set(start + timedelta(days=day))
        for number in await numbers(still):
            await still.fire(number)


@pytest.mark.fault("A15")
async def test_an_idle_matter_has_one_escalation_a_level_and_costs_no_more_however_long_it_lies(still: Still) -> None:
    start = still.to("2026-03-02T09:00")
    name = f"cases/{CASE}"
    for subject in (f"reports/{CASE}", f"{name}/tasks/1", f"{name}/tasks/1", f"{name}/tasks/2", name):
        await missed(still, subject)
    # Each of its times that is missed adds a reason to the one escalation there is.
    (only,) = await shown(still, "6201")
    assert [each.subject for each in only.reasons] == [
        f"{name}/tasks/1", f"{name}/tasks/1", f"{name}/tasks/2", name,
    ]  # fmt: skip
    await lie(still, start, 200)
    after = await counted(still)
    await missed(still, f"{name}/tasks/3")
    (top,) = await shown(still, "62")
    assert top.to_unit == "units/62"
    assert [each.subject for each in top.reasons][-1] == f"{name}/tasks/3"
    assert after["escalations"] == len(LEVELS)
    # To each unit that let it lie what the triggers say, once: for being overdue, and for being so five days later.
    assert after["letters"] <= 2 * len(LEVELS)
    assert after["clocks"] <= 20
    assert after["events"] <= 60
    before = await counted(still)
    await lie(still, start + timedelta(days=200), 200)
    assert await counted(still) == before


@pytest.mark.fault("A15")
async def test_the_times_of_an_escalation_raise_the_next_level_and_none_beside_it(still: Still) -> None:
    still.to("2026-05-11T09:00")
    case = "620102-2026-000916"
    name = f"cases/{case}"
    first = await missed(still, name, case=case)
    # Both of its own times are missed, and one of the matter once more: all three come to the next level as one.
    for _ in range(2):
        await missed(still, first.name, "6201", case)
    await missed(still, f"{name}/tasks/1", case=case)
    (above,) = await shown(still, "62", case)
    assert (above.to_unit, above.climbed_from) == ("units/62", first.name)
    assert [each.subject for each in above.reasons] == [first.name, f"{name}/tasks/1"]


@pytest.mark.fault("A15")
async def test_what_was_dealt_with_is_raised_anew_when_it_is_let_lie_again(still: Still) -> None:
    still.to("2026-05-11T09:00")
    case = "620102-2026-000917"
    stub: Any = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    first = await missed(still, f"cases/{case}", case=case)
    await stub.ResolveEscalation(
        pb.ResolveEscalationRequest(name=first.name, request_id=request_id()), **still.as_("supervisor", "6201")
    )
    second = await missed(still, f"cases/{case}/tasks/1", case=case)
    assert second.name != first.name
    assert not second.reasons
