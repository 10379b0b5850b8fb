"""Subscriptions as messages of the contract."""

from __future__ import annotations

from datetime import datetime

from pb.hooks.v1 import hooks_pb2 as pb

from casework import names
from services.intake.hooks import store
from services.intake.hooks.models import Subscription, SubscriptionPosition, Undelivered
from services.intake.hooks.store import Standing
from services.kit.instants import stamp
from services.kit.numbers import numbers


def subscription(row: Subscription, standing: Standing, now: datetime, secret: str = "") -> pb.Subscription:
    """Return a subscription; `secret` where one was just made."""
    overlaps = row.old_until is not None and row.old_until > now
    return pb.Subscription(
        name=store.name_of(row.id),
        unit=names.unit_name(row.unit),
        url=row.url,
        types=row.types,
        case=names.case_name(row.number) if row.number else "",
        reason=row.reason,
        secret=secret,
        previous_secret_expire_time=stamp(row.old_until) if overlaps else None,
        positions=[position(each) for each in standing.positions],
        failing_time=stamp(row.failing_since),
        delivery_time=stamp(row.sent_at),
        create_time=stamp(row.made_at),
        creator=row.made_by,
        **numbers(content_mode=row.content_mode, state=row.state, waiting=standing.waiting, dead=standing.dead),
    )


def position(row: SubscriptionPosition) -> pb.FeedPosition:
    """Return how far a subscription has come in a feed."""
    return pb.FeedPosition(
        service=row.service, position=row.position, head_position=row.head_position, update_time=stamp(row.moved_at)
    )  # fmt: skip


def undelivered(row: Undelivered) -> pb.Undelivered:
    """Return an event that was not delivered at once."""
    return pb.Undelivered(
        name=f"{store.name_of(row.subscription)}/undelivered/{row.service}-{row.position}",
        event=f"feeds/{row.service}/events/{row.position}",
        case=names.file_name(row.number),
        type=row.kind,
        attempts=row.attempts,
        reason=row.reason,
        retry_time=stamp(row.next_at),
        fail_time=stamp(row.failed_at),
        **numbers(state=row.state),
    )


def key_of(name: str) -> tuple[str, int]:
    """Return service and position of `…/undelivered/{service}-{position}`."""
    service, _, place = names.last(name).partition("-")
    return service, int(place)
