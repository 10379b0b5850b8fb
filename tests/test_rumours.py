"""Signals are not trusted: whatever is sent to the engine's port, only stored facts change anything."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from pb.escalation.v1 import escalation_pb2
from pb.mediation.v1 import mediation_pb2
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from accord.embedded.rebuild import client_settings
from services.kit.serving.businesstime import BusinessTime
from tests.conftest import Clients, request_id
from tests.lettering import Letters, today
from tests.lives import end_of
from tests.patience import PATIENCE
from tests.people import UNIT, People
from tests.test_loops import until
from tests.test_workflow import events_of, until_standing
from workflows.backends import Backends
from workflows.cases.workflow import CaseWorkflow, first_attributes
from workflows.engine.attributes import STAGE
from workflows.engine.unfailing import Unfailing
from workflows.files.workflow import FileWorkflow
from workflows.messages import (
    CASE_WORKFLOW,
    FILE_WORKFLOW,
    HEAR,
    LETTER_TURNS,
    TASK_QUEUE,
    VERSION,
    Asked,
    CaseEnd,
    CaseStart,
    CaseStep,
    FileStart,
    Heard,
    Read,
    Source,
    Stage,
    Told,
)
from workflows.nets import orphans
from workflows.nets.rebuild import rebuild
from workflows.worker import sandbox

POISON = 10**9
ORDERS = list(itertools.permutations(Source))
KINDS = (
    "ReportAccepted", "ReportDeclined", "ReportMerged", "CaseOpened", "CaseClosed", "CaseReopened", "PartyWithdrew",
    "MediationEnded", "DefaultPursued", "EscalationRaised", "FindingRecorded", "Recheck", "?",
)  # fmt: skip


@pytest.fixture(scope="module")
async def temporal(clients: Clients) -> Client:
    """Return a client of the session's Temporal, as an intruder has one too."""
    return await Client.connect(f"127.0.0.1:{clients.stack.ports['temporal']}")


@pytest.fixture
def people(clients: Clients) -> People:
    """Return the people of the session's stack."""
    return People(clients)


def rumours(name: str) -> list[list[Heard]]:
    """Return signals that say everything of every source, poisoned in every field."""
    far, past = datetime(2999, 1, 1, tzinfo=UTC), datetime(2001, 1, 1, tzinfo=UTC)
    subject = f"{name}/agreements/1/clauses/1/instalments/1"
    told = [
        [Heard(source, POISON, kind, stage, far, 7, "cn", subject), Heard(source, 1, kind, stage, past)]
        for source in Source
        for stage in (*Stage, None)
        for kind in KINDS
    ]
    events = list(itertools.chain.from_iterable(told))
    return [events[first : first + 24] for first in range(0, len(events), 24)]


async def spread(temporal: Client, name: str) -> None:
    """Signal all of it to a case's workflow; with a start, which wakes one that waits for its first rung."""
    for events in rumours(name):
        await temporal.start_workflow(
            CASE_WORKFLOW, CaseStart(name.removeprefix("cases/"), stage=Stage.CLOSED), id=name, task_queue=TASK_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING, start_signal=HEAR, start_signal_args=[events],
        )  # fmt: skip


async def kinds(clients: Clients, service: str, name: str) -> list[str]:
    """Return what happened in a case, reading aside."""
    return [event["kind"] for event in await events_of(clients.stack, service, name)]


@pytest.mark.fault("C14")
async def test_no_rumour_at_any_stage_opens_closes_ends_starves_or_moves_a_case(
    people: People, clients: Clients, temporal: Client
) -> None:
    report = await people.file()
    name = report.case
    handle = temporal.get_workflow_handle(name)
    # Received: nothing is opened, ended or settled.
    await until(lambda: _runs(temporal, name))
    await spread(temporal, name)
    await until_standing(handle, stage="received")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await clients.mediation.GetCase(mediation_pb2.GetCaseRequest(name=name), **clients.as_("handler", "62"))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    # Not starved: what happens afterwards is carried out.
    await people.accept(report)
    await until_standing(handle, stage="handling")
    # Handled: it stays open, where it is, and nothing was raised.
    await spread(temporal, name)
    await until_standing(handle, stage="handling")
    assert (await people.opened(name)).unit == UNIT
    listed = await clients.escalation.ListEscalations(
        escalation_pb2.ListEscalationsRequest(parent=name), **clients.as_("unit_head", "62")
    )
    assert not listed.escalations
    assert await kinds(clients, "mediation", name) == ["CaseOpened"]
    # An escalation that only informs takes nothing along, whoever says so.
    informing = escalation_pb2.Escalation(mode=escalation_pb2.MODE_INFORM, from_unit=UNIT, reason="look")
    await clients.escalation.CreateEscalation(
        escalation_pb2.CreateEscalationRequest(parent=name, escalation=informing, request_id=request_id()),
        **clients.as_("duty_officer", "62"),
    )
    await handle.signal(HEAR, [Heard(Source.ESCALATION, POISON, "EscalationRaised", escalation=1)])
    # A real transfer afterwards is carried out: no forged one blocks it.
    await people.escalate(name)
    await until(lambda: _has_moved(people, name))
    await people.close(name, outcome=3)
    await end_of(temporal, name)
    assert await kinds(clients, "mediation", name) == [
        "CaseOpened",
        "CaseTransferred",
        "ClosingRequested",
        "CaseClosed",
    ]


