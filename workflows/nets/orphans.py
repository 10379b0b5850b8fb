"""Orphans: matters that need a workflow and have none, or one that is not theirs or whose stage differs from the facts.

Temporal's port is protected by configuration only: anybody who reaches it can start a workflow of any type, on any
queue, at any stage under a matter's id. The facts decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum

import grpc
import structlog
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError

from services.kit.serving import telemetry
from workflows.backends import Backends
from workflows.engine.attributes import STAGE
from workflows.messages import (
    CASE_WORKFLOW,
    ENDED,
    HEAR,
    RECHECK,
    TASK_QUEUE,
    Heard,
    Source,
    Stage,
    file_workflow,
    is_case,
    number_of_workflow,
    workflow_id,
)
from workflows.nets.matters import all_matters

log = structlog.get_logger()

_FITS = {
    Stage.RECEIVED: {Stage.RECEIVED},
    # It was accepted, and its case is about to be opened.
    Stage.ACCEPTED: {Stage.ACCEPTED, Stage.HANDLING},
    Stage.HANDLING: {Stage.HANDLING, Stage.MEDIATING, Stage.FULFILLING},
    Stage.CLOSED: ENDED,
}
"""The stages a workflow may be at, by the matter's stage in the facts."""
_AT_ONCE = 16
_MOMENT = 0.5
_LOOKS = 20


class Why(StrEnum):
    """What is wrong with a matter's workflow."""

    NONE = "no workflow"
    TYPE = "a workflow of another type"
    QUEUE = "a workflow on another queue"
    STAGE = "a workflow at another stage"


async def orphans(client: Client, backends: Backends) -> dict[str, Why]:
    """Return by number the matters whose workflow is missing or contradicts the facts, and why."""
    wanted = {number: stage async for number, _, stage in all_matters(backends)}
    found = dict.fromkeys(wanted, Why.NONE)
    async for execution in client.list_workflows("ExecutionStatus = 'Running'"):
        number = number_of_workflow(execution.id)
        if number in wanted:
            why = _wrong(execution, number, wanted[number])
            if why:
                found[number] = why
            else:
                del found[number], wanted[number]
    doubted = [number for number, why in found.items() if why is Why.STAGE]
    # Matters change between the two lists: those whose stage seems to differ are checked individually.
    for number in await _right_after_all(client, backends, doubted):
        del found[number]
    telemetry.CLOCK_ORPHANS.set(len(found))
    return dict(sorted(found.items()))


def _wrong(execution: WorkflowExecution, number: str, stage: Stage) -> Why | None:
    if execution.workflow_type != (CASE_WORKFLOW if is_case(number) else file_workflow(number)):
        return Why.TYPE
    if execution.task_queue != TASK_QUEUE:
        return Why.QUEUE
    if is_case(number) and execution.typed_search_attributes.get(STAGE) not in _FITS[stage]:
        return Why.STAGE
    return None


async def _right_after_all(client: Client, backends: Backends, numbers: Iterable[str], looks: int = 4) -> list[str]:
    """Return those of the numbers whose workflow is at, or reaches, the stage in the facts."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def right(number: str) -> bool:
        async with slots:
            for _ in range(looks):
                with suppress(RPCError):
                    execution = await client.get_workflow_handle(workflow_id(number)).describe()
                    if _wrong(execution, number, await _stage(backends, number)) is None:
                        return True
                await asyncio.sleep(_MOMENT)
        return False

    numbers = list(numbers)
    answers = await asyncio.gather(*map(right, numbers))
    return [number for number, good in zip(numbers, answers, strict=True) if good]


async def _stage(backends: Backends, number: str) -> Stage:
    """Return a matter's stage by the facts, as in `all_matters`."""
    with _where_there_is_one():
        case = await backends.mediation.GetCase(mediation_pb2.GetCaseRequest(name=f"cases/{number}"))
        return Stage.CLOSED if case.stage == case_pb2.STAGE_CLOSED else Stage.HANDLING
    with _where_there_is_one():
        report = await backends.intake.GetReport(intake_pb2.GetReportRequest(name=f"reports/{number}"))
        over = (
            report_pb2.REPORT_STATE_DECLINED, report_pb2.REPORT_STATE_MERGED, report_pb2.REPORT_STATE_CLOSED,
            report_pb2.REPORT_STATE_WITHDRAWN,
        )  # fmt: skip
        if report.state == report_pb2.REPORT_STATE_ACCEPTED:
            return Stage.ACCEPTED
        return Stage.CLOSED if report.state in over else Stage.RECEIVED
    return Stage.CLOSED


@contextmanager
def _where_there_is_one() -> Iterator[None]:
    """Continue if a service returns NOT_FOUND."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise


async def set_right(client: Client, backends: Backends) -> dict[str, Why]:
    """Let every workflow at a wrong stage read the facts, and terminate those that are not the matter's own.

    Return what was wrong; the rebuild starts what is now missing.
    """
    found = await orphans(client, backends)
    doubted = [number for number, why in found.items() if why is Why.STAGE]
    for number in doubted:
        with suppress(RPCError):
            rumour = [Heard(Source.INTAKE, 0, RECHECK)]
            await client.get_workflow_handle(workflow_id(number)).signal(HEAR, rumour)
    good = await _right_after_all(client, backends, doubted, _LOOKS)
    for number, why in found.items():
        if why is not Why.NONE and number not in good:
            log.error("terminating a workflow that is not the matter's own", matter=workflow_id(number), why=str(why))
            with suppress(RPCError):
                await client.get_workflow_handle(workflow_id(number)).terminate(f"not the matter's own: {why}")
    return found
