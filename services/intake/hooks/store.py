"""Statements of subscriptions. What is due is decided by the database's clock: deliveries happen in real time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    SmallInteger,
    Text,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from casework.door.programs.hooks import LIVE, UndeliveredState
from services.intake.hooks.models import Subscription, SubscriptionPosition, Undelivered
from services.kit.serving.request.named import missing
from services.kit.storage import rows
from services.kit.storage.database import Connection

_ID = bindparam("id", type_=BigInteger)
_IDS = bindparam("ids", type_=ARRAY(BigInteger))
_LIMIT = bindparam("limit", type_=Integer)
_NOW = func.clock_timestamp(type_=DateTime(timezone=True))
_LEASE = bindparam("lease", type_=Text)
_UNTIL = _NOW + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("seconds", type_=Integer))
_HALF = func.make_interval(0, 0, 0, 0, 0, 0, bindparam("half", type_=Integer))
_READ_NOW = select(_NOW)
_GET = select(Subscription).where(Subscription.id == _ID)
_LOCK = _GET.with_for_update()
_LISTED = (
    select(Subscription)
    .where(
        Subscription.unit.like(bindparam("unit", type_=Text)), Subscription.id > bindparam("behind", type_=BigInteger)
    )
    .order_by(Subscription.id)
    .limit(_LIMIT)
)
# One at a time: of two made at once, the second counts the first.
_ALONE = select(func.pg_advisory_xact_lock(4215, func.hashtext(bindparam("unit", type_=Text))))
_LIVE_OF = (
    select(func.count())
    .select_from(Subscription)
    .where(Subscription.unit == bindparam("unit", type_=Text), Subscription.state.in_(LIVE))
)
_FREE = (
    select(Subscription.id)
    .where(
        Subscription.state.in_(LIVE),
        or_(
            Subscription.leased_until.is_(None),
            Subscription.leased_until < _NOW,
            # One's own again once half of it is over: nothing is written at every look.
            and_(Subscription.lease == _LEASE, Subscription.leased_until < _NOW + _HALF),
        ),
    )
    .order_by(Subscription.id)
    .limit(_LIMIT)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_TAKE = update(Subscription).where(Subscription.id.in_(_FREE)).values(lease=_LEASE, leased_until=_UNTIL)
_TAKEN = (
    select(Subscription)
    .where(Subscription.state.in_(LIVE), Subscription.lease == _LEASE, Subscription.leased_until > _NOW)
    .order_by(Subscription.id)
)
_KEEP = update(Subscription).where(Subscription.id == _ID).values(leased_until=_UNTIL)
_POSITIONS = (
    select(SubscriptionPosition)
    .where(SubscriptionPosition.subscription == any_(_IDS))
    .order_by(SubscriptionPosition.subscription, SubscriptionPosition.service)
)
_PLACED = ("subscription", "service", "position", "head_position", "moved_at")
_PLACE = insert(SubscriptionPosition).values(
    {each: bindparam(each, type_=SubscriptionPosition.__table__.c[each].type) for each in _PLACED}
)
_MOVE = _PLACE.on_conflict_do_update(
    index_elements=[SubscriptionPosition.subscription, SubscriptionPosition.service],
    set_={each: _PLACE.excluded[each] for each in _PLACED[2:]},
)
_WAITS = Undelivered.state == UndeliveredState.WAITING
_WAITING = (
    select(Undelivered)
    .where(Undelivered.subscription == any_(_IDS), _WAITS)
    .order_by(Undelivered.subscription, Undelivered.service, Undelivered.position)
)
_COUNTS = (
    select(Undelivered.subscription, Undelivered.state, func.count())
    .where(Undelivered.subscription == any_(_IDS), Undelivered.state != UndeliveredState.DELIVERED)
    .group_by(Undelivered.subscription, Undelivered.state)
)
_PARKED = (
    "subscription",
    "service",
    "position",
    "number",
    "kind",
    "state",
    "attempts",
    "reason",
    "failed_at",
    "next_at",
)
_PARK = insert(Undelivered).values(
    {each: bindparam(each, type_=Undelivered.__table__.c[each].type) for each in _PARKED}
)  # fmt: skip
_PARK_AGAIN = _PARK.on_conflict_do_update(
    index_elements=[Undelivered.subscription, Undelivered.service, Undelivered.position],
    set_={each: _PARK.excluded[each] for each in _PARKED[3:]},
)
_ONE = (
    Undelivered.subscription == _ID, Undelivered.service == bindparam("service", type_=Text),
    Undelivered.position == bindparam("position", type_=BigInteger),
)  # fmt: skip
_DELIVERED = update(Undelivered).where(*_ONE).values(state=UndeliveredState.DELIVERED, reason="")
_AGAIN = {"state": UndeliveredState.WAITING, "attempts": 0, "failed_at": None, "next_at": _NOW}
_REPLAY = (
    update(Undelivered)
    .where(Undelivered.subscription == _ID, Undelivered.state == UndeliveredState.DEAD)
    .values(_AGAIN)
    .returning(Undelivered.position)
)
_REPLAY_ONE = (
    update(Undelivered).where(*_ONE, Undelivered.state == UndeliveredState.DEAD).values(_AGAIN)
    .returning(Undelivered.position)
)  # fmt: skip
_REVIVE = update(Undelivered).where(Undelivered.subscription == _ID, _WAITS).values(failed_at=None, next_at=_NOW)
_UNDELIVERED = (
    select(Undelivered)
    .where(
        Undelivered.subscription == _ID, Undelivered.state == any_(bindparam("states", type_=ARRAY(SmallInteger))),
        tuple_(Undelivered.service, Undelivered.position)
        > tuple_(bindparam("service", type_=Text), bindparam("position", type_=BigInteger)),
    )
    .order_by(Undelivered.service, Undelivered.position)
    .limit(_LIMIT)
)  # fmt: skip


class Standing(NamedTuple):
    """How a subscription stands: its positions, and how many events wait or are dead."""

    positions: list[SubscriptionPosition]
    waiting: int
    dead: int


async def now(connection: Connection) -> datetime:
    """Return the time by the database's clock."""
    found = await connection.scalar(_READ_NOW)
    assert found is not None
    return found


