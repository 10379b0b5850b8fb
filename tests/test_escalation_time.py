"""Escalations at the boundary of each deadline: a working day to be seen, ten to be dealt with, then one level up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import orjson
import pytest
from pb.clock.v1 import clock_pb2, clock_pb2_grpc
from pb.escalation.v1 import escalation_pb2 as pb
from pb.escalation.v1 import escalation_pb2_grpc

from accord.embedded.stack import Stack
from casework.supervision.raising.ladder import to_data
from services.escalation.directory import FileDirectory
from services.kit.storage.database import text
from tests.conftest import request_id
from tests.still import Still, shipped_rules, standing_still
from tests.test_ladders import DAY, SHIPPED

CASE = "620102-2026-000001"
VILLAGE = "620102001001"


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return escalation standing still."""
    async with standing_still(stack) as found:
        yield found


async def shown(still: Still, case: str) -> list[pb.Escalation]:
    """Return the escalations of a case, in order."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    request = pb.ListEscalationsRequest(parent=f"cases/{case}")
    return list(reversed((await stub.ListEscalations(request, **still.as_("supervisor", "62"))).escalations))


async def levels(still: Still, case: str = CASE) -> list[str]:
    """Return the units, and the offices in them, that the case was raised to, in order."""
    return [each.to_unit.removeprefix("units/") + (f" {each.office}" if each.office else "")
           for each in await shown(still, case)]  # fmt: skip


async def raised(still: Still, case: str, unit: str, mode: int = pb.MODE_INFORM, **fields: Any) -> pb.Escalation:
    """Raise a case from a unit."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    escalation = pb.Escalation(mode=mode, from_unit=f"units/{unit}", reason="overdue", **fields)
    request = pb.CreateEscalationRequest(parent=f"cases/{case}", escalation=escalation, request_id=request_id())
    found: pb.Escalation = await stub.CreateEscalation(request, **still.as_("supervisor", "62"))
    return found


async def told(still: Still, verb: str, name: str, unit: str, **fields: Any) -> pb.Escalation:
    """Acknowledge, return or resolve, as the supervisor of a unit."""
    stub = escalation_pb2_grpc.EscalationServiceStub(still.channel)
    request = getattr(pb, f"{verb}EscalationRequest")(name=name, request_id=request_id(), **fields)
    found: pb.Escalation = await getattr(stub, f"{verb}Escalation")(request, **still.as_("supervisor", unit))
    return found


async def running(still: Still, case: str) -> list[str]:
    """Return the keys of the running clocks of a case, by due time."""
    stub = clock_pb2_grpc.ClockServiceStub(still.channel)
    request = clock_pb2.ListClocksRequest(service="escalation", case=f"cases/{case}", running=True)
    clocks = (await stub.ListClocks(request, **still.as_("supervisor", "62"))).clocks
    return [clock.name.partition(".")[2] for clock in clocks]


async def kinds(still: Still, case: str) -> list[str]:
    """Return what happened to a case, clocks and what they watch for letters aside."""
    async with still.database.begin() as connection:
        query = text("""SELECT kind FROM events
            WHERE number = :number AND kind NOT LIKE 'Clock%' AND kind <> 'OverdueWatched' ORDER BY seq""")
        return [row.kind for row in await connection.execute(query, {"number": case})]


async def boundary(still: Still, case: str, last_second: str, first_second: str) -> tuple[Any, Any]:
    """Fire in the last second of a deadline and in the first one after it; the way as it is after each."""
    still.to(last_second)
    await still.fire(case)
    before = await levels(still, case)
    still.to(first_second)
    await still.fire(case)
    return before, await levels(still, case)


async def test_a_case_that_nobody_deals_with_climbs_a_level_every_ten_working_days_and_not_a_second_before(
    still: Still,
) -> None:
    still.to("2026-03-02T09:00")
    await raised(still, CASE, VILLAGE)
    climbed = ["620102001"]
    # Ten working days each, the day it climbed not counted; the third ones go over Qingming (4 to 6 April).
    for last_second, first_second, above in (
        ("2026-03-16T23:59:59", "2026-03-17T00:00", "620102"),
        ("2026-03-31T23:59:59", "2026-04-01T00:00", "6201"),
        ("2026-04-16T23:59:59", "2026-04-17T00:00", "62"),
    ):
        after = [*climbed, above]
        assert await boundary(still, CASE, last_second, first_second) == (climbed, after)
        climbed = after
    assert {each.ladder for each in await shown(still, CASE)} == {"general"}
    assert [each.climbed_from[-1:] for each in await shown(still, CASE)] == ["", "1", "2", "3"]


