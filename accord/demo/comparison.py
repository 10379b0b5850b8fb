"""The comparison: what was meant to become of each report, beside what the services say became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from pb.intake.v1 import report_pb2
from pb.mediation.v1 import case_pb2

from accord.demo.arrival import DECLINED
from accord.demo.handling import ending
from accord.demo.order import oddities
from accord.demo.play import Played
from accord.demo.record import Record, Told
from accord.generator import MERGED, GeneratedReport

_UNSOUND = ("Failed", "Terminated", "TimedOut", "Canceled")


@dataclass
class Comparison:
    """By intended outcome: how many, and how many came so.

    `lost` and `odd` must be empty; `differences` may have reasons.
    """

    meant: Counter[str] = field(default_factory=Counter)
    came: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    open: int = 0
    """Cases of the day that are not closed: must be none."""


def compare(played: Played, record: Record) -> Comparison:
    """Return how what was meant and what is recorded differ."""
    found = Comparison()
    history = record.by_case("TaskReturned", "TaskDispatched", "TaskReported", "ClockOverdue", "EscalationResolved")
    for number, told in played.arrivals.by_number.items():
        fate = played.arrivals.fate(told)
        found.meant[fate] += 1
        name = played.names.get(number)
        if name is None:
            found.differences.append(f"report {number} was never received")
            continue
        report = record.reports.get(name)
        if report is None:
            found.lost.append(f"{name} was received, and intake does not list it")
            continue
        if report.state == report_pb2.REPORT_STATE_ACCEPTED and report.case not in record.cases:
            found.lost.append(f"{name} was accepted, and mediation has no case of it")
            continue
        accepted = report.state == report_pb2.REPORT_STATE_ACCEPTED
        found.open += accepted and record.cases[report.case].stage != case_pb2.STAGE_CLOSED
        first = played.names.get(told.duplicate_of or 0, "")
        why = _difference(fate, told, first, report, record, history.get(report.case, []))
        if why:
            found.differences.append(f"{name}, meant as {fate}: {why}")
        else:
            found.came[fate] += 1
    _engines(found, record)
    found.odd = oddities(record)
    return found


def _engines(found: Comparison, record: Record) -> None:
    for verdict in record.verdicts:
        if verdict.broken:
            found.lost.append(f"the history of {verdict.service} is broken: {verdict.broken}")
    for status in _UNSOUND:
        if count := record.workflows.get(status):
            found.lost.append(f"{count} workflows stand as {status}")
    if (all_ := sum(record.workflows.values())) != len(record.reports):
        found.differences.append(f"{len(record.reports)} reports, and {all_} workflows in Temporal")


def _difference(
    fate: str, told: GeneratedReport, first: str, report: report_pb2.Report, record: Record, history: list[Told]
) -> str:
    """Return in words how a report differs from what was meant; nothing if it came so."""
    state = report_pb2.ReportState.Name(report.state).removeprefix("REPORT_STATE_").lower()
    if fate == DECLINED:
        return "" if report.state == report_pb2.REPORT_STATE_DECLINED else f"it is {state}"
    if fate == MERGED:
        if report.state == report_pb2.REPORT_STATE_ACCEPTED:
            return f"the search did not suggest {first}, it was accepted as a matter of its own"
        merged = report.state == report_pb2.REPORT_STATE_MERGED and report.merged_into == first
        return "" if merged else f"it is {state}"
    if report.state != report_pb2.REPORT_STATE_ACCEPTED:
        return f"it is {state}"
    return _case_difference(fate, told, record.cases[report.case], history)


def _case_difference(fate: str, told: GeneratedReport, case: case_pb2.Case, history: list[Told]) -> str:
    if case.stage != case_pb2.STAGE_CLOSED:
        return f"its case is still {case_pb2.Stage.Name(case.stage).removeprefix('STAGE_').lower()}"
    if case.outcome != ending(told):
        return f"its case closed as {case_pb2.Outcome.Name(case.outcome).removeprefix('OUTCOME_').lower()}"
    kinds = [event.kind for event in history]
    if fate == "returned" and kinds[:2] != ["TaskReturned", "TaskDispatched"]:
        return "no task was returned and dispatched again"
    if fate == "overdue" and not {"ClockOverdue", "EscalationResolved"} <= set(kinds):
        return "nothing was escalated and resolved"
    return ""