async def add(connection: Connection, **columns: object) -> Subscription:
    """Store a subscription and return its row."""
    return await rows.insert(connection, Subscription, **columns)


async def live_of(connection: Connection, unit: str) -> int:
    """Return how many live subscriptions a unit has; of two that are made at once, the second counts the first."""
    await connection.execute(_ALONE, {"unit": unit})
    return await connection.scalar(_LIVE_OF, {"unit": unit}) or 0


async def get(connection: Connection, subscription: int, *, lock: bool = False) -> Subscription:
    """Return a subscription; NOT_FOUND if there is none."""
    row = (await connection.execute(_LOCK if lock else _GET, {"id": subscription})).first()
    if row is None:
        raise missing("name", name_of(subscription))
    return row


def name_of(subscription: int) -> str:
    """Return `subscriptions/{subscription}`."""
    return f"subscriptions/{subscription}"


async def change(connection: Connection, subscription: int, **columns: object) -> Subscription:
    """Change columns of a subscription and return its new row."""
    return await rows.update(connection, Subscription, {"id": subscription}, **columns)


async def listed(connection: Connection, unit: str, behind: int, limit: int) -> Sequence[Subscription]:
    """Return the subscriptions of a unit pattern, oldest first."""
    return await connection.execute(_LISTED, {"unit": unit, "behind": behind, "limit": limit})


async def standings(connection: Connection, ids: Sequence[int]) -> dict[int, Standing]:
    """Return how subscriptions stand."""
    counts = {(row[0], row[1]): row[2] for row in await connection.execute(_COUNTS, {"ids": list(ids)})}
    found = {
        each: Standing(
            [], counts.get((each, UndeliveredState.WAITING), 0), counts.get((each, UndeliveredState.DEAD), 0)
        )
        for each in ids
    }
    for row in await positions(connection, ids):
        found[row.subscription].positions.append(row)
    return found


async def positions(connection: Connection, ids: Sequence[int]) -> Sequence[SubscriptionPosition]:
    """Return how far subscriptions have come."""
    return await connection.execute(_POSITIONS, {"ids": list(ids)})


async def waiting(connection: Connection, ids: Sequence[int]) -> Sequence[Undelivered]:
    """Return what waits, by service and position of each subscription."""
    return await connection.execute(_WAITING, {"ids": list(ids)})


async def take(connection: Connection, lease: str, seconds: int, limit: int) -> list[Subscription]:
    """Lease live subscriptions that nobody else has; return all that this lease has now."""
    taking = {"lease": lease, "seconds": seconds, "half": seconds // 2, "limit": limit}
    await connection.execute(_TAKE, taking)
    return list(await connection.execute(_TAKEN, {"lease": lease}))


async def keep(connection: Connection, subscription: int, seconds: int) -> None:
    """Extend the lease of a subscription."""
    await connection.execute(_KEEP, {"id": subscription, "seconds": seconds})


async def move(connection: Connection, places: Sequence[Mapping[str, Any]]) -> None:
    """Store how far subscriptions have come."""
    if places:
        await connection.execute(_MOVE, places)


async def park(connection: Connection, events: Sequence[Mapping[str, Any]]) -> None:
    """Store events that could not be delivered, or another attempt at them."""
    if events:
        await connection.execute(_PARK_AGAIN, events)


async def delivered(connection: Connection, subscription: int, events: Sequence[tuple[str, int]]) -> None:
    """Store that events that waited were delivered."""
    if events:
        keys = [{"id": subscription, "service": service, "position": position} for service, position in events]
        await connection.execute(_DELIVERED, keys)


async def replay(connection: Connection, subscription: int, events: Sequence[tuple[str, int]]) -> int:
    """Let dead letters wait for another attempt: these, or all; return how many."""
    if not events:
        return len(await connection.execute(_REPLAY, {"id": subscription}))
    count = 0
    for service, position in events:
        key = {"id": subscription, "service": service, "position": position}
        count += len(await connection.execute(_REPLAY_ONE, key))
    return count


async def revive(connection: Connection, subscription: int) -> None:
    """Let everything that waits be tried at once, and for another day."""
    await connection.execute(_REVIVE, {"id": subscription})


async def undelivered(
    connection: Connection, subscription: int, states: Sequence[UndeliveredState], behind: tuple[str, int], limit: int
) -> Sequence[Undelivered]:  # fmt: skip
    """Return events that were not delivered at once, by service and position."""
    service, position = behind
    parameters = {"id": subscription, "states": [int(each) for each in states], "service": service,
                  "position": position, "limit": limit}  # fmt: skip
    return await connection.execute(_UNDELIVERED, parameters)
