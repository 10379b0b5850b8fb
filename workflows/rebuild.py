"""Rebuild: starts the workflow of every open case again from the facts, where it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from pb.clock.v1 import clock_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from casework.names import area_of_number, collection_of, number_of
from services.kit.businesstime import BusinessTime
from workflows import file, schedules
from workflows.backends import Backends
from workflows.case import first_attributes
from workflows.messages import (
    CASE_WORKFLOW,
    TASK_QUEUE,
    CaseStart,
    FileStart,
    Source,
    Stage,
    file_workflow,
    is_case,
    workflow_id,
)

_PAGE = 1000
_AT_ONCE = 32
_LATELY = timedelta(days=60)
"""How far back a missed deadline of a case that is over is looked at again after the engine was lost."""
_WAITING = (
    report_pb2.REPORT_STATE_RECEIVED,
    report_pb2.REPORT_STATE_VERIFIED,
    report_pb2.REPORT_STATE_UNFOUNDED,
    report_pb2.REPORT_STATE_ACCEPTED,
)


async def open_matters(backends: Backends) -> AsyncIterator[tuple[str, str, Stage]]:
    """Yield number, unit and stage of everything that is open, by the facts of intake and mediation."""
    cases: dict[str, case_pb2.Case] = {}
    token = ""
    while True:
        page = await backends.mediation.ListCases(mediation_pb2.ListCasesRequest(page_size=_PAGE, page_token=token))
        cases.update((case.name.removeprefix("cases/"), case) for case in page.cases)
        token = page.next_page_token
        if not token:
            break
    while True:
        reports = await backends.intake.ListReports(
            intake_pb2.ListReportsRequest(page_size=_PAGE, page_token=token, states=_WAITING)
        )
        for report in reports.reports:
            number = report.name.removeprefix("reports/")
            case = cases.get(number)
            if report.state != report_pb2.REPORT_STATE_ACCEPTED:
                yield number, report.unit.removeprefix("units/"), Stage.RECEIVED
            elif case is None:
                yield number, report.unit.removeprefix("units/"), Stage.ACCEPTED
            elif case.stage != case_pb2.STAGE_CLOSED:
                yield number, case.unit.removeprefix("units/"), Stage.HANDLING
        token = reports.next_page_token
        if not token:
            return


async def held_numbers(backends: Backends) -> AsyncIterator[str]:
    """Yield the case of every running clock that has a rung to come, of any service; a case may come more than once."""
    for source in Source:
        token = ""
        while True:
            request = clock_pb2.ListClocksRequest(service=source, running=True, page_size=_PAGE, page_token=token)
            page = await backends.clocks[source].ListClocks(request)
            for clock in page.clocks:
                if clock.HasField("next_time"):
                    yield number_of(clock.case)
            token = page.next_page_token
            if not token:
                break


async def breached_numbers(backends: Backends, since: datetime) -> AsyncIterator[str]:
    """Yield the case of every overdue clock that runs or was stopped since: it may not have been escalated yet."""
    for source in Source:
        token = ""
        while True:
            request = clock_pb2.ListClocksRequest(service=source, overdue=True, page_size=_PAGE, page_token=token)
            request.stopped_after_time.FromDatetime(since)
            page = await backends.clocks[source].ListClocks(request)
            for clock in page.clocks:
                yield number_of(clock.case)
            token = page.next_page_token
            if not token:
                break


async def all_matters(backends: Backends) -> AsyncIterator[tuple[str, str, Stage]]:
    """Yield everything that needs a workflow: what is open, and what is over but has clocks that run on."""
    seen: set[str] = set()
    async for matter in open_matters(backends):
        seen.add(matter[0])
        yield matter
    async for number in held_numbers(backends):
        if number not in seen:
            seen.add(number)
            yield number, area_of_number(number), Stage.CLOSED


async def lost_matters(backends: Backends, since: datetime) -> AsyncIterator[tuple[str, str, Stage]]:
    """Yield everything that needs a workflow after an engine was lost with what it had been told.

    Among it are cases that are over but missed a deadline lately: nobody knows whether that was escalated. Asking again
    does no harm, an escalation is raised once.
    """
    seen: set[str] = set()
    async for matter in all_matters(backends):
        seen.add(matter[0])
        yield matter
    async for number in breached_numbers(backends, since):
        if number not in seen:
            seen.add(number)
            yield number, area_of_number(number), Stage.CLOSED


async def rebuild(client: Client, backends: Backends, time: BusinessTime, *, lost: bool = False) -> tuple[int, int]:
    """Start what is missing; return how many matters need a workflow and how many were started.

    `lost` says that the engine's memory may be gone, so that what it was told may not have been carried out.
    """
    slots = asyncio.Semaphore(_AT_ONCE)
    now = time.now().astimezone(UTC)

    async def start(number: str, unit: str, stage: Stage) -> bool:
        # It asks its clocks at once and learns from the answer when to ask again.
        if not is_case(number):
            return await start_file(number, unit)
        asked = [source for source in Source if stage is not Stage.ACCEPTED or source is not Source.MEDIATION]
        asks = {str(source): now for source in asked}
        async with slots:
            try:
                await client.start_workflow(
                    CASE_WORKFLOW,
                    CaseStart(number, unit, stage, asks, speed=time.speed, epoch=time.epoch, escalated=True),
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
