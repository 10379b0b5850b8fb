"""The workflow of a case: replays of stored histories, deadlines on a real server, signals twice, rolling on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from pb.escalation.v1 import escalation_pb2
from pb.mediation.v1 import mediation_pb2
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer, Worker

from accord.embedded.folder import StateFolder
from accord.embedded.pace import pace_settings
from accord.embedded.stack import Stack
from services.kit.instants import instant
from tests.conftest import Clients
from tests.lives import STORED, end_of, filed, history, told_of_people, transferred
from tests.patience import PATIENCE
from tests.people import UNIT, People
from tests.scratch import Scratch
from workflows.cases.workflow import CaseWorkflow
from workflows.messages import HEAR, Heard, Source, Stage
from workflows.worker import STUCK_AFTER, be_patient, sandbox

HISTORIES = sorted(STORED.glob("*.json"))


@pytest.fixture(scope="module")
async def temporal(stack: Stack) -> Client:
    """Return a client of the session's Temporal."""
    return await Client.connect(f"127.0.0.1:{stack.ports['temporal']}")


@pytest.fixture
def people(clients: Clients) -> People:
    """Return the people of the session's stack."""
    return People(clients)


@pytest.mark.parametrize("path", HISTORIES, ids=[path.stem for path in HISTORIES])
async def test_a_stored_history_replays(path: Path) -> None:
    stored = WorkflowHistory.from_json(f"cases/{path.stem}", path.read_text("utf-8"))
    await Replayer(workflows=[CaseWorkflow], workflow_runner=sandbox()).replay_workflow(stored)


def test_histories_of_every_kind_of_life_are_stored_and_tell_nothing_of_people() -> None:
    assert {path.stem for path in HISTORIES} >= {"whole", "declined", "merged", "withdrawn", "transferred", "overdue"}
    for path in HISTORIES:
        assert not told_of_people(path.read_text("utf-8")), path.name


async def standing(handle: WorkflowHandle[Any, Any]) -> dict[str, str]:
    """Return stage and next rungs of a workflow."""
    found: dict[str, str] = await handle.query("standing")
    return found


async def until_standing(handle: WorkflowHandle[Any, Any], **wanted: str) -> dict[str, str]:
    """Wait until a workflow is there and stands so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                found = await standing(handle)
            except RPCError:
                found = {}
            if wanted.items() <= found.items():
                return found
            await asyncio.sleep(0.05)


async def events_of(stack: Stack, service: str, name: str) -> list[Any]:
    """Return kind, payload and instants of a case's events, reading aside."""
    connection = await Scratch.main(stack).connect()
    try:
        query = f"""SELECT kind, split_part(payload->>'clock', '/', 3) AS clock, payload->>'due_at' AS due,
            occurred_at, seq FROM {service}.events WHERE number = $1 AND kind <> 'ContentRead' ORDER BY seq"""
        return list(await connection.fetch(query, name.split("/")[1]))
    finally:
        await connection.close()


async def test_what_people_tell_never_reaches_the_engine(stack: Stack, people: People) -> None:
    name = await transferred(people)
    told = (await history(stack, name)).to_json()
    assert name in told
    assert not told_of_people(told)


async def test_a_transfer_raised_before_the_case_is_opened_waits_for_it(people: People, clients: Clients) -> None:
    assert (await people.opened(await transferred(people))).unit == "units/6201"


async def test_a_unit_that_does_not_have_the_case_cannot_hand_it_up(
    people: People, clients: Clients, temporal: Client
) -> None:
    name = await people.accept(await people.file())
    await people.escalate(name, unit="units/620103", reason="wants-it")
    await people.escalate(name)  # by the unit that has it: comes after the other, and is carried out
    async with asyncio.timeout(PATIENCE):
        while (await people.opened(name)).unit == UNIT:
            await asyncio.sleep(0.05)
    kinds = [event["kind"] for event in await events_of(clients.stack, "mediation", name)]
    assert kinds == ["CaseOpened", "CaseTransferred"]


async def test_an_event_told_twice_or_late_changes_nothing(people: People, stack: Stack, temporal: Client) -> None:
    name = await people.accept(await people.file())
    handle = temporal.get_workflow_handle(name)
    before = await until_standing(handle, stage="handling")

    seen = max(event["seq"] for event in await events_of(stack, "intake", name))
    told = [
        Heard(Source.INTAKE, seen, "ReportDeclined", Stage.DECLINED),  # a number it has seen
        Heard(Source.INTAKE, seen + 10, "ReportReceived", Stage.RECEIVED),  # a stage that is over
        Heard(Source.INTAKE, seen + 10, "ReportDeclined", Stage.DECLINED),  # twice in one signal
    ]
    await handle.signal(HEAR, told)
    await handle.signal(HEAR, [Heard(Source.INTAKE, seen + 10, "ReportDeclined", Stage.DECLINED)])
    assert await standing(handle) == before
    assert [event["kind"] for event in await events_of(stack, "mediation", name)] == ["CaseOpened"]


async def test_a_history_that_grows_long_is_rolled_and_nothing_is_forgotten(
    people: People, stack: Stack, temporal: Client
) -> None:
    name = await people.accept(await people.file())
    handle = temporal.get_workflow_handle(name)
    before = await until_standing(handle, stage="handling")
    first = (await handle.describe()).run_id
    noise = [Heard(Source.INTAKE, 1, "ReportReceived", Stage.RECEIVED)]
    for _ in range(25):
        await asyncio.gather(*(handle.signal(HEAR, noise) for _ in range(50)))
    async with asyncio.timeout(PATIENCE):
        while (rolled := await handle.describe()).run_id == first:
            await asyncio.sleep(0.05)

    assert rolled.status is WorkflowExecutionStatus.RUNNING
    assert rolled.history_length < 1000
    assert await standing(handle) == before
    # What it had seen before it rolled, it still has: this would end it.
    await handle.signal(HEAR, [Heard(Source.INTAKE, 2, "ReportDeclined", Stage.DECLINED)])
    assert await standing(handle) == before
    for task in await people.tasks(name):
        await people.work(task)
    await people.close(name)
    await end_of(temporal, name)


