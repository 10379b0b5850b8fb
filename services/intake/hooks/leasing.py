"""Leases of subscriptions, and what whoever has one records: how far it has come, what failed, what then succeeded."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from pb.hooks.v1 import hooks_pb2 as pb

from casework import names
from casework.door.programs import hooks as rules
from casework.door.programs.hooks import LIVE, SubscriptionState, UndeliveredState
from casework.errors import CaseError, Reason
from services.intake.hooks import store, view
from services.intake.hooks.models import Subscription, SubscriptionPosition, Undelivered
from services.kit.numbers import numbers
from services.kit.storage.database import Connection

_MOST = 1000
_GONE = "gone"


class Leased(NamedTuple):
    """A subscription that is leased, how far it has come, what waits."""

    row: Subscription
    positions: list[SubscriptionPosition]
    waiting: list[Undelivered]
    now: datetime


async def lease(connection: Connection, lease: str, seconds: int) -> list[Leased]:
    """Lease live subscriptions that nobody else has; return all that this lease has now."""
    found = await store.take(connection, lease, seconds, _MOST)
    now = await store.now(connection)
    # What is left alone for a while needs nothing: a receiver that is away has the most that waits.
    ids = [row.id for row in found if row.next_at <= now]
    positions, waiting = await store.positions(connection, ids), await store.waiting(connection, ids)
    return [
        Leased(
            row, [each for each in positions if each.subscription == row.id],
            [each for each in waiting if each.subscription == row.id], now,
        )
        for row in found
    ]  # fmt: skip


def salts(leased: Leased) -> list[bytes]:
    """Return the salts of the secrets to sign with: the present one, and an earlier one while both are used."""
    row = leased.row
    overlaps = row.old_salt is not None and row.old_until is not None and row.old_until > leased.now
    return [row.salt, *([row.old_salt] if overlaps and row.old_salt is not None else [])]


def leased(found: Leased) -> pb.LeasedSubscription:
    """Return a leased subscription without its secrets."""
    row = found.row
    return pb.LeasedSubscription(
        name=store.name_of(row.id),
        unit=names.unit_name(row.unit),
        url=row.url,
        types=row.types,
        case=names.case_name(row.number) if row.number else "",
        positions=[view.position(each) for each in found.positions],
        waiting=[
            pb.WaitingEvent(
                service=each.service, position=each.position, case=names.file_name(each.number),
                due=each.next_at <= found.now,
            )
            for each in found.waiting
        ],
        due=row.next_at <= found.now,
        **numbers(content_mode=row.content_mode),
    )  # fmt: skip


async def record(connection: Connection, request: pb.RecordDeliveriesRequest) -> None:
    """Store what the holder of a lease records; WRONG_STATE if the lease is no longer its own."""
    row = await store.get(connection, int(names.last(request.name)), lock=True)
    if row.lease != request.lease or row.state not in LIVE:
        raise CaseError(Reason.WRONG_STATE, row.state.name, state=row.state.name)
    now = await store.now(connection)
    await store.move(
        connection,
        [
            {
                "subscription": row.id, "service": each.service, "position": each.position,
                "head_position": each.head_position, "moved_at": now,
            }
            for each in request.positions
        ],
    )  # fmt: skip
    if request.failures:
        before = {(each.service, each.position): each for each in await store.waiting(connection, [row.id])}
        await store.park(connection, [_parked(row.id, each, before, request.away, now) for each in request.failures])
    await store.delivered(connection, row.id, [(each.service, each.position) for each in request.delivered])
    changed = _changed(row, request, now)
    if changed:
        await store.change(connection, row.id, **changed)
    await store.keep(connection, row.id, request.lease_seconds)


def _parked(
    subscription: int, each: pb.FailedEvent, before: dict[tuple[str, int], Undelivered], away: bool, now: datetime
) -> dict[str, Any]:
    known = before.get((each.service, each.position))
    attempts = (known.attempts if known else 0) + bool(each.fault)
    first = known.failed_at if known and known.failed_at else now if each.fault else None
    again = rules.retry_at(attempts, first, now) if first and each.fault else now
    # While the receiver answers nobody, nothing dies: the subscription is suspended instead.
    dead = again is None and not away
    return {
        "subscription": subscription, "service": each.service, "position": each.position,
        "number": names.number_of(each.case), "kind": each.type, "attempts": attempts,
        "state": UndeliveredState.DEAD if dead else UndeliveredState.WAITING, "reason": each.fault or "waits",
        "failed_at": first, "next_at": again or now,
    }  # fmt: skip


def _changed(row: Subscription, request: pb.RecordDeliveriesRequest, now: datetime) -> dict[str, Any]:
    """Return what changes in the row of a subscription."""
    reason = next((each.fault for each in request.failures if each.fault), "")
    changed: dict[str, Any] = {}
    if row.state is SubscriptionState.STARTING and request.positions:
        changed["state"] = SubscriptionState.ACTIVE
    if request.sent:
        changed |= {"failures": 0, "failing_since": None, "next_at": now, "sent_at": now, "reason": reason}
    elif reason:
        changed["reason"] = reason
    if request.gone:
        changed |= {"state": SubscriptionState.SUSPENDED, "reason": _GONE, "lease": "", "leased_until": None}
    elif request.away and not request.sent:
        since = row.failing_since or now
        changed |= {
            "failures": row.failures + 1,
            "failing_since": since,
            "next_at": now + rules.pause(row.failures + 1),
        }
        if rules.is_over(since, now):
            changed["state"] = SubscriptionState.SUSPENDED
    return changed
