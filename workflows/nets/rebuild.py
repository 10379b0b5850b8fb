"""Rebuild: starts the workflow of every open case again from the facts, if it is missing or wrong."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from casework.names import collection_of
from services.kit.serving.businesstime import BusinessTime
from workflows.backends import Backends
from workflows.cases.workflow import first_attributes
from workflows.files import workflow as file
from workflows.messages import (
    CASE_WORKFLOW,
    TASK_QUEUE,
    VERSION,
    CaseStart,
    FileStart,
    Source,
    Stage,
    file_workflow,
    is_case,
    workflow_id,
)
from workflows.nets import orphans
from workflows.nets.matters import all_matters, lost_matters
from workflows.schedules import schedules

_AT_ONCE = 32
_LATELY = timedelta(days=60)
"""How far back missed deadlines of closed cases are checked again after Temporal lost its data."""


async def rebuild(client: Client, backends: Backends, time: BusinessTime, *, lost: bool = False) -> tuple[int, int]:
    """Fix wrong workflows and start missing ones; return how many matters need a workflow, and how many got one.

    `lost` means that Temporal may have lost its data, so that signals may not have been carried out.
    """
    await orphans.set_right(client, backends)
    slots = asyncio.Semaphore(_AT_ONCE)
    now = time.now().astimezone(UTC)

    async def start(number: str, unit: str, stage: Stage) -> bool:
        # It asks its clocks at once and learns from the response when to ask again.
        if not is_case(number):
            return await start_file(number, unit)
        asked = [source for source in Source if stage is not Stage.ACCEPTED or source is not Source.MEDIATION]
        asks = {str(source): now for source in asked}
        async with slots:
            try:
                await client.start_workflow(
                    CASE_WORKFLOW,
                    CaseStart(
                        number, unit, stage, asks, speed=time.speed, epoch=time.epoch, escalated=True, version=VERSION
                    ),
                    id=workflow_id(number),
                    task_queue=TASK_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    search_attributes=first_attributes(stage, unit, now),
                )
            except WorkflowAlreadyStartedError:
                return False
            return True

    async def start_file(number: str, unit: str) -> bool:
        start = FileStart(number, unit, {str(Source.ESCALATION): now}, speed=time.speed, epoch=time.epoch)
        async with slots:
            try:
                await client.start_workflow(
                    file_workflow(number),
                    start,
                    id=workflow_id(number),
                    task_queue=TASK_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    search_attributes=file.first_attributes(collection_of(number), unit, now),
                )
            except WorkflowAlreadyStartedError:
                return False
            return True

    matters = lost_matters(backends, now - _LATELY) if lost else all_matters(backends)
    tasks = [asyncio.create_task(start(*matter)) async for matter in matters]
    started = await asyncio.gather(*tasks)
    await schedules.sync(client, await schedules.wanted(backends), time.speed)
    return len(started), sum(started)
