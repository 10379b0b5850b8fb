"""Notices as messages: ids and states, never a name or an address."""

from __future__ import annotations

from collections.abc import Sequence

from pb.mediation.v1 import notices_pb2 as pb

from casework import names
from casework.mediation.notice import NoticeBook, Text
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.mediation.models.notices import Delivery, Notice
from services.mediation.notices import store


def notice(row: Notice, book: NoticeBook, language: str, deliveries: Sequence[Delivery] = ()) -> pb.Notice:
    """Return a notice."""
    rule = book.find(row.rule)
    return pb.Notice(
        name=store.name_of(row.id),
        etag=str(row.version),
        case=names.case_name(row.number),
        recipient=store.recipient(row),
        unit=names.unit_name(row.unit),
        rule=row.rule,
        subject=book.subject(rule, language) if rule else row.rule,
        reason=row.reason,
        event_time=stamp(row.occurred_at),
        due_time=stamp(row.due_at),
        send_time=stamp(row.sent_at),
        serve_time=stamp(row.served_at),
        deliveries=[_delivery(each) for each in deliveries],
        **numbers(state=row.state, channel=row.channel),
    )


def _delivery(row: Delivery) -> pb.NoticeDelivery:
    return pb.NoticeDelivery(
        time=stamp(row.at),
        record_time=stamp(row.recorded_at),
        actor=row.actor,
        reason=row.reason,
        evidence=row.evidence,
        **numbers(state=row.state, channel=row.channel),
    )


def text(told: Text, language: str, *, discreet: bool) -> pb.NoticeText:
    """Return a text."""
    return pb.NoticeText(
        subject=told.subject, text=told.text, short_text=told.short, language=language, discreet=discreet
    )
