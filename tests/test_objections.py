"""Not ours (退单异议): objected to in time, decided above both; until then whoever has it answers for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.escalation.v1 import escalation_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from pb.mediation.v1 import objections_pb2 as pb
from pb.mediation.v1.mediation_pb2_grpc import MediationServiceStub
from pb.mediation.v1.objections_pb2_grpc import ObjectionServiceStub

from accord.embedded.stack import Stack
from casework.errors import CaseError
from casework.mediation import objection as rules_of
from casework.mediation.objection import ObjectionState
from casework.units import Department, Level, Unit, UnitTree, level_of, parent_code
from services.kit.storage.database import text
from tests.conftest import Clients, request_id
from tests.still import Still, standing_still

TOWN, BESIDE, COUNTY, CITY = "620102001", "620102002", "620102", "6201"
NOW = datetime(2026, 9, 18, 9, tzinfo=UTC)


# --- the rules ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def units() -> UnitTree:
    """Return two counties of a city, one with two townships."""
    codes = ("cn", "62", "6201", "620102", "620103", TOWN, BESIDE, "63")
    labour = Department("labour", "人社局", "labour", frozenset({Level.city, Level.county}))
    return UnitTree([Unit(code, code, level_of(code), parent_code(code)) for code in codes], [labour])


@pytest.mark.parametrize(
    ("unit", "proposed", "umpire"),
    [
        (TOWN, BESIDE, COUNTY), (TOWN, "620103", CITY), (TOWN, COUNTY, CITY), (COUNTY, TOWN, CITY),
        (TOWN, "620102-labour", COUNTY), ("620102-labour", COUNTY, CITY), (TOWN, "6201-labour", CITY),
    ],
)  # fmt: skip
def test_the_umpire_is_the_lowest_unit_above_both(unit: str, proposed: str, umpire: str, units: UnitTree) -> None:
    assert rules_of.umpire(unit, proposed, "", units) == umpire


def test_a_complaint_is_not_proposed_to_the_unit_it_is_about(units: UnitTree) -> None:
    for about in (BESIDE, COUNTY):
        with pytest.raises(CaseError, match="COMPLAINED_OF"):
            rules_of.umpire("620103", BESIDE, about, units)


@pytest.mark.parametrize(
    ("proposed", "reason"), [("629999", "UNKNOWN_UNIT"), (TOWN, "INVALID_FIELD"), ("63", "TOP_LEVEL")]
)
def test_a_proposal_that_nobody_could_follow_is_refused(proposed: str, reason: str, units: UnitTree) -> None:
    with pytest.raises(CaseError, match=reason) as refused:
        rules_of.umpire(TOWN, proposed, "", units)
    assert [fault.field for fault in refused.value.fields] == ["objection.proposed_unit"]


def test_a_dispatch_is_objected_to_once_and_one_taken_back_does_not_count() -> None:
    rules_of.may_object(NOW, NOW, [ObjectionState.WITHDRAWN])
    for state in set(ObjectionState) - {ObjectionState.WITHDRAWN}:
        with pytest.raises(CaseError, match="OBJECTED_BEFORE"):
            rules_of.may_object(NOW, NOW, [state])
    with pytest.raises(CaseError, match="OBJECTION_LATE"):
        rules_of.may_object(NOW + timedelta(microseconds=1), NOW, [])


def test_the_right_unit_lies_under_the_umpire_and_is_not_the_one_that_objects(units: UnitTree) -> None:
    assert rules_of.right_unit("", BESIDE, TOWN, COUNTY, "", units) == BESIDE
    assert rules_of.right_unit("620102-labour", BESIDE, TOWN, COUNTY, "", units) == "620102-labour"
    for asked in (TOWN, "620103"):
        with pytest.raises(CaseError, match="INVALID_FIELD"):
            rules_of.right_unit(asked, BESIDE, TOWN, COUNTY, "", units)


def test_nobody_decides_for_the_own_unit() -> None:
    rules_of.is_neither(COUNTY, TOWN, BESIDE)
    for person in (TOWN, f"{BESIDE}001"):
        with pytest.raises(CaseError, match="PERMISSION_DENIED"):
            rules_of.is_neither(person, TOWN, BESIDE)


# --- in time ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def still(stack: Stack) -> AsyncIterator[Still]:
    """Return mediation standing still."""
    async with standing_still(stack, "mediation") as found:
        yield found


async def opened(still: Still, running: int, channel: int = 1) -> str:
    """Open a case of the township in this very moment, and return its name; its number is no other test's."""
    name = f"cases/{COUNTY}-2019-{running:06d}"
    case = case_pb2.Case(name=name, unit=f"units/{TOWN}", category="categories/labour", grade=2, channel=channel)
    request = mediation_pb2.CreateCaseRequest(case=case, request_id=request_id())
    await MediationServiceStub(still.channel).CreateCase(request, **still.as_service())
    return name