async def test_at_the_province_it_stands_at_the_top_and_is_called_to_mind_until_it_is_dealt_with(still: Still) -> None:
    """Goes on where the climb ended: ten working days from 17 April go over Labour Day (1 to 5 May)."""
    for last_second, first_second, rounds in (
        ("2026-05-06T23:59:59", "2026-05-07T00:00", 0),
        # Five working days each; 9 May is a Saturday that is worked.
        ("2026-05-13T23:59:59", "2026-05-14T00:00", 1),
        ("2026-05-21T23:59:59", "2026-05-22T00:00", 2),
    ):
        before, after = await boundary(still, CASE, last_second, first_second)
        assert before == after == ["620102001", "620102", "6201", "62"]
        assert (await kinds(still, CASE)).count("EscalationCalledToMind") == rounds
    *below, top = await shown(still, CASE)
    assert {each.state for each in below} == {pb.ESCALATION_STATE_CLIMBED}
    assert top.state == pb.ESCALATION_STATE_TOP
    assert await running(still, CASE) == ["top_3-4"]
    await told(still, "Resolve", top.name, "62")
    assert {each.state for each in await shown(still, CASE)} == {pb.ESCALATION_STATE_RESOLVED}
    assert await running(still, CASE) == []


async def test_seven_days_from_the_grid_to_the_township_s_government_over_each_boundary(still: Still) -> None:
    case, village = "620702-2026-000001", "620702001001"
    still.to("2026-03-02T09:00")
    await raised(still, case, village, mode=pb.MODE_UNSPECIFIED)
    climbed = [f"{village} village-committee"]
    for last_second, first_second, above in (
        ("2026-03-04T23:59:59", "2026-03-05T00:00", "620702001"),
        ("2026-03-06T23:59:59", "2026-03-07T00:00", "620702001 township-government"),
        ("2026-03-09T23:59:59", "2026-03-10T00:00", "620702"),  # seven days after the second of March
    ):
        after = [*climbed, above]
        assert await boundary(still, case, last_second, first_second) == (climbed, after)
        climbed = after
    modes = [each.mode for each in await shown(still, case)]
    assert modes == [pb.MODE_INFORM, pb.MODE_TRANSFER, pb.MODE_INFORM, pb.MODE_INFORM]
    assert {each.ladder for each in await shown(still, case)} == {"four-levels-seven-days"}


async def test_what_was_handed_back_is_watched_and_taken_up_again_when_its_time_is_over(still: Still) -> None:
    case = "620102-2026-000002"
    still.to("2026-09-17T09:00")
    city = await raised(still, case, "620102", explanation="超出本县权限。")
    still.to("2026-09-18T09:00")
    back = await told(still, "Return", city.name, "6201", reason="in-your-power", expectation="十日内办结。")
    assert (back.state, back.return_unit) == (pb.ESCALATION_STATE_RETURNED, "units/620102")
    assert await running(still, case) == ["watch-1"]
    # 20 September is worked; 25 to 27 September and 1 to 7 October are not.
    assert await boundary(still, case, "2026-10-09T23:59:59", "2026-10-10T00:00") == (["6201"], ["6201"])
    (again,) = await shown(still, case)
    assert (again.state, again.return_count) == (pb.ESCALATION_STATE_RAISED, 1)
    assert await running(still, case) == ["acknowledge_2-1", "resolve_2-1"]
    # 10 October, a Saturday that is worked, is the day it began again.
    assert await boundary(still, case, "2026-10-23T23:59:59", "2026-10-24T00:00") == (["6201"], ["6201", "62"])
    assert await kinds(still, case) == [
        "EscalationRaised", "EscalationReturned", "EscalationTakenUpAgain", "EscalationRaised"]  # fmt: skip


async def test_what_is_dealt_with_while_it_is_watched_is_over(still: Still) -> None:
    case = "620102-2026-000003"
    still.to("2026-09-17T09:00")
    city = await raised(still, case, "620102")
    await told(still, "Return", city.name, "6201", reason="in-your-power", expectation="十日内办结。")
    await told(still, "Resolve", city.name, "6201")
    assert await boundary(still, case, "2026-10-09T23:59:59", "2026-12-01T00:00") == (["6201"], ["6201"])
    assert await running(still, case) == []


