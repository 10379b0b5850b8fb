"""Rebuild: starts the workflow of every open case again from the facts, if it is missing or wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
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
    starter = _Starter(client, time, time.now().astimezone(UTC), asyncio.Semaphore(_AT_ONCE))
    matters = lost_matters(backends, starter.now - _LATELY) if lost else all_matters(backends)
    tasks = [asyncio.create_task(starter.start(*matter)) async for matter in matters]
    started = await asyncio.gather(*tasks)
    await schedules.sync(client, await schedules.wanted(backends), time.speed)
    return len(started), sum(started)


@dataclass(frozen=True, slots=True)
class _Starter:
    """Starts workflows, a few at a time. Each asks its clocks at once, and learns when to ask again."""

    client: Client
    time: BusinessTime
    now: datetime
    slots: asyncio.Semaphore

    async def start(self, number: str, unit: str, stage: Stage) -> bool:
        """Start the workflow of a case or file; return False if it exists."""
        return await (self._case(number, unit, stage) if is_case(number) else self._file(number, unit))

    async def _case(self, number: str, unit: str, stage: Stage) -> bool:
        asked = [source for source in Source if stage is not Stage.ACCEPTED or source is not Source.MEDIATION]
        start = CaseStart(
            number, unit, stage, {str(source): self.now for source in asked},
            speed=self.time.speed, epoch=self.time.epoch, escalated=True, version=VERSION,
        )  # fmt: skip
        return await self._begin(CASE_WORKFLOW, start, first_attributes(stage, unit, self.now))

    async def _file(self, number: str, unit: str) -> bool:
        asks = {str(Source.ESCALATION): self.now}
        start = FileStart(number, unit, asks, speed=self.time.speed, epoch=self.time.epoch)
        attributes = file.first_attributes(collection_of(number), unit, self.now)
        return await self._begin(file_workflow(number), start, attributes)

    async def _begin(self, workflow: str, start: CaseStart | FileStart, attributes: TypedSearchAttributes) -> bool:
        async with self.slots:
            try:
                await self.client.start_workflow(
                    workflow,
                    start,
                    id=workflow_id(start.number),
                    task_queue=TASK_QUEUE,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                    search_attributes=attributes,
                )
            except WorkflowAlreadyStartedError:
                return False
        return True
