"""What lead officials look like in the contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pb.escalation.v1 import lead_pb2 as pb

from casework import names
from services.escalation.matters.special.matters.store import Running
from services.escalation.matters.special.models import Lead, LeadHandOver, LeadNote
from services.kit.instants import stamp
from services.kit.numbers import numbers


def lead_name(number: str) -> str:
    """Return the resource name of a matter's lead."""
    return f"{names.file_name(number)}/lead"


def lead(row: Lead, official: str, running: Sequence[Running], offered: LeadHandOver | None) -> pb.Lead:
    """Return a lead with what is due, and the offered hand-over."""
    return pb.Lead(
        name=lead_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        official=official,
        office=row.office,
        assign_time=stamp(row.assigned_at),
        first_look_time=stamp(row.first_look_at),
        contact_time=stamp(row.contact_at),
        notes=row.notes,
        due=[due(each.id, each.due_at) for each in running],
        hand_over=hand_over(offered) if offered else None,
        end_time=stamp(row.ended_at),
    )


def due(clock: str, at: datetime | None) -> pb.LeadDue:
    """Return something that is due."""
    return pb.LeadDue(clock=f"clocks/escalation/{clock}", due_time=stamp(at))


def note(row: LeadNote) -> pb.LeadNote:
    """Return a note without its text."""
    return pb.LeadNote(
        name=f"{lead_name(row.number)}/notes/{row.note}",
        note_time=stamp(row.at),
        **numbers(kind=row.kind, form=row.form),
    )


def hand_over(row: LeadHandOver) -> pb.LeadHandOver:
    """Return a hand-over without its text."""
    return pb.LeadHandOver(
        name=f"{lead_name(row.number)}/handOvers/{row.hand_over}",
        from_unit=names.unit_name(row.from_unit),
        to_unit=names.unit_name(row.to_unit),
        successor=row.successor,
        reason=row.reason,
        open=[due(clock, at) for clock, at in zip(row.clocks, row.dues, strict=True)],
        open_items=list(row.open_items),
        offer_time=stamp(row.offered_at),
        answer_time=stamp(row.answered_at),
        **numbers(state=row.state),
    )
