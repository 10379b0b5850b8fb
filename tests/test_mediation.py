"""The case: one plan, tasks that go to and fro between units, and a closing that takes two people."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
from pb.clock.v1 import clock_pb2
from pb.feed.v1 import feed_pb2
from pb.mediation.v1 import case_pb2
from pb.mediation.v1 import mediation_pb2 as pb

from tests.conftest import COUNTY, Clients, request_id

LABOUR, LAND = f"units/{COUNTY}-labour", f"units/{COUNTY}-land"
State = case_pb2.TaskState


@pytest.fixture
async def case(clients: Clients) -> case_pb2.Case:
    """Return a case of wages with the plan for it: tasks of the county and of its labour bureau."""
    report = await clients.file_report(
        "工地欠薪，八个人。", category="categories/labour/wage-arrears", people_affected=8
    )
    return await clients.accept(report)


async def plan_of(clients: Clients, case: case_pb2.Case) -> case_pb2.Plan:
    found: case_pb2.Plan = await clients.mediation.GetPlan(
        pb.GetPlanRequest(name=f"{case.name}/plan"), **clients.as_("handler")
    )
    return found


async def do(clients: Clients, verb: str, name: str, role: str = "handler", unit: str = COUNTY, **fields: Any) -> Any:
    """Call a command of mediation by its name: `do(clients, "SignTask", task.name)`."""
    sub = fields.pop("sub", None)
    request = getattr(pb, f"{verb}Request")(name=name, request_id=request_id(), **fields)
    return await getattr(clients.mediation, verb)(request, **clients.as_(role, unit, sub))


async def refused(call: Awaitable[Any], reason: str) -> grpc.aio.AioRpcError:
    """Return the refusal of a call, which must have this reason."""
    with pytest.raises(grpc.aio.AioRpcError, match=reason) as error:
        await call
    return error.value


async def running(clients: Clients, case: case_pb2.Case) -> dict[str, clock_pb2.Clock]:
    """Return the running clocks of a case, by key."""
    request = clock_pb2.ListClocksRequest(service="mediation", case=case.name, running=True)
    found = await clients.clocks["mediation"].ListClocks(request, **clients.as_("auditor", "62"))
    return {clock.name.split(".", 1)[1]: clock for clock in found.clocks}


async def history(clients: Clients, case: case_pb2.Case) -> list[str]:
    request = feed_pb2.ListEventsRequest(service="mediation", case=case.name)
    return [
        event.type
        for event in (await clients.feeds["mediation"].ListEvents(request, **clients.as_("auditor", "62"))).events
    ]


async def test_a_case_has_one_plan_and_is_opened_once(clients: Clients, case: case_pb2.Case) -> None:
    plan = await plan_of(clients, case)
    assert (plan.template, plan.template_version) == ("wages", "2026-11")
    assert [task.unit for task in plan.tasks] == [f"units/{COUNTY}", LABOUR, f"units/{COUNTY}", LABOUR]
    assert {task.state for task in plan.tasks} == {State.TASK_STATE_DISPATCHED}
    again = pb.CreateCaseRequest(
        case=case_pb2.Case(name=case.name, unit=case.unit, category="categories/neighbour", grade=3),
        request_id=request_id(),
    )
    error = await refused(clients.mediation.CreateCase(again, **clients.as_service("worker")), "ALREADY_EXISTS")
    assert error.code() is grpc.StatusCode.ALREADY_EXISTS
    assert await plan_of(clients, case) == plan


async def test_a_task_is_carried_out_by_its_unit_and_verified_by_somebody_else(
    clients: Clients, case: case_pb2.Case
) -> None:
    task = (await plan_of(clients, case)).tasks[1]
    labour = f"{COUNTY}-labour"
    await refused(do(clients, "ReportTask", task.name, unit=labour, evidence="doc-7"), "WRONG_STATE")
    assert (await do(clients, "SignTask", task.name, unit=labour)).state == State.TASK_STATE_SIGNED
    await refused(do(clients, "SignTask", task.name, unit=labour), "WRONG_STATE")
    reported = await do(clients, "ReportTask", task.name, unit=labour, evidence="doc-7", sub="worker-1")
    assert (reported.state, reported.evidence) == (State.TASK_STATE_REPORTED, "doc-7")

    await refused(do(clients, "VerifyTask", task.name, "reviewer", sufficient=True, sub="worker-1"), "SAME_PERSON")
    verified = await do(clients, "VerifyTask", task.name, "reviewer", sufficient=True, sub="worker-2")
    assert verified.state == State.TASK_STATE_VERIFIED
    assert (await clients.case(case.name)).open_tasks == case.open_tasks - 1
    assert not [key for key in await running(clients, case) if key.startswith("task-2.")]


async def test_a_reported_task_cannot_be_taken_back_by_signing_again(clients: Clients, case: case_pb2.Case) -> None:
    task = (await plan_of(clients, case)).tasks[0]
    await do(clients, "SignTask", task.name)
    await do(clients, "ReportTask", task.name, evidence="doc-1")
    await refused(do(clients, "SignTask", task.name), "WRONG_STATE")
    await refused(do(clients, "ReturnTask", task.name, reason="not-ours"), "WRONG_STATE")


async def test_what_is_not_enough_goes_back_with_its_first_deadline(clients: Clients, case: case_pb2.Case) -> None:
    task = (await plan_of(clients, case)).tasks[0]
    await do(clients, "SignTask", task.name)
    await refused(do(clients, "VerifyTask", task.name, "reviewer", sufficient=False), "WRONG_STATE")
    await do(clients, "ReportTask", task.name, evidence="doc-1")
    assert "task-1.task" not in await running(clients, case)
    back = await do(clients, "VerifyTask", task.name, "reviewer", sufficient=False, reason="缺照片")
    assert (back.state, back.evidence, back.due_time) == (State.TASK_STATE_SIGNED, "", task.due_time)
    clocks = await running(clients, case)
    assert clocks["task-1.task"].due_time == task.due_time
    assert not [key for key in clocks if key.startswith("task-1.verify")]


async def test_a_returned_task_goes_to_another_unit_and_its_deadline_does_not_move(
    clients: Clients, case: case_pb2.Case
) -> None:
    task = (await plan_of(clients, case)).tasks[1]
    with pytest.raises(grpc.aio.AioRpcError, match="reason"):
        await do(clients, "ReturnTask", task.name, unit=f"{COUNTY}-labour")
    returned = await do(clients, "ReturnTask", task.name, unit=f"{COUNTY}-labour", reason="not-ours")
    assert (returned.state, returned.return_reason) == (State.TASK_STATE_RETURNED, "not-ours")
    assert (await running(clients, case))["task-2.task"].unit == case.unit, (
        "until somebody has it, the accountable unit"
    )

    sent = await clients.mediation.DispatchTask(
        pb.DispatchTaskRequest(name=task.name, unit=LAND, request_id=request_id()), **clients.as_("duty_officer")
    )
    assert (sent.state, sent.unit, sent.due_time) == (State.TASK_STATE_DISPATCHED, LAND, task.due_time)
    clocks = await running(clients, case)
    assert (clocks["task-2.task"].unit, clocks["task-2.task"].due_time) == (LAND, task.due_time)
    await refused(do(clients, "SignTask", task.name, unit=f"{COUNTY}-labour"), "PERMISSION_DENIED")
    await do(clients, "SignTask", task.name, unit=f"{COUNTY}-land")
    # Signed for: nobody is told that it was not.
    assert not [key for key in await running(clients, case) if key.startswith("task-2.sign")]


async def test_a_case_is_closed_by_somebody_else_than_who_asked(clients: Clients, case: case_pb2.Case) -> None:
    await refused(do(clients, "RequestClosing", case.name, outcome=case_pb2.OUTCOME_AGREED), "TASKS_OPEN")
    await refused(do(clients, "CloseCase", case.name, "reviewer", approved=True), "WRONG_STATE")
    for task in (await plan_of(clients, case)).tasks:
        await do(clients, "SignTask", task.name)
        await do(clients, "ReportTask", task.name, evidence="doc-1")
        await do(clients, "VerifyTask", task.name, "reviewer", sufficient=True)
    assert (await clients.case(case.name)).stage == case_pb2.STAGE_HANDLED

    asked = await do(clients, "RequestClosing", case.name, outcome=case_pb2.OUTCOME_AGREED, sub="worker-1")
    assert asked.stage == case_pb2.STAGE_CLOSE_REVIEW
    await refused(do(clients, "CloseCase", case.name, "reviewer", approved=True, sub="worker-1"), "SAME_PERSON")
    await refused(do(clients, "CloseCase", case.name, "reviewer", approved=False), "INVALID_FIELD")
    back = await do(clients, "CloseCase", case.name, "reviewer", approved=False, reason="缺送达回证")
    assert (back.stage, back.outcome) == (case_pb2.STAGE_HANDLED, case_pb2.OUTCOME_UNSPECIFIED)
    assert not [key for key in await running(clients, case) if key.startswith("review")]

    await do(clients, "RequestClosing", case.name, outcome=case_pb2.OUTCOME_AGREED, sub="worker-1")
    closed = await do(clients, "CloseCase", case.name, "reviewer", approved=True)
    assert (closed.stage, closed.outcome) == (case_pb2.STAGE_CLOSED, case_pb2.OUTCOME_AGREED)
    assert await running(clients, case) == {}
    assert (await history(clients, case))[-4:] == [
        "ClosingRequested",
        "ClosingSentBack",
        "ClosingRequested",
        "CaseClosed",
    ]
    await refused(do(clients, "RequestClosing", case.name, outcome=case_pb2.OUTCOME_WITHDRAWN), "WRONG_STATE")


@pytest.mark.parametrize(
    "outcome", [case_pb2.OUTCOME_WITHDRAWN, case_pb2.OUTCOME_NOT_AGREED, case_pb2.OUTCOME_REFERRED]
)
async def test_nobody_is_held_until_the_plan_is_done(outcome: Any, clients: Clients, case: case_pb2.Case) -> None:
    tasks = (await plan_of(clients, case)).tasks
    await do(clients, "SignTask", tasks[0].name)
    await do(clients, "RequestClosing", case.name, outcome=outcome)
    await refused(do(clients, "ReportTask", tasks[0].name, evidence="doc-1"), "WRONG_STATE")
    closed = await do(clients, "CloseCase", case.name, "reviewer", approved=True)
    assert (closed.stage, closed.outcome, closed.open_tasks) == (case_pb2.STAGE_CLOSED, outcome, 0)
    assert {task.state for task in (await plan_of(clients, case)).tasks} == {State.TASK_STATE_CANCELLED}
    assert await running(clients, case) == {}


async def test_a_close_request_sent_back_with_open_tasks_goes_on_handling(
    clients: Clients, case: case_pb2.Case
) -> None:
    await do(clients, "RequestClosing", case.name, outcome=case_pb2.OUTCOME_NOT_AGREED)
    back = await do(clients, "CloseCase", case.name, "reviewer", approved=False, reason="缺送达回证")
    assert (back.stage, back.open_tasks) == (case_pb2.STAGE_HANDLING, case.open_tasks)


async def test_a_transfer_moves_the_case_and_what_its_unit_had_but_no_deadline(
    clients: Clients, case: case_pb2.Case
) -> None:
    before = await running(clients, case)
    transfer = pb.TransferCaseRequest(name=case.name, unit="units/620103", request_id=request_id())
    moved = await clients.mediation.TransferCase(transfer, **clients.as_("duty_officer", "6201"))
    assert (moved.unit, moved.due_time, moved.open_tasks) == ("units/620103", case.due_time, case.open_tasks)
    request = pb.GetPlanRequest(name=f"{case.name}/plan")
    plan = await clients.mediation.GetPlan(request, **clients.as_("handler", "620103"))
    assert [task.unit for task in plan.tasks] == ["units/620103", LABOUR, "units/620103", LABOUR]
    after = await running(clients, case)
    assert {key: clock.due_time for key, clock in after.items()} == {
        key: clock.due_time for key, clock in before.items()
    }
    assert {clock.unit for clock in after.values()} == {"units/620103", LABOUR}
    await refused(do(clients, "RequestClosing", case.name, outcome=case_pb2.OUTCOME_WITHDRAWN), "PERMISSION_DENIED")


MOVES: list[tuple[str, Callable[[case_pb2.Case], dict[str, Any]]]] = [
    ("DispatchTask", lambda case: {"role": "duty_officer"}),
    ("VerifyTask", lambda case: {"role": "reviewer", "sufficient": True}),
]


@pytest.mark.parametrize(("verb", "fields"), MOVES)
async def test_a_task_that_is_out_with_its_unit_is_neither_sent_nor_verified(
    verb: str, fields: Callable[[case_pb2.Case], dict[str, Any]], clients: Clients, case: case_pb2.Case
) -> None:
    await refused(do(clients, verb, f"{case.name}/tasks/1", **fields(case)), "WRONG_STATE")
