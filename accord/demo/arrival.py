"""The arrival of a report: filed, looked at, and accepted, declined or merged."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from pb.intake.v1 import intake_pb2 as pb
from pb.intake.v1 import report_pb2

from accord.demo import door
from accord.demo.cast import Person
from accord.demo.scene import Scene
from accord.generator import MERGED, GeneratedReport
from services.kit.instants import instant

DECIDED_WITHIN = {
    report_pb2.GRADE_HIGH: (0.5, 4.0),
    report_pb2.GRADE_MEDIUM: (2.0, 44.0),
    report_pb2.GRADE_LOW: (3.0, 56.0),
}
"""Business hours the duty officer takes, least and most, by grade. The limit is the end of the third day."""

DECLINED = "declined"
_UNHURRIED = timedelta(hours=24)


@dataclass(slots=True)
class Arrivals:
    """Where each generated report stands: its name once it is filed. `by_number` holds the generated ones."""

    by_number: dict[int, GeneratedReport]
    filed: dict[int, asyncio.Future[str]]

    @classmethod
    def of(cls, reports: list[GeneratedReport]) -> Arrivals:
        """Return the arrivals of a day."""
        loop = asyncio.get_running_loop()
        return cls({told.number: told for told in reports}, {told.number: loop.create_future() for told in reports})

    def fate(self, told: GeneratedReport) -> str:
        """Return what is meant to become of a report; one that tells of a declined matter again is declined, too."""
        if told.duplicate_of is not None and self.by_number[told.duplicate_of].outcome == DECLINED:
            return DECLINED
        return told.outcome


async def arrive(scene: Scene, arrivals: Arrivals, told: GeneratedReport, random: Random) -> report_pb2.Report | None:
    """File a report and decide on it; return it if it was accepted, None otherwise."""
    report = await receive(scene, arrivals, told)
    received_at = instant(report.receive_time)
    if door.is_service(told):
        at = await scene.after(random, received_at, (0.2, 0.5))
        await _check(scene, told, report, at)
    at = await scene.after(random, received_at, DECIDED_WITHIN[report.triage.grade])
    decided = await _decide(scene, arrivals, told, report, at)
    scene.done["decided"] += 1
    if told.channel == door.OVER_REST:
        await scene.cast.get_over_rest(door.filer(told), f"/v1/receipts/{report.receipt_code}", at + _UNHURRIED)
    accepted = decided.state == report_pb2.REPORT_STATE_ACCEPTED
    if accepted and arrivals.fate(told) == MERGED:
        scene.total.update(opened=1, handled=1, closed=1)  # nobody saw that it was told twice: it is a case like others
    return decided if accepted else None


async def receive(scene: Scene, arrivals: Arrivals, told: GeneratedReport) -> report_pb2.Report:
    """File a report when its time has come, and return it."""
    await scene.until(told.submitted_at)
    place = arrivals.filed[told.number]
    try:
        report = await _file(scene, told)
        place.set_result(report.name)
    finally:
        place.cancel()  # no effect on one that has a result
    scene.done["received"] += 1
    return report


async def _file(scene: Scene, told: GeneratedReport) -> report_pb2.Report:
    due = told.submitted_at
    key, message, person = scene.cast.key(told.number), door.report(told), door.filer(told)
    if told.channel == door.OVER_REST:
        return await scene.cast.file_over_rest(person, message, key, due)
    request = pb.CreateReportRequest(report=message, request_id=key)
    filed: report_pb2.Report = await scene.cast.ask(person, scene.cast.intake.CreateReport, request, due)
    return filed


async def _check(scene: Scene, told: GeneratedReport, report: report_pb2.Report, at: datetime) -> None:
    """Have a grid worker of the unit that has it look at what was told of a place."""
    request = pb.VerifyReportRequest(
        name=report.name, founded=told.outcome != DECLINED, request_id=scene.cast.key(told.number, "verify")
    )
    person = Person("grid_worker", told.unit)
    await scene.cast.ask(person, scene.cast.intake.VerifyReport, request, at)


async def _decide(
    scene: Scene, arrivals: Arrivals, told: GeneratedReport, report: report_pb2.Report, due: datetime
) -> report_pb2.Report:
    """Look for the same matter and decide as a person would who reads both: the search only suggests."""
    cast, officer = scene.cast, Person("duty_officer", told.unit)
    request = pb.ListDuplicatesRequest(parent=report.name, page_size=5)
    alike = await cast.ask(officer, cast.intake.ListDuplicates, request, due)
    key, fate = cast.key(told.number, "decide"), arrivals.fate(told)
    if fate == DECLINED:
        reason = "unfounded" if door.is_service(told) else "outside-scope"
        decline = pb.DeclineReportRequest(name=report.name, reason=reason, route=door.route(told), request_id=key)
        declined: report_pb2.Report = await cast.ask(officer, cast.intake.DeclineReport, decline, due)
        return declined
    if fate == MERGED and told.duplicate_of is not None:
        first = await arrivals.filed[told.duplicate_of]
        if first in {each.report for each in alike.duplicates}:
            merge = pb.MergeReportRequest(name=report.name, target=first, reason="same-matter", request_id=key)
            merged: report_pb2.Report = await cast.ask(officer, cast.intake.MergeReport, merge, due)
            return merged
    accept = pb.AcceptReportRequest(name=report.name, request_id=key)
    accepted: report_pb2.Report = await cast.ask(officer, cast.intake.AcceptReport, accept, due)
    return accepted