async def _runs(temporal: Client, name: str) -> bool:
    try:
        return (await temporal.get_workflow_handle(name).describe()).status is WorkflowExecutionStatus.RUNNING
    except Exception:
        return False


async def _has_moved(people: People, name: str) -> bool:
    return (await people.opened(name)).unit != UNIT


@pytest.mark.fault("C14")
@pytest.mark.parametrize("stage", list(Stage))
async def test_a_forged_start_is_no_fact_either(
    people: People, clients: Clients, temporal: Client, stage: Stage
) -> None:
    report = await people.file()
    name, number = report.case, report.case.removeprefix("cases/")
    await until(lambda: _runs(temporal, name))
    await temporal.get_workflow_handle(name).terminate("by an intruder")
    await temporal.start_workflow(
        CASE_WORKFLOW,
        CaseStart(
            number,
            "cn",
            stage,
            {},
            dict.fromkeys(map(str, Source), POISON),
            transfers=[9],
            escalated=True,
            version=VERSION,
        ),
        id=name,
        task_queue=TASK_QUEUE,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
    )
    await people.accept(report)
    await until_standing(temporal.get_workflow_handle(name), stage="handling")
    assert await kinds(clients, "mediation", name) == ["CaseOpened"]
    await people.close(name, outcome=3)
    await end_of(temporal, name)