async def test_its_words_are_for_the_units_on_its_way_and_every_reading_is_on_record(still: Still) -> None:
    case, stub = "620102-2026-000002", escalation_pb2_grpc.EscalationServiceStub(still.channel)
    request = pb.ReadEscalationTextRequest(name=f"cases/{case}/escalations/1/text")
    for role, unit in (("supervisor", "6201"), ("handler", "620102")):
        found = await stub.ReadEscalationText(request, **still.as_(role, unit))
        assert (found.explanation, found.expectation) == ("超出本县权限。", "十日内办结。")
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await stub.ReadEscalationText(request, **still.as_("handler", "620103"))
    assert (await kinds(still, case)).count("EscalationTextRead") == 2


async def pin(still: Still, case: str, version: str, **step: Any) -> None:
    """Let the escalations of a case be pinned to a ladder that is in no rule file any more: each step as told."""
    pinned = to_data(shipped_rules(SHIPPED).ladders.choose("", "", VILLAGE, DAY))
    pinned |= {"version": version, "steps": [each | step for each in pinned["steps"]]}
    async with still.database.begin() as connection:
        insert = text(
            "INSERT INTO ladders (hash, name, version, content) VALUES (:version, 'general', :version, :told)"
        )
        await connection.execute(insert, {"version": version, "told": orjson.dumps(pinned).decode()})
        move = text("UPDATE escalations SET ladder = :version, ladder_version = :version WHERE number = :number")
        await connection.execute(move, {"version": version, "number": case})


async def test_a_ladder_edited_later_moves_nothing_that_is_under_way(still: Still) -> None:
    """The climb goes by the content that was pinned: here one in which each level has five working days."""
    case, town, county, city = "620102-2026-000004", "620102001", "620102", "6201"
    still.to("2026-03-02T09:00")
    await raised(still, case, VILLAGE)
    await pin(still, case, "2025-01", resolve="close_review")
    before, after = await boundary(still, case, "2026-03-16T23:59:59", "2026-03-17T00:00")
    assert (before, after) == ([town], [town, county])
    before, after = await boundary(still, case, "2026-03-24T23:59:59", "2026-03-25T00:00")
    assert (before, after) == ([town, county], [town, county, city])
    assert [each.ladder_version for each in await shown(still, case)] == ["2025-01"] * 3


async def test_who_is_told_sees_it_by_an_event_and_in_its_list_but_none_of_its_words(still: Still) -> None:
    case, stub = "620102-2026-000005", escalation_pb2_grpc.EscalationServiceStub(still.channel)
    still.to("2026-03-02T09:00")
    await raised(still, case, "620102001", explanation="涉及多个部门。")
    await pin(still, case, "2025-02", tell=["province", "department:petition"])
    still.to("2026-03-17T00:00")
    await still.fire(case)
    assert list((await shown(still, case))[1].told_units) == ["units/62", "units/6201-petition"]
    assert await kinds(still, case) == ["EscalationRaised", "EscalationTold", "EscalationTold", "EscalationRaised"]
    petition = still.as_("handler", "6201-petition")
    listed = await stub.ListEscalations(pb.ListEscalationsRequest(parent="cases/-"), **petition)
    assert [each.name for each in listed.escalations] == [f"cases/{case}/escalations/2"]
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
        await stub.ReadEscalationText(pb.ReadEscalationTextRequest(name=f"cases/{case}/escalations/2/text"), **petition)


async def test_what_becomes_of_a_matter_is_read_by_the_unit_in_which_its_climb_began(still: Still) -> None:
    """Whoever's clock fired last: here that of the level above."""
    case, stub = "620102-2026-000006", escalation_pb2_grpc.EscalationServiceStub(still.channel)
    still.to("2026-03-02T09:00")
    await raised(still, case, VILLAGE)
    still.to("2026-03-13T12:00")
    await still.fire(case)  # reminds the township
    handler = still.as_("handler", VILLAGE)
    assert (
        len((await stub.ListEscalations(pb.ListEscalationsRequest(parent=f"cases/{case}"), **handler)).escalations) == 1
    )
    async with still.database.begin() as connection:
        assert (await connection.execute(_LAST, {"number": case})).one().kind.startswith("Clock")
        assert await FileDirectory.owner(connection, case) == VILLAGE


_LAST = text("SELECT kind FROM events WHERE number = :number ORDER BY seq DESC LIMIT 1")