async def objected(still: Still, case: str, **fields: Any) -> pb.Objection:
    """Object to a dispatch as a handler of the township, in favour of the one beside."""
    told = pb.Objection(proposed_unit=f"units/{BESIDE}", reason="outside-area", grounds="房屋在相邻街道。", **fields)
    request = pb.CreateObjectionRequest(parent=case, objection=told, request_id=request_id())
    found: pb.Objection = await ObjectionServiceStub(still.channel).CreateObjection(
        request, **still.as_("handler", TOWN)
    )
    return found


async def decided(
    still: Still, name: str, upheld: bool, role: str = "supervisor", unit: str = COUNTY, sub: str | None = None
) -> pb.Objection:
    """Decide as somebody of the county."""
    request = pb.DecideDispatchObjectionRequest(name=name, upheld=upheld, decision="经核实。", request_id=request_id())
    found: pb.Objection = await ObjectionServiceStub(still.channel).DecideDispatchObjection(
        request, **still.as_(role, unit, sub)
    )
    return found


async def refused(call: Awaitable[object], reason: str) -> None:
    """Check that a call is refused for this reason."""
    with pytest.raises(grpc.aio.AioRpcError, match=reason):
        await call


async def clocks(still: Still, case: str) -> dict[str, tuple[str, int]]:
    """Return unit and due time of the running clocks of a case, by key."""
    request = clock_pb2.ListClocksRequest(service="mediation", case=case, running=True)
    found = (await ClockServiceStub(still.channel).ListClocks(request, **still.as_("auditor", "62"))).clocks
    return {
        each.name.partition(".")[2]: (each.unit.removeprefix("units/"), each.due_time.ToSeconds()) for each in found
    }


async def case_of(still: Still, name: str) -> case_pb2.Case:
    """Return a case."""
    request = mediation_pb2.GetCaseRequest(name=name)
    found: case_pb2.Case = await MediationServiceStub(still.channel).GetCase(request, **still.as_("handler", "62"))
    return found


@pytest.mark.parametrize(
    ("running", "channel", "last_second", "first_second"),
    [
        # A Saturday that is worked (10 October) is the one working day; 20 September is a Sunday that is worked.
        (1, 1, "2026-10-10T23:59:59", "2026-10-11T00:00"),
        (2, 6, "2026-10-15T23:59:59", "2026-10-16T00:00"),  # a petition: five working days (信访工作条例 art. 23)
    ],
)
async def test_a_dispatch_is_objected_to_until_the_last_second_and_not_in_the_next(
    running: int, channel: int, last_second: str, first_second: str, still: Still
) -> None:
    still.to("2026-10-09T18:30")
    early, late = await opened(still, running, channel), await opened(still, running + 10, channel)
    still.to(last_second)
    assert (await objected(still, early)).state == pb.OBJECTION_STATE_MADE
    still.to(first_second)
    await refused(objected(still, late), "OBJECTION_LATE")


async def test_the_umpire_has_three_working_days_and_then_the_unit_above_is_told(
    still: Still, clients: Clients
) -> None:
    still.to("2026-09-28T09:00")
    made = await objected(still, await opened(still, 3))
    number = made.name.split("/")[1]
    # The service that stands still has no relay: escalation is told of the case as it would be.
    await clients.tell_of(f"cases/{number}", TOWN)

    async def raised() -> list[tuple[str, str]]:
        request = escalation_pb2.ListEscalationsRequest(parent=f"cases/{number}")
        found = (await clients.escalation.ListEscalations(request, **clients.as_("supervisor", "62"))).escalations
        return [(each.from_unit, each.to_unit) for each in found if each.subject == made.name]

    # 29 and 30 September, then 8 October: the days between are National Day.
    still.to("2026-10-08T23:59:59")
    await still.fire(number)
    assert await raised() == []
    still.to("2026-10-09T00:00")
    await still.fire(number)
    assert await raised() == [(f"units/{COUNTY}", f"units/{CITY}")]
    # Late, it is still decided: by the umpire, or by the level above it.
    assert (await decided(still, made.name, True, "supervisor", CITY)).state == pb.OBJECTION_STATE_UPHELD


