"""Rows of the ledger as messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pb.escalation.v1 import ledger_pb2 as pb

from casework import names
from casework.supervision.matters.matter import MatterLevel
from services.escalation.matters.ledger.course import assignment_name
from services.escalation.matters.ledger.listing.store import RESTS
from services.escalation.matters.ledger.models import (
    MatterEvidence,
    MatterGrading,
    MatterLookBack,
    MatterVersion,
)
from services.escalation.models import Matter, MatterAssignment
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def overdue(row: Matter, today: date) -> bool:
    """Return whether the day of a matter has passed."""
    return row.due_on is not None and row.due_on < today and row.state not in RESTS


def matter(row: Matter, today: date) -> pb.Matter:
    """Return a matter as lists show it."""
    return pb.Matter(
        name=names.file_name(row.number),
        etag=str(row.version),
        keeper=names.unit_name(row.keeper),
        place=names.unit_name(row.place),
        category=f"categories/{row.category}" if row.category else "",
        source=names.file_name(row.source),
        unit=names.unit_name(row.unit),
        lead=names.unit_name(row.lead),
        entry=row.entry,
        returned=row.returned,
        due_date=dates.shown(row.due_on),
        overdue=overdue(row, today),
        register_time=stamp(row.registered_at),
        progress_time=stamp(row.progress_at),
        plan_time=stamp(row.plan_at),
        strike_off_time=stamp(row.struck_off_at),
        **numbers(state=row.state, level=MatterLevel[row.level.upper()], grade=row.grade),
    )


def whole(
    row: Matter, today: date, language: str, grading: MatterGrading | None, assignments: Sequence[MatterAssignment],
    look_backs: Sequence[MatterLookBack],
) -> pb.Matter:  # fmt: skip
    """Return a matter with its grading, parts and look-backs."""
    shown = matter(row, today)
    if grading is not None:
        shown.grading.CopyFrom(graded(grading, language))
    shown.assignments.extend(assignment(each) for each in assignments)
    shown.look_backs.extend(look_back(each) for each in look_backs)
    return shown


def graded(row: MatterGrading, language: str) -> pb.MatterGrading:
    """Return a grading with its reasons in a language."""
    facts = pb.MatterFacts(
        people_affected=row.people_affected, amount_fen=row.amount_fen, **numbers(scope=row.scope, impact=row.impact)
    )
    return pb.MatterGrading(
        facts=facts,
        rule=row.rule,
        rule_version=row.rule_version,
        reasons=[pb.GradeReason(row=each["row"], text=each[language]) for each in row.reasons],
        reason=row.reason,
        grade_time=stamp(row.graded_at),
        **numbers(grade=row.grade),
    )


def assignment(row: MatterAssignment) -> pb.Assignment:
    """Return a unit's part without its texts."""
    return pb.Assignment(
        name=assignment_name(row),
        unit=names.unit_name(row.unit),
        due_date=dates.shown(row.due_on),
        assign_time=stamp(row.assigned_at),
        finish_time=stamp(row.finished_at),
        progress_time=stamp(row.progress_at),
        extended=row.extended,
        **numbers(state=row.state, part=row.part),
    )


def look_back(row: MatterLookBack) -> pb.LookBackTask:
    """Return a look-back."""
    return pb.LookBackTask(
        name=f"{names.file_name(row.number)}/lookBacks/{row.days}",
        due_date=dates.shown(row.due_on),
        record_time=stamp(row.recorded_at),
        **numbers(result=row.result or 0),
    )


def evidence(row: MatterEvidence) -> pb.MatterEvidence:
    """Return a piece of evidence without its description."""
    return pb.MatterEvidence(
        name=evidence_name(row),
        reference=row.reference,
        sha256=row.file_hash,
        unit=names.unit_name(row.unit),
        add_time=stamp(row.added_at),
    )


def evidence_name(row: MatterEvidence) -> str:
    """Return `matters/{matter}/evidence/{evidence}`."""
    return f"{names.file_name(row.number)}/evidence/{row.evidence}"


def version(row: MatterVersion) -> pb.MatterVersion:
    """Return a version of a matter."""
    return pb.MatterVersion(
        version=row.version,
        event=row.event,
        change_time=stamp(row.changed_at),
        account=row.changed_by,
        unit=names.unit_name(row.unit),
        reason=row.reason,
        changes=[pb.MatterChange(**each) for each in row.changes],
        noted=row.sealed is not None,
    )
