"""Series, meetings and decisions as messages, without texts; conversion of days."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from google.type import date_pb2
from pb.escalation.v1 import meetings_pb2 as pb

from casework import names
from casework.clocks.calendar import LOCAL
from casework.errors import Reason, field_error
from casework.supervision.meetings.period import Period, Rhythm
from services.escalation.meetings.models import AgendaItem, Meeting, MeetingDecision, MeetingSeries
from services.kit import dates
from services.kit.instants import stamp
from services.kit.numbers import numbers


def series(row: MeetingSeries, rule: Rhythm, coming: Period | None) -> pb.MeetingSeries:
    """Return a series; `coming` is its next period, None after its end."""
    return pb.MeetingSeries(
        name=names.file_name(row.number),
        etag=str(row.version),
        unit=names.unit_name(row.unit),
        rule=row.rule,
        rule_version=rule.version,
        create_time=stamp(row.began_at),
        end_time=stamp(row.ended_at),
        next_period=coming.key if coming else "",
        next_time=stamp(coming.at) if coming else None,
    )


def meeting(row: Meeting, still_open: int) -> pb.Meeting:
    """Return a meeting and how many of its decisions are not yet done."""
    return pb.Meeting(
        name=names.file_name(row.number),
        etag=str(row.version),
        series=names.file_name(row.series),
        period=row.period,
        unit=names.unit_name(row.unit),
        agenda_items=row.agenda_items,
        rule_version=row.rule_version,
        attendees=map(names.unit_name, row.attendees),
        create_time=stamp(row.prepared_at),
        hold_time=stamp(row.held_at),
        minutes_due_time=stamp(row.minutes_due_at),
        minutes_time=stamp(row.minutes_at),
        open_decisions=still_open,
        close_time=stamp(row.closed_at),
        **numbers(state=row.state),
    )


def item(row: AgendaItem) -> pb.AgendaItem:
    """Return an item of an agenda."""
    reasons: list[Any] = row.reasons
    return pb.AgendaItem(
        name=f"{names.file_name(row.number)}/agendaItems/{row.item}",
        subject=row.subject,
        unit=names.unit_name(row.unit),
        due_date=dates.shown(row.due_on),
        reasons=reasons,
    )


def decision(row: MeetingDecision, official: str = "") -> pb.Decision:
    """Return a decision without its text; `official` is the responsible official of its unit."""
    return pb.Decision(
        name=decision_name(row.number, row.decision),
        etag=str(row.version),
        agenda_item=row.item,
        unit=names.unit_name(row.unit),
        official=official,
        due_date=dates.shown(row.due_at and dates.today(row.due_at)),
        due_time=stamp(row.due_at),
        verifier=names.unit_name(row.verifier),
        returned=row.returned,
        create_time=stamp(row.decided_at),
        report_time=stamp(row.reported_at),
        evidence=row.evidence,
        done_time=stamp(row.done_at),
        **numbers(state=row.state),
    )


def decision_name(number: str, decision: int) -> str:
    """Return `meetings/{meeting}/decisions/{decision}`."""
    return f"{names.file_name(number)}/decisions/{decision}"


def last_second(message: date_pb2.Date, now: datetime, field: str) -> datetime:
    """Return the last second of a future day, at most ten years ahead; INVALID_FIELD otherwise."""
    try:
        day = date(message.year, message.month, message.day)
    except ValueError:
        raise field_error(field, Reason.INVALID_FIELD, "date") from None
    today = now.astimezone(LOCAL).date()
    if not today <= day <= today.replace(year=today.year + 10, day=1):
        raise field_error(field, Reason.INVALID_FIELD, "date")
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=LOCAL)