async def test_nothing_stands_still_and_the_first_unit_answers_for_everything_until_it_is_decided(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case = await opened(still, 4)
    before = await clocks(still, case)
    made = await objected(still, case)
    assert {key: clock for key, clock in (await clocks(still, case)).items() if key in before} == before
    assert (await case_of(still, case)).unit == f"units/{TOWN}"
    still.to("2026-09-29T09:00")
    assert (await decided(still, made.name, True)).right_unit == f"units/{BESIDE}"
    # It went over in the same moment, with every deadline as it was.
    after = await clocks(still, case)
    assert (await case_of(still, case)).unit == f"units/{BESIDE}"
    assert {key: due for key, (_, due) in after.items()} == {key: due for key, (_, due) in before.items()}
    assert {BESIDE if unit == TOWN else unit for unit, _ in before.values()} == {unit for unit, _ in after.values()}


async def test_one_that_was_refused_is_not_made_again_but_by_a_new_dispatch(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case = await opened(still, 5)
    made = await objected(still, case)
    await refused(objected(still, case), "OBJECTED_BEFORE")
    await refused(decided(still, made.name, False, unit=TOWN), "PERMISSION_DENIED")
    await refused(decided(still, made.name, False, "unit_head", "620103"), "PERMISSION_DENIED")
    assert (await decided(still, made.name, False)).state == pb.OBJECTION_STATE_REFUSED
    assert (await case_of(still, case)).unit == f"units/{TOWN}"
    await refused(decided(still, made.name, True), "WRONG_STATE")
    await refused(objected(still, case), "OBJECTED_BEFORE")
    still.to("2026-09-29T09:00")
    for unit in (BESIDE, TOWN):
        request = mediation_pb2.TransferCaseRequest(name=case, unit=f"units/{unit}", request_id=request_id())
        await MediationServiceStub(still.channel).TransferCase(request, **still.as_("unit_head", "62"))
    assert (await objected(still, case)).state == pb.OBJECTION_STATE_MADE


async def test_whoever_made_it_does_not_decide_it(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case, stub = await opened(still, 6), ObjectionServiceStub(still.channel)
    told = pb.Objection(proposed_unit=f"units/{BESIDE}", reason="outside-area", grounds="不在辖区。")
    request = pb.CreateObjectionRequest(parent=case, objection=told, request_id=request_id())
    made = await stub.CreateObjection(request, **still.as_("unit_head", COUNTY, "he"))
    await refused(decided(still, made.name, True, sub="he"), "SAME_PERSON")


async def test_a_task_goes_over_alone_and_is_signed_for_anew(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case = await opened(still, 7)
    task, stub = f"{case}/tasks/1", MediationServiceStub(still.channel)
    await stub.SignTask(mediation_pb2.SignTaskRequest(name=task, request_id=request_id()), **still.as_("handler", TOWN))
    before = (await clocks(still, case))["task-1.task"]
    made = await objected(still, case, task=task)
    await decided(still, made.name, True)
    moved = await stub.GetTask(mediation_pb2.GetTaskRequest(name=task), **still.as_("handler", "62"))
    assert (moved.unit, moved.state) == (f"units/{BESIDE}", case_pb2.TASK_STATE_DISPATCHED)
    running = await clocks(still, case)
    assert running["task-1.task"] == (BESIDE, before[1])
    assert [unit for key, (unit, _) in running.items() if key.startswith("task-1.sign")] == [BESIDE]
    assert (await case_of(still, case)).unit == f"units/{TOWN}"


@pytest.mark.fault("D11")
async def test_what_waits_for_the_umpire_is_not_returned_nor_handed_on_beside_it(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case, stub = await opened(still, 18), MediationServiceStub(still.channel)
    of_case, of_task = await objected(still, case), await objected(still, case, task=f"{case}/tasks/1")

    async def back(unit: str, task: int = 1) -> None:
        request = mediation_pb2.ReturnTaskRequest(
            name=f"{case}/tasks/{task}", reason="not-ours", request_id=request_id()
        )
        await stub.ReturnTask(request, **still.as_("handler", unit))

    async def transfer(role: str, unit: str, to: str) -> None:
        request = mediation_pb2.TransferCaseRequest(name=case, unit=f"units/{to}", request_id=request_id())
        await stub.TransferCase(request, **still.as_(role, unit))

    await refused(back(TOWN), "OBJECTION_OPEN")
    await refused(transfer("unit_head", TOWN, BESIDE), "OBJECTION_OPEN|PERMISSION_DENIED|TRANSFER")
    # Decided, either way: it stays decided.
    assert (await decided(still, of_task.name, True)).right_unit == f"units/{BESIDE}"
    await refused(back(BESIDE), "UMPIRE_DECIDES")
    await decided(still, of_case.name, False)
    await refused(transfer("unit_head", TOWN, BESIDE), "UMPIRE_DECIDES|PERMISSION_DENIED|TRANSFER")
    case = await opened(still, 19)
    other = await objected(still, case, task=f"{case}/tasks/1")
    await decided(still, other.name, False)
    await refused(back(TOWN), "UMPIRE_DECIDES")
    listed = await stub.ListTasks(mediation_pb2.ListTasksRequest(parent=case), **still.as_("handler", TOWN))
    assert not [task for task in listed.tasks if task.state == case_pb2.TASK_STATE_RETURNED]
    # A unit above all of them gives the case elsewhere.
    await transfer("unit_head", "62", COUNTY)


async def test_when_the_dispatch_is_over_there_is_nothing_left_to_decide(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case, stub = await opened(still, 8), MediationServiceStub(still.channel)
    of_case, of_task = await objected(still, case), await objected(still, case, task=f"{case}/tasks/1")
    signed = mediation_pb2.SignTaskRequest(name=f"{case}/tasks/1", request_id=request_id())
    await stub.SignTask(signed, **still.as_("handler", TOWN))
    done = mediation_pb2.ReportTaskRequest(name=f"{case}/tasks/1", evidence="doc-1", request_id=request_id())
    await stub.ReportTask(done, **still.as_("handler", TOWN))
    await refused(decided(still, of_task.name, True), "LAPSED")
    request = mediation_pb2.TransferCaseRequest(name=case, unit=f"units/{COUNTY}", request_id=request_id())
    await stub.TransferCase(request, **still.as_("unit_head", "62"))
    await refused(decided(still, of_case.name, True), "LAPSED")
    assert not [key for key in await clocks(still, case) if key.startswith("objection")]


async def test_its_grounds_are_read_by_the_units_it_concerns_and_on_record(still: Still) -> None:
    still.to("2026-09-28T09:00")
    case, stub = await opened(still, 9), ObjectionServiceStub(still.channel)
    made = await objected(still, case)
    await decided(still, made.name, False)
    request = pb.ReadObjectionTextRequest(name=f"{made.name}/text")
    for role, unit in (("handler", TOWN), ("supervisor", COUNTY)):
        found = await stub.ReadObjectionText(request, **still.as_(role, unit))
        assert (found.grounds, found.decision) == ("房屋在相邻街道。", "经核实。")
    await refused(stub.ReadObjectionText(request, **still.as_("handler", BESIDE)), "PERMISSION_DENIED")
    async with still.database.begin() as connection:
        query = text("SELECT count(*) AS n FROM access_log WHERE number = :number AND subject = :subject")
        parameters = {"number": case.split("/")[1], "subject": request.name}
        assert await connection.scalar(query, parameters) == 2
    # The umpire's worklist shows what is to be decided there, and a unit beside both sees nothing of it.
    for unit, count in ((COUNTY, True), (TOWN, True), (BESIDE, False), ("620103", False)):
        listed = await stub.ListObjections(pb.ListObjectionsRequest(parent="cases/-"), **still.as_("handler", unit))
        assert bool(listed.objections) is count, unit
