"""The handling of a case: its tasks signed for, done and verified, its closing requested and reviewed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from google.protobuf.message import Message
from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2
from pb.mediation.v1 import mediation_pb2 as pb

from accord.demo import door
from accord.demo.cast import Person, Refused
from accord.demo.scene import Scene
from accord.demo.supervision import Supervision
from accord.generator import GeneratedReport
from casework.names import last, unit_name
from services.kit.instants import instant

EARLY = {
    "withdrawn": case_pb2.OUTCOME_WITHDRAWN,
    "referred": case_pb2.OUTCOME_REFERRED,
    "not_agreed": case_pb2.OUTCOME_NOT_AGREED,
}
"""Outcomes that end a case before its plan is done."""

EVIDENCE = {"performed": "receipt", "agreed": "agreement", "confirmed": "court-confirmation"}
"""What the last task of a plan shows, by outcome; a record in all other cases."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast people work on cases of a grade, least and most: shares of a task's time, and business hours."""

    sign: tuple[float, float]
    work: tuple[float, float]
    verify: tuple[float, float]
    request: tuple[float, float]
    review: tuple[float, float]


_PACES = {
    report_pb2.GRADE_LOW: Pace((0.5, 5), (0.10, 0.40), (0.5, 6), (0.5, 3), (1, 6)),
    report_pb2.GRADE_MEDIUM: Pace((0.5, 9), (0.30, 0.70), (2, 30), (1, 8), (4, 36)),
    report_pb2.GRADE_HIGH: Pace((0.5, 9), (0.40, 0.80), (4, 60), (2, 24), (12, 90)),
}
"""Everybody acts well before the limit: what a slow machine adds must not make cases overdue that nobody neglected."""


def ending(told: GeneratedReport) -> case_pb2.Outcome:
    """Return the outcome a case of this report is meant to close with."""
    resolved = case_pb2.OUTCOME_RESOLVED if door.is_service(told) else case_pb2.OUTCOME_AGREED
    return EARLY.get(told.outcome, resolved)


_LEFT_TO_LIE = timedelta(days=30)
"""After its deadline a task is done at last, whether or not the level above has stepped in."""
_LOOKS_AGAIN = 0.5
_MOVES = 20
"""How often somebody who is refused looks whose the matter is by now."""
_WAITS_FOR_REMINDER = 0.12
"""Share of tasks, the last of a plan excepted, that are done only when their reminder came, a day before."""
_WAITS_IF_LONGER = timedelta(days=4)