async def test_a_workflow_that_was_lost_is_started_by_the_next_event_and_finds_its_clocks(
    people: People, clients: Clients, temporal: Client
) -> None:
    name = await people.accept(await people.file())
    await until_standing(temporal.get_workflow_handle(name), stage="handling")
    await temporal.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace="default", workflow_execution=WorkflowExecution(workflow_id=name))
    )
    async with asyncio.timeout(PATIENCE):
        while await _exists(temporal, name):
            await asyncio.sleep(0.05)

    (task,) = await people.tasks(name)
    mediation = clients.mediation
    await people.press(mediation.SignTask, mediation_pb2.SignTaskRequest(name=task), "handler")
    await people.press(mediation.ReportTask, mediation_pb2.ReportTaskRequest(name=task, evidence="doc"), "handler")
    await people.press(mediation.VerifyTask, mediation_pb2.VerifyTaskRequest(name=task, sufficient=False), "reviewer")
    async with asyncio.timeout(PATIENCE):
        while "mediation" not in await _standing_if_there(temporal, name):
            await asyncio.sleep(0.05)
    await people.close(name, outcome=3)
    await end_of(temporal, name)


async def _exists(temporal: Client, name: str) -> bool:
    try:
        await temporal.get_workflow_handle(name).describe()
    except RPCError:
        return False
    return True


async def _standing_if_there(temporal: Client, name: str) -> dict[str, str]:
    try:
        return await standing(temporal.get_workflow_handle(name))
    except RPCError:
        return {}


@pytest.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Clients]:
    """Run a stack in which a day passes in about a second."""
    state = tmp_path_factory.mktemp("hasty")
    stack = Stack(state=state, port_base=0, settings=pace_settings(StateFolder.at(state), 80_000.0))
    await asyncio.to_thread(stack.start)
    clients = Clients.of(stack)
    yield clients
    await clients.close()
    await asyncio.to_thread(stack.stop)


async def test_a_reminder_comes_before_the_deadline_and_one_escalation_after_it(hasty: Clients) -> None:
    people, stack = People(hasty), hasty.stack
    report = await filed(people)
    name = report.case

    async def raised() -> list[escalation_pb2.Escalation]:
        request = escalation_pb2.ListEscalationsRequest(parent=name)
        try:
            answer = await people.press(hasty.escalation.ListEscalations, request, "unit_head")
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return []  # nobody has told escalation of it yet
        return list(answer.escalations)

    async with asyncio.timeout(PATIENCE):
        while not await raised():
            await asyncio.sleep(0.1)
    reminded, overdue = (await events_of(stack, "intake", name))[1:]
    assert (reminded["kind"], overdue["kind"]) == ("ClockReminded", "ClockOverdue")
    due = instant(report.due_time)
    assert reminded["occurred_at"] <= overdue["occurred_at"]
    assert datetime.fromisoformat(reminded["due"]) < due < datetime.fromisoformat(overdue["due"])

    (escalation,) = await raised()
    assert (escalation.from_unit, escalation.to_unit, escalation.reason) == (UNIT, "units/6201", "overdue")
    assert escalation.subject == report.name

    async def reasons() -> list[str]:
        """Return why it was raised, the escalations' own times aside: one escalation, to which reasons are added."""
        found = [each.subject for one in await raised() for each in (one, *one.reasons)]
        return sorted(each for each in found if "/escalations/" not in each)

    # Accepted late all the same, and left lying again: every clock of the case in turn, each of them once.
    await people.accept(report)
    async with asyncio.timeout(PATIENCE):
        while len(await reasons()) < 4:  # accept, sign, task, close
            await asyncio.sleep(0.1)
    told = [each["clock"] for each in await events_of(stack, "mediation", name) if each["kind"] == "ClockOverdue"]
    assert len(told) == len(set(told)) == 3
    assert await reasons() == [name, f"{name}/tasks/1", f"{name}/tasks/1", report.name]
    await people.close(name, outcome=3)
    await end_of(await Client.connect(f"127.0.0.1:{stack.ports['temporal']}"), name)
    assert len(await reasons()) == 4
    places = [(each.to_unit, each.office) for each in await raised()]
    assert len(places) == len(set(places)), "a level was told twice"


async def test_a_deadline_that_is_met_reminds_nobody_and_escalates_nothing(hasty: Clients) -> None:
    people = People(hasty)
    while True:
        report = await people.file()
        await people.decline(report)
        if len(await events_of(hasty.stack, "intake", report.name)) == 2:
            break  # in time: a machine that is busy may need more than one try
    await asyncio.sleep(5)  # five days: the deadline has long passed, and what must not happen has no sign
    assert [event["kind"] for event in await events_of(hasty.stack, "intake", report.name)] == [
        "ReportReceived",
        "ReportDeclined",
    ]


async def test_a_busy_machine_does_not_make_a_workflow_count_as_stuck(temporal: Client) -> None:
    worker = Worker(temporal, task_queue="nobody-s", workflows=[CaseWorkflow], workflow_runner=sandbox())
    assert worker._workflow_worker is not None
    assert worker._workflow_worker._deadlock_timeout_seconds == 2  # as the SDK has it
    be_patient(worker)
    assert worker._workflow_worker._deadlock_timeout_seconds == STUCK_AFTER > 10
