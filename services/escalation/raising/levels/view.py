"""Escalations as messages of the contract."""

from __future__ import annotations

from collections.abc import Sequence

from pb.escalation.v1 import escalation_pb2 as pb

from casework import names
from casework.units import level_of
from services.escalation.models import Escalation
from services.escalation.raising.levels.models import AddedReason
from services.kit.instants import stamp
from services.kit.numbers import numbers


def name_of(row: Escalation) -> str:
    """Return the resource name of an escalation."""
    return f"{names.file_name(row.number)}/escalations/{row.escalation}"


def escalation(row: Escalation, reasons: Sequence[AddedReason] = ()) -> pb.Escalation:
    """Return an escalation with what was added to it, without sealed texts and the unit complained about."""
    return pb.Escalation(
        name=name_of(row),
        etag=str(row.version),
        from_unit=names.unit_name(row.from_unit),
        to_unit=names.unit_name(row.to_unit),
        reason=row.reason,
        subject=row.subject,
        create_time=stamp(row.created_at),
        acknowledge_time=stamp(row.acknowledged_at),
        resolve_time=stamp(row.resolved_at),
        ladder=row.ladder_name,
        ladder_version=row.ladder_version,
        level=str(level_of(row.to_unit)),
        office=row.office,
        category=f"categories/{row.category}" if row.category else "",
        told_units=[names.unit_name(each) for each in row.told],
        origin_unit=names.unit_name(row.origin),
        climbed_from=f"{names.file_name(row.number)}/escalations/{row.climbed_from}" if row.climbed_from else "",
        return_unit=names.unit_name(row.return_unit),
        return_reason=row.return_reason,
        return_count=row.returns,
        return_time=stamp(row.returned_at),
        reasons=[
            pb.EscalationReason(
                reason=each.reason, subject=each.subject, from_unit=names.unit_name(each.from_unit),
                add_time=stamp(each.added_at),
            )
            for each in reasons
        ],
        **numbers(state=row.state, mode=row.mode, grade=row.grade),
    )  # fmt: skip