class Handling:
    """One case, carried to its end by those who have its tasks."""

    def __init__(self, scene: Scene, supervision: Supervision, told: GeneratedReport, random: Random) -> None:
        self._scene = scene
        self._supervision = supervision
        self._told = told
        self._random = random
        self._pace = _PACES[report_pb2.GRADE_MEDIUM]
        self._case = ""

    async def carry(self, report: report_pb2.Report) -> None:
        """Carry the case of an accepted report from its opening to its closing."""
        scene, case = self._scene, report.case
        self._case = case
        opened = await scene.board.told("CaseOpened", case)
        scene.done["opened"] += 1
        self._pace = _PACES[report.triage.grade]
        due = datetime.fromisoformat(opened["due_at"])
        handler = Person("handler", last(report.unit))
        plan = await scene.cast.ask(handler, scene.cast.mediation.GetPlan, pb.GetPlanRequest(name=f"{case}/plan"), due)
        start = instant(plan.adopt_time)
        tasks = sorted(plan.tasks, key=lambda task: (instant(task.due_time), task.name))
        doers = await asyncio.gather(*(self._sign(task, start, task is tasks[0], report) for task in tasks))
        todo = list(zip(tasks, doers, strict=True))[: self._breaks_off(tasks)]
        await asyncio.gather(*(self._do(task, doer, start, task is tasks[-1], report) for task, doer in todo))
        await self._close(case, handler, due)

    def _breaks_off(self, tasks: list[case_pb2.Task]) -> int:
        """Return how many tasks are done before the case ends: all, or those up to where the matter breaks off."""
        if self._told.outcome in ("withdrawn", "referred"):
            return 0
        if self._told.outcome == "not_agreed":
            return next((n for n, task in enumerate(tasks, 1) if task.template_key == "mediate"), len(tasks))
        return len(tasks)

    async def _sign(self, task: case_pb2.Task, start: datetime, first: bool, report: report_pb2.Report) -> Person:
        """Have the unit sign for its task, at first perhaps the wrong one; return who does it in the end."""
        doer, number = self._doer(task, last(task.unit)), self._told.number
        at = await self._scene.after(self._random, start, self._pace.sign)
        if first and self._told.outcome == "returned":
            doer = await self._return(task, doer, at, report)
        request = pb.SignTaskRequest(name=task.name, request_id=self._scene.cast.key(number, last(task.name), "sign"))
        await self._ask(doer, self._scene.cast.mediation.SignTask, request, start + timedelta(hours=24))
        return doer

    async def _return(self, task: case_pb2.Task, doer: Person, at: datetime, report: report_pb2.Report) -> Person:
        """Return a task that is not ours; the duty officer dispatches it to the unit whose it is."""
        scene, number = self._scene, self._told.number
        key = scene.cast.key(number, last(task.name))
        back = pb.ReturnTaskRequest(name=task.name, reason="not-ours", request_id=f"{key}/return")
        await self._ask(doer, scene.cast.mediation.ReturnTask, back, at)
        at = await scene.after(self._random, at, (0.5, 3))
        unit = self._whose(last(task.unit))
        again = pb.DispatchTaskRequest(name=task.name, unit=unit_name(unit), request_id=f"{key}/dispatch")
        # Downwards the accountable unit dispatches; what goes up to the county, the county takes.
        above = unit == last(report.unit)[:6]
        officer = Person("duty_officer", unit if above else last(report.unit))
        await self._ask(officer, scene.cast.mediation.DispatchTask, again, at)
        await scene.after(self._random, at, (0.5, 5))
        return self._doer(task, unit)

    async def _do(
        self, task: case_pb2.Task, doer: Person, start: datetime, final: bool, report: report_pb2.Report
    ) -> None:
        """Do a task and have somebody else verify it; one that is neglected, only after the level above stepped in."""
        scene, due = self._scene, instant(task.due_time)
        key = scene.cast.key(self._told.number, last(task.name))
        if final and self._told.outcome == "overdue":
            await self._supervision.settled(task.name, due - scene.now() + _LEFT_TO_LIE)
        await scene.until(self._when(start, due, final))
        shown = EVIDENCE.get(self._told.outcome, "record") if final else "record"
        done = pb.ReportTaskRequest(
            name=task.name, evidence=f"{shown}/{self._told.number}-{last(task.name)}", request_id=f"{key}/report"
        )
        await self._ask(doer, scene.cast.mediation.ReportTask, done, due)
        at = await scene.after(self._random, scene.now(), self._pace.verify)
        check = pb.VerifyTaskRequest(name=task.name, sufficient=True, request_id=f"{key}/verify")
        reviewer = Person("reviewer", last(report.unit))
        await self._ask(reviewer, scene.cast.mediation.VerifyTask, check, max(at, due))

    def _when(self, start: datetime, due: datetime, final: bool) -> datetime:
        """Return when a task is reported done: mostly in good time, now and then only after the reminder."""
        if not final and due - start > _WAITS_IF_LONGER and self._random.random() < _WAITS_FOR_REMINDER:
            return due - timedelta(hours=self._random.uniform(12, 22))
        return start + (due - start) * self._random.uniform(*self._pace.work)

    async def _close(self, case: str, handler: Person, due: datetime) -> None:
        scene, number = self._scene, self._told.number
        await scene.after(self._random, scene.now(), self._pace.request)
        request = pb.RequestClosingRequest(
            name=case, outcome=ending(self._told), request_id=scene.cast.key(number, "request-closing")
        )
        await self._ask(handler, scene.cast.mediation.RequestClosing, request, due)
        scene.done["handled"] += 1
        await scene.after(self._random, scene.now(), self._pace.review)
        close = pb.CloseCaseRequest(name=case, approved=True, request_id=scene.cast.key(number, "close"))
        await self._ask(Person("reviewer", handler.unit), scene.cast.mediation.CloseCase, close, due)
        scene.done["closed"] += 1

    async def _ask(
        self, person: Person, rpc: Callable[..., Awaitable[object]], request: Message, due: datetime
    ) -> None:
        """Ask as this person, or as whoever has the person's part since the case was transferred."""
        for left in reversed(range(_MOVES)):
            there = self._scene.board.unit_now(self._case, person.unit)
            role = "handler" if person.role == "grid_worker" and there != person.unit else person.role
            try:
                await self._scene.cast.ask(Person(role, there), rpc, request, due)
                return
            except Refused as error:
                if not (error.forbidden and left):
                    raise
            await asyncio.sleep(_LOOKS_AGAIN)

    def _doer(self, task: case_pb2.Task, unit: str) -> Person:
        """Return who does a task: simple matters that a grid worker brought, the grid worker settles."""
        if task.template_key == "settle" and self._told.channel == "grid" and unit == self._told.unit:
            return Person("grid_worker", unit)
        return Person("handler", unit)

    def _whose(self, unit: str) -> str:
        """Return the unit whose task it is, where another got it first: the county, or its bureau of justice."""
        county = unit[:6]
        return county if county != unit else f"{county}-justice"
