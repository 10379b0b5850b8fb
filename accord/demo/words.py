"""The timeline of a case in words, out of the events of all three services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from accord.demo.record import Told
from casework.units import UnitTree

_CLOCK_WORDS = {
    "accept": "accepting or declining it",
    "accept_urgent": "accepting or declining it, urgently",
    "accept_danger": "accepting or declining it while somebody is in danger",
    "sign": "signing for {task}",
    "task": "doing {task}",
    "verify_task": "verifying {task}",
    "close_review": "reviewing the close request",
}


class Narrator:
    """Tells events in words. `measures` are the wordings of the case's tasks by their number."""

    def __init__(self, units: UnitTree, measures: dict[str, str]) -> None:
        self._units = units
        self._measures = dict(measures)

    def tell(self, event: Told) -> str:
        """Return what happened, as one would say it."""
        say = _SENTENCES.get(event.kind)
        return say(self, event.payload) if say else event.kind

    def who(self, event: Told) -> str:
        """Return who did it: the role and unit in the name of a demo user, or the machine client."""
        if not event.actor.startswith("demo-"):
            return event.actor
        role, _, unit = event.actor.removeprefix("demo-").partition("-")
        return f"{role.replace('_', ' ')}, {self.unit(unit)}"

    def unit(self, code: str) -> str:
        """Return a unit's name."""
        code = code.removeprefix("units/")
        return self._units.get(code).name if code in self._units else code

    def task(self, number: str | float) -> str:
        """Return a task by its number; when it is first spoken of, with its measure."""
        number = str(int(number))
        measure = self._measures.pop(number, "")
        return f"task {number} ({measure})" if measure else f"task {number}"

    def clock(self, payload: dict[str, Any]) -> str:
        """Return what a clock waits for."""
        subject, rule = str(payload["subject"]), str(payload["rule"])
        task = self.task(subject.rpartition("/")[2]) if "/tasks/" in subject else ""
        return _CLOCK_WORDS.get(rule, "closing the case").format(task=task)


def _days(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours >= 1 else f"{seconds / 60:.0f} min"


def _word(value: object, enum: str) -> str:
    return str(value).removeprefix(f"{enum}_").lower()


def _received(narrator: Narrator, payload: dict[str, Any]) -> str:
    channel = _word(payload["channel"], "CHANNEL")
    triage = payload["triage"]
    return f"received through '{channel}': {payload['category']}, grade {_word(payload['grade'], 'GRADE')} (row {int(triage['row'])} of {triage['rule']} {triage['version']})"  # noqa: E501


def _opened(narrator: Narrator, payload: dict[str, Any]) -> str:
    plan, count = payload["plan"], len(payload["tasks"])
    tasks = f"{count} task" if count == 1 else f"{count} tasks"
    return f"case opened with plan '{plan['template']}' {plan['version']}, {tasks} dispatched"


def _raised(narrator: Narrator, payload: dict[str, Any]) -> str:
    to, off = narrator.unit(payload["to"]), narrator.unit(payload["from"])
    return (
        f"escalation {int(payload['escalation'])}: {off} is late with {_late_with(narrator, payload)}; raised to {to}"
    )


def _late_with(narrator: Narrator, payload: dict[str, Any]) -> str:
    subject = str(payload["subject"])
    return narrator.task(subject.rpartition("/")[2]) if "/tasks/" in subject else "the matter"


_SENTENCES: dict[str, Callable[[Narrator, dict[str, Any]], str]] = {
    "ReportReceived": _received,
    "ReportVerified": lambda n, p: f"checked on the spot: {_word(p['state'], 'REPORT_STATE')}",
    "ReportMerged": lambda n, p: f"merged into {p['target']} ({p['reason']})",
    "ReportDeclined": lambda n, p: f"declined ({p['reason']}), route given: {_word(p['route'], 'ROUTE')}",
    "ReportAmended": lambda n, p: f"corrected by the desk: {', '.join(p['fields'])} ({p['reason']})",
    "ReportAccepted": lambda n, p: f"accepted; accountable: {n.unit(p['unit'])}",
    "ContentRead": lambda n, p: "sealed content read, to hand it over to the case",
    "CaseOpened": _opened,
    "PartyAdded": lambda n, p: f"party {int(p['party'])} added: {_word(p['side'], 'SIDE')}",
    "TaskSigned": lambda n, p: f"{n.task(p['task'])} signed for by {n.unit(p['unit'])}",
    "TaskReturned": lambda n, p: f"{n.task(p['task'])} returned: {p['reason']}",
    "TaskDispatched": lambda n, p: f"{n.task(p['task'])} dispatched again to {n.unit(p['unit'])}",
    "TaskReported": lambda n, p: f"{n.task(p['task'])} reported done, evidence {p['evidence']}",
    "TaskVerified": lambda n, p: f"{n.task(p['task'])} verified, {int(p['open_tasks'])} left",
    "TaskSentBack": lambda n, p: f"{n.task(p['task'])} sent back: not enough",
    "ClockReminded": lambda n, p: f"reminder to {n.unit(p['unit'])}: {n.clock(p)}",
    "ClockOverdue": lambda n, p: (
        f"OVERDUE at {n.unit(p['unit'])}: {n.clock(p)} (noticed {_days(float(p['late_by_seconds']))} later)"
    ),
    "EscalationRaised": _raised,
    "ReasonAdded": lambda n, p: (
        f"escalation {int(p['escalation'])} has a further reason: late with {_late_with(n, p)} as well"
    ),
    "EscalationAcknowledged": lambda n, p: f"escalation {int(p['escalation'])} acknowledged",
    "EscalationResolved": lambda n, p: f"escalation {int(p['escalation'])} resolved: the unit is made to act",
    "EscalationSettled": lambda n, p: f"escalation {int(p['escalation'])} settled: the case is over",
    "ClockBreachWithdrawn": lambda n, p: f"in time after all: {n.clock(p)}",
    "EscalationWithdrawn": lambda n, p: f"escalation {int(p['escalation'])} withdrawn: nothing was overdue",
    "OverdueWatched": lambda n, p: "watched for five working days: letters are drafted, people sign them or do not",
    "ClosingRequested": lambda n, p: f"closing requested, outcome {_word(p['outcome'], 'OUTCOME')}",
    "ClosingSentBack": lambda n, p: "close request sent back",
    "CaseClosed": lambda n, p: f"closed, outcome {_word(p['outcome'], 'OUTCOME')}",
    "CaseTransferred": lambda n, p: f"transferred to {n.unit(p['to'])}",
}
