"""Opening: from an accepted report to a case with its one plan, its tasks and its clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pb.mediation.v1 import case_pb2
from pb.mediation.v1 import mediation_pb2 as pb

from casework import names
from casework.case import Stage, TaskState
from casework.door.complaint import lies_within, must_not_judge_itself
from casework.errors import Reason, field_error
from casework.mediation.plan import PlanTemplate, TaskTemplate, resolve_unit
from services.kit.clocks.clockwork import Clockwork, NewClock
from services.kit.instants import instant
from services.kit.rules import Rules
from services.kit.storage.events import NewEvent
from services.kit.storage.sealing import Sealer

GRADE_NAMES = {1: "low", 2: "medium", 3: "high"}
CLOSE, REVIEW, PROMISED = "close", "review", "promised"


def task_key(task: int, rule: str) -> str:
    """Return the key of a task's clock: `task-2.sign`, `task-2.task`, `task-2.verify_task`."""
    return f"task-{task}.{rule}"


def new_task(
    clockwork: Clockwork, template: TaskTemplate, number: str, index: int, unit: str, now: datetime
) -> tuple[dict[str, Any], list[NewClock]]:
    """Return the row of a task, and its clocks: to sign for it, and to do it."""
    subject = names.task_name(number, index)
    sign, clock = (
        clockwork.new(number, task_key(index, key), rule, subject=subject, unit=unit, at=now)
        for key, rule in (("sign", "sign"), ("task", clockwork.rules.task(template.due_days)))
    )
    row = {
        "number": number,
        "task": index,
        "state": TaskState.DISPATCHED,
        "unit": unit,
        "key": template.key,
        "measure": {"zh": template.zh, "en": template.en},
        "evidence_rule": {"zh": template.evidence_zh, "en": template.evidence_en},
        "milestone": template.milestone,
        "optional": template.optional,
        "sealed": None,
        "due_at": clock.due_at,
        "updated_at": now,
    }
    return row, [sign, clock]


@dataclass(frozen=True, slots=True)
class Opened:
    """What is stored for a new case."""

    case: dict[str, Any]
    tasks: list[dict[str, Any]]
    clocks: list[NewClock]
    event: NewEvent


class Opening:
    """Builds new cases, with the rules and the keys; without a database."""

    def __init__(self, rules: Rules, sealer: Sealer, clockwork: Clockwork) -> None:
        self._rules = rules
        self._sealer = sealer
        self._clockwork = clockwork

    def open(self, request: pb.CreateCaseRequest, now: datetime) -> Opened:
        """Return what is stored for the case; raise a CaseError naming the field that is wrong."""
        case = request.case
        number, unit = names.number_of(case.name), names.last(case.unit)
        category = case.category.removeprefix("categories/")
        if unit not in self._rules.units:
            raise field_error("case.unit", Reason.UNKNOWN_UNIT, unit)
        if category not in self._rules.categories:
            raise field_error("case.category", Reason.UNKNOWN_CATEGORY, category)
        about = names.last(case.about_unit)
        if about and about not in self._rules.units:
            raise field_error("case.about_unit", Reason.UNKNOWN_UNIT, about)
        must_not_judge_itself(about, unit)
        plan = self._rules.plans.choose(category, GRADE_NAMES[case.grade])
        tasks, running = self._tasks(plan, number, unit, about, now)
        close = self._close_clock(case, number, unit, now)
        running.append(close)
        sealed = self._sealer.seal(number, request.content.SerializeToString()) if request.HasField("content") else None
        row = {
            "number": number,
            "stage": Stage.HANDLING,
            "unit": unit,
            "about": about,
            "channel": case.channel,
            "category": category,
            "grade": case.grade,
            "received_at": instant(case.receive_time) if case.HasField("receive_time") else now,
            "opened_at": now,
            **close.shown(),
            "open_tasks": sum(not task["optional"] for task in tasks),
            "plan": plan.name,
            "plan_version": plan.version,
            "sealed_key": sealed.key if sealed else None,
            "sealed": sealed.data if sealed else None,
            "updated_at": now,
        }
        payload = {
            "stage": Stage.HANDLING.name,
            "plan": {"template": plan.name, "version": plan.version},
            "tasks": [{"task": task["task"], "unit": task["unit"], "due_at": task["due_at"]} for task in tasks],
            "due_at": close.due_at,
        }
        return Opened(row, tasks, running, NewEvent(number, "CaseOpened", unit, payload))

    def _tasks(
        self, plan: PlanTemplate, number: str, unit: str, about: str, now: datetime
    ) -> tuple[list[dict[str, Any]], list[NewClock]]:
        rows: list[dict[str, Any]] = []
        running: list[NewClock] = []
        for index, template in enumerate(plan.tasks, start=1):
            doer = resolve_unit(template, unit, self._rules.units)
            if lies_within(about, doer):
                # Tasks that the plan assigns to the unit complained about go to the accountable unit.
                doer = unit
            row, clocks = new_task(self._clockwork, template, number, index, doer, now)
            rows.append(row)
            running += clocks
        return rows, running

    def _close_clock(self, case: case_pb2.Case, number: str, unit: str, now: datetime) -> NewClock:
        # A deadline that the source promised is kept unchanged.
        promised = instant(case.due_time) if case.HasField("due_time") else None
        rule = PROMISED if promised else self._clockwork.rules.close(GRADE_NAMES[case.grade])
        return self._clockwork.new(
            number, CLOSE, rule, subject=names.case_name(number), unit=unit, at=now, until=promised
        )
