"""What needs a workflow, by the facts: open matters, and closed ones with running clocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from pb.clock.v1 import clock_pb2
from pb.intake.v1 import intake_pb2, report_pb2
from pb.mediation.v1 import case_pb2, mediation_pb2

from casework.names import area_of_number, number_of
from workflows.backends import Backends
from workflows.messages import Source, Stage

_PAGE = 1000
_WAITING = (
    report_pb2.REPORT_STATE_RECEIVED,
    report_pb2.REPORT_STATE_VERIFIED,
    report_pb2.REPORT_STATE_UNFOUNDED,
    report_pb2.REPORT_STATE_DISPUTED,
    report_pb2.REPORT_STATE_ACCEPTED,
)


async def open_matters(backends: Backends) -> AsyncIterator[tuple[str, str, Stage]]:
    """Yield number, unit and stage of every open matter, by the facts of intake and mediation."""
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


async def clocks_to_come(backends: Backends) -> AsyncIterator[clock_pb2.Clock]:
    """Yield every running clock with a future rung, of any service."""
    async for clock in _clocks(backends, running=True):
        if clock.HasField("next_time"):
            yield clock


async def held_numbers(backends: Backends) -> AsyncIterator[str]:
    """Yield the case of every running clock with a future rung; a case may appear more than once."""
    async for clock in clocks_to_come(backends):
        yield number_of(clock.case)


async def breached_numbers(backends: Backends, since: datetime) -> AsyncIterator[str]:
    """Yield the case of every clock breached since, whatever happened later: it may not have been escalated yet.

    A clock cancelled at the end of its case is no longer overdue, but its breach remains.
    """
    after = Timestamp()
    after.FromDatetime(since)
    async for clock in _clocks(backends, breached_after=after):
        yield number_of(clock.case)


async def _clocks(
    backends: Backends, *, running: bool = False, breached_after: Timestamp | None = None
) -> AsyncIterator[clock_pb2.Clock]:
    for source in Source:
        token = ""
        while True:
            request = clock_pb2.ListClocksRequest(
                service=source, page_size=_PAGE, page_token=token, running=running, breached_after_time=breached_after
            )
            page = await backends.clocks[source].ListClocks(request)
            for clock in page.clocks:
                yield clock
            token = page.next_page_token
            if not token:
                break


async def all_matters(backends: Backends) -> AsyncIterator[tuple[str, str, Stage]]:
    """Yield everything that needs a workflow: open matters, and closed ones with running clocks."""
    seen: set[str] = set()
    async for matter in open_matters(backends):
        seen.add(matter[0])
        yield matter
    async for number in held_numbers(backends):
        if number not in seen:
            seen.add(number)
            yield number, area_of_number(number), Stage.CLOSED


async def lost_matters(backends: Backends, since: datetime) -> AsyncIterator[tuple[str, str, Stage]]:
    """Yield everything that needs a workflow after Temporal lost its data.

    This includes closed cases that missed a deadline lately: it is unknown whether that was escalated. Repeating it is
    harmless, each escalation is raised once.
    """
    seen: set[str] = set()
    async for matter in all_matters(backends):
        seen.add(matter[0])
        yield matter
    async for number in breached_numbers(backends, since):
        if number not in seen:
            seen.add(number)
            yield number, area_of_number(number), Stage.CLOSED