@pytest.mark.fault("C14")
async def test_orphans_are_those_of_another_type_queue_or_stage_too_and_are_healed(
    people: People, clients: Clients, temporal: Client
) -> None:
    async def opened() -> str:
        name = await people.accept(await people.file())
        await until_standing(temporal.get_workflow_handle(name), stage="handling")
        return name.removeprefix("cases/")

    typed, queued, staged, right = [await opened() for _ in range(4)]
    for number in (typed, queued, staged):
        await temporal.get_workflow_handle(f"cases/{number}").terminate("by an intruder")
    allow: Any = {"id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE}
    later = {str(Source.MEDIATION): datetime.now(UTC) + timedelta(days=900)}
    await temporal.start_workflow(
        FILE_WORKFLOW, FileStart(typed, next_at=later), id=f"cases/{typed}", task_queue=TASK_QUEUE, **allow
    )
    await temporal.start_workflow(
        CASE_WORKFLOW, CaseStart(queued, stage=Stage.HANDLING), id=f"cases/{queued}", task_queue="elsewhere",
        search_attributes=first_attributes(Stage.HANDLING, "620102", None), **allow,
    )  # fmt: skip
    await temporal.start_workflow(
        CASE_WORKFLOW, CaseStart(staged, stage=Stage.RECEIVED, next_at=later), id=f"cases/{staged}",
        task_queue=TASK_QUEUE, search_attributes=first_attributes(Stage.RECEIVED, "620102", None), **allow,
    )  # fmt: skip
    backends = Backends.of(client_settings(clients.stack.folder))
    wrong = {typed: orphans.Why.TYPE, queued: orphans.Why.QUEUE, staged: orphans.Why.STAGE}
    try:
        found: dict[str, orphans.Why] = {}
        async with asyncio.timeout(60):
            while not wrong.items() <= found.items():
                found = await orphans.orphans(temporal, backends)
        assert right not in found
        await rebuild(temporal, backends, BusinessTime())
        async with asyncio.timeout(60):
            while found.keys() & {typed, queued, staged}:
                found = await orphans.orphans(temporal, backends)
    finally:
        await backends.close()
    for number in (typed, queued, staged, right):
        execution = await temporal.get_workflow_handle(f"cases/{number}").describe()
        assert (execution.workflow_type, execution.task_queue) == (CASE_WORKFLOW, TASK_QUEUE)
        assert execution.typed_search_attributes.get(STAGE) == "handling"
        await people.close(f"cases/{number}", outcome=3)
        await end_of(temporal, f"cases/{number}")


@pytest.mark.fault("C14")
async def test_no_rumour_turns_or_ends_a_letter(clients: Clients, temporal: Client) -> None:
    at = Letters(clients.letters, clients.as_, today)
    about = await clients.tell_of(f"cases/620102-2026-{int(datetime.now(UTC).timestamp()) % 900000 + 1:06}")
    name = await at.draft(subject=about)
    handle = temporal.get_workflow_handle(name)
    await until(lambda: _runs(temporal, name))
    far = datetime(2999, 1, 1, tzinfo=UTC)
    for kind in (*LETTER_TURNS, "FindingRecorded", "?"):
        await handle.signal(HEAR, [Heard(Source.ESCALATION, POISON, kind, Stage.CLOSED, far, 7, "cn", name)])
    await until_standing(handle, stage="drafted")
    # Not starved: it is followed through its real turns, and the next one is drafted.
    await at.answer_badly(name)
    await at.next_by_workflow(name, 60)
    told = await kinds(clients, "escalation", f"files/{name.replace('/', '-', 1)}")
    assert told.count("LetterNextDrafted") == 1


async def test_a_workflow_whose_clock_is_ahead_asks_ever_more_rarely(temporal: Client) -> None:
    """As after a machine's clock was set: the service says that nothing is due yet, the workflow's time that it is."""
    asked: list[float] = []

    @activity.defn(name="fire_clocks")
    async def fire_clocks(step: CaseStep) -> Told:
        asked.append(asyncio.get_running_loop().time())
        return Told(datetime.now(UTC) + timedelta(hours=1))

    queue, now = f"ahead-{request_id()}", datetime.now(UTC)
    async with Worker(
        temporal, task_queue=queue, workflows=[FileWorkflow], activities=[fire_clocks], workflow_runner=sandbox()
    ):
        handle = await temporal.start_workflow(
            FILE_WORKFLOW,
            # Twice as fast since three hours ago: three hours ahead.
            FileStart("x-1", next_at={str(Source.ESCALATION): now}, speed=2.0, epoch=now - timedelta(hours=3)),
            id=f"x/{request_id()}",
            task_queue=queue,
        )
        await until(lambda: len(asked) > 6)
        await handle.terminate()
    pauses = [later - sooner for sooner, later in itertools.pairwise(asked)]
    assert pauses[5] > 1.0


@pytest.mark.parametrize("version", [0, VERSION])
@pytest.mark.parametrize("order", ORDERS, ids="-".join)
async def test_in_whatever_order_services_are_heard_the_stage_is_that_of_the_facts(
    order: tuple[Source, ...], version: int, temporal: Client
) -> None:
    """Escalation's history says nothing of the stage: heard for the first time, even last, it must not undo it."""
    facts = {
        Source.INTAKE: [Heard(Source.INTAKE, 2, "ReportAccepted", Stage.ACCEPTED)],
        Source.MEDIATION: [
            Heard(Source.MEDIATION, 1, "CaseOpened", Stage.HANDLING),
            Heard(Source.MEDIATION, 4, "CaseClosed", Stage.CLOSED),
        ],
        Source.ESCALATION: [Heard(Source.ESCALATION, 3, "ClockReminded")],
    }

    @activity.defn(name="read_chains")
    async def read_chains(asked: Asked) -> Read:
        told = [each for source, seen in asked.seen.items() for each in facts[Source(source)] if each.sequence > seen]
        return Read(told, {str(each.source): each.sequence for each in told}, False)

    @activity.defn(name="open_case")
    async def open_case(step: CaseStep) -> Told:
        return Told(None)

    @activity.defn(name="settle_escalations")
    async def settle_escalations(step: CaseStep) -> None:
        for source in order[over:]:  # it is over, and only now something is heard from there
            await handle.signal(HEAR, facts[source])

    queue, over = f"order-{request_id()}", order.index(Source.MEDIATION) + 1
    async with Worker(
        temporal, task_queue=queue, workflows=[CaseWorkflow], activities=[read_chains, open_case, settle_escalations],
        workflow_runner=sandbox(),
    ):  # fmt: skip
        number = f"620102-1998-{ORDERS.index(order) + 1 + 100 * version:06}"
        start = CaseStart(number, "620102", escalated=True, version=version)
        handle = await temporal.start_workflow(
            CASE_WORKFLOW, start, id=f"cases/{number}", task_queue=queue, result_type=CaseEnd
        )
        for source in order[:over]:
            await handle.signal(HEAR, facts[source])
        async with asyncio.timeout(PATIENCE):
            assert await handle.result() == CaseEnd(Stage.CLOSED)


@pytest.mark.parametrize("kind", ["CaseClosed", "ReportDeclined"])
async def test_a_breach_that_the_end_itself_told_of_is_asked_about_before_the_workflow_ends(
    kind: str, temporal: Client
) -> None:
    """Closing late tells of what was missed, in the same transaction, before the end: it is escalated all the same."""
    source, stage = (
        (Source.MEDIATION, Stage.CLOSED) if kind == "CaseClosed" else (Source.INTAKE, Stage.DECLINED)
    )  # fmt: skip
    missed = [Heard(source, 2, "ClockOverdue", None, datetime.now(UTC)), Heard(source, 3, kind, stage)]
    asked: list[Source] = []

    @activity.defn(name="read_chains")
    async def read_chains(asked: Asked) -> Read:
        return Read(missed, {str(source): 3}, False)

    @activity.defn(name="fire_clocks")
    async def fire_clocks(step: CaseStep) -> Told:
        asked.append(Source(step.source))
        return Told(None, overdue=1)

    queue = f"missed-{request_id()}"
    async with Worker(
        temporal, task_queue=queue, workflows=[CaseWorkflow], activities=[read_chains, fire_clocks],
        workflow_runner=sandbox(),
    ):  # fmt: skip
        number = f"620102-1997-{1 if stage is Stage.CLOSED else 2:06}"
        handle = await temporal.start_workflow(
            CASE_WORKFLOW, CaseStart(number, "620102"), id=f"cases/{number}", task_queue=queue, result_type=CaseEnd
        )
        await handle.signal(HEAR, missed[-1:])
        async with asyncio.timeout(PATIENCE):
            assert await handle.result() == CaseEnd(stage)
    assert asked == [source]


async def test_a_history_that_is_not_had_at_once_is_read_patiently(temporal: Client) -> None:
    """Read within a workflow task it may fail, of services that are away: the workflow then waits like any other."""
    heard = [Heard(Source.MEDIATION, 2, "CaseClosed", Stage.CLOSED)]
    tried: list[bool] = []

    @activity.defn(name="read_chains")
    async def read_chains(asked: Asked) -> Read:
        tried.append(activity.info().is_local)
        if len(tried) < 3:
            raise ApplicationError("service answered UNAVAILABLE", type="Unavailable")
        return Read(heard, {str(Source.MEDIATION): 2}, False)

    queue, number = f"away-{request_id()}", "620102-1996-000001"
    async with Worker(
        temporal, task_queue=queue, workflows=[CaseWorkflow], activities=[read_chains], workflow_runner=sandbox(),
    ):  # fmt: skip
        handle = await temporal.start_workflow(
            CASE_WORKFLOW, CaseStart(number, "620102", version=VERSION), id=f"cases/{number}", task_queue=queue,
            result_type=CaseEnd,
        )  # fmt: skip
        await handle.signal(HEAR, heard)
        async with asyncio.timeout(PATIENCE):
            assert await handle.result() == CaseEnd(Stage.CLOSED)
    assert tried == [True, False, False]


async def test_a_workflow_that_meets_what_it_did_not_foresee_stops_and_goes_on(temporal: Client) -> None:
    """One that failed would take its clocks along: an unforeseen failure fails its task, which is tried again."""
    heard = [Heard(Source.MEDIATION, 2, "CaseClosed", Stage.CLOSED)]
    tried: list[int] = []

    @activity.defn(name="read_chains")
    async def read_chains(asked: Asked) -> Read:
        tried.append(len(tried))
        if len(tried) == 1:
            raise ApplicationError("nobody thought of this", non_retryable=True)
        return Read(heard, {str(Source.MEDIATION): 2}, False)

    queue, number = f"unforeseen-{request_id()}", "620102-1996-000002"
    async with Worker(
        temporal, task_queue=queue, workflows=[CaseWorkflow], activities=[read_chains], workflow_runner=sandbox(),
        interceptors=[Unfailing()],
    ):  # fmt: skip
        handle = await temporal.start_workflow(
            CASE_WORKFLOW, CaseStart(number, "620102"), id=f"cases/{number}", task_queue=queue, result_type=CaseEnd
        )
        await handle.signal(HEAR, heard)
        async with asyncio.timeout(PATIENCE):
            while "workflow_task_failed" not in str(await handle.fetch_history()):
                await asyncio.sleep(0.1)
        assert (await handle.describe()).status is WorkflowExecutionStatus.RUNNING
        await handle.terminate("shown")
