"""What task forces look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import task_force_pb2 as pb

from casework import names
from services.escalation.matters.special.models import ForceMeeting, ForceTask, TaskForce
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def force_name(number: str) -> str:
    """Return the resource name of a matter's task force."""
    return f"{names.file_name(number)}/taskForce"


def task_name(row: ForceTask) -> str:
    """Return the resource name of a task."""
    return f"{force_name(row.number)}/tasks/{row.task}"


def meeting_name(number: str, meeting: int) -> str:
    """Return the resource name of a meeting."""
    return f"{force_name(number)}/meetings/{meeting}"


def force(row: TaskForce, units: Sequence[str], open_tasks: int, leader: str, secretary: str) -> pb.TaskForce:
    """Return a task force."""
    found = pb.TaskForce(
        name=force_name(row.number),
        etag=str(row.version),
        force=row.force,
        reason=row.reason,
        units=[names.unit_name(unit) for unit in units],
        open_tasks=open_tasks,
        order_time=stamp(row.ordered_at),
        set_up_time=stamp(row.set_up_at),
        dissolve_time=stamp(row.dissolved_at),
        dissolve_reason=row.dissolve_reason,
        **numbers(state=row.state),
    )
    if row.leader_unit:
        found.leader.unit, found.leader.office = names.unit_name(row.leader_unit), row.leader_office
        found.secretary.unit, found.secretary.office = names.unit_name(row.secretary_unit), row.secretary_office
        found.leader.official, found.secretary.official = leader, secretary
    return found


def task(row: ForceTask) -> pb.ForceTask:
    """Return a task without its text."""
    return pb.ForceTask(
        name=task_name(row),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        due_date=dates.shown(row.due_on),
        kind=row.kind,
        meeting=meeting_name(row.number, row.meeting) if row.meeting else "",
        evidence=row.evidence,
        create_time=stamp(row.created_at),
        report_time=stamp(row.reported_at),
        verify_time=stamp(row.verified_at),
        **numbers(state=row.state),
    )


def meeting(row: ForceMeeting, decided: Sequence[ForceTask]) -> pb.ForceMeeting:
    """Return a meeting without its minutes."""
    return pb.ForceMeeting(
        name=meeting_name(row.number, row.meeting),
        etag=str(row.version),
        units=[names.unit_name(unit) for unit in row.units],
        hold_time=stamp(row.held_at),
        minutes_time=stamp(row.minutes_at),
        tasks=[task_name(each) for each in decided],
    )
