"""Tells partners what became of their items: follows intake's own feed and the standings of cases, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

from casework.door.programs.partner import OVER, ChangeKind, ItemState, Standing, item_state
from services.intake.partners import store
from services.intake.partners.store import Seen
from services.kit.clocks import ledger
from services.kit.clocks.clockwork import Clockwork
from services.kit.composition import Parts
from services.kit.serving.loops import Loop
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import EventLog

ORDER = "order"
"""Key of the clock that runs until the date that a partner set."""
_ACTOR = "services/intake"
_BATCH = 500
_PAUSE = 1.0
"""Seconds between two looks."""


async def keep_informing(loop: Loop, parts: Parts) -> None:
    """Look and tell, for as long as the process runs."""
    log = EventLog("intake", "reports")
    while True:
        loop.begin()
        done = await inform(parts.database, log, parts.clockwork, parts.time.now())
        loop.turned()
        if done < _BATCH:
            await asyncio.sleep(_PAUSE)


async def inform(database: Database, log: EventLog, clockwork: Clockwork, now: datetime) -> int:
    """Tell what happened since the last look; return how much was looked at."""
    async with database.begin() as connection:
        events = await store.look(connection, _BATCH)
        if events is None:
            return 0
        waiting = await store.waiting(connection, _BATCH)
        replies = await store.untold(connection, [each.item for each in waiting])
        for seen in waiting:
            await _tell(connection, log, clockwork, seen, replies.get(seen.item.id, ()), now)
        await store.looked_at(connection, [each.item for each in waiting])
    return max(events, len(waiting))


async def _tell(
    connection: Connection, log: EventLog, clockwork: Clockwork, seen: Seen, replies: Sequence[int], now: datetime
) -> None:
    item, state = seen.item, item_state(Standing(seen.state, seen.closed, seen.withdrawn))
    over = state in OVER
    ended_at = _ended(seen, state, now) if over else None
    changed = {
        "state": state, "unit": seen.unit, "route": seen.route if state is ItemState.RETURNED else 0,
        "contentment": seen.contentment, "ended_at": ended_at,
    }  # fmt: skip
    before: dict[str, object] = {name: getattr(item, name) for name in changed}
    if item.unit == "":
        # Of what was over within a second, too, it is told first that it came in.
        before |= {"state": ItemState.RECEIVED, "unit": seen.unit}
        await store.tell(connection, item, now, before, [ChangeKind.STATE])
    ends = over and before["state"] not in OVER
    if ends:
        # What was said of it was said before it was over.
        await store.tell_replies(connection, item, now, before, replies)
    if kinds := _kinds(before, changed):
        await store.tell(connection, item, now, changed, kinds)
    if not ends:
        await store.tell_replies(connection, item, now, changed, replies)
    if over and item.state not in OVER and item.due_at is not None:
        at = min(ended_at or now, now)
        late = await ledger.end(connection, clockwork, item.report, ORDER, at, now, _ACTOR, met=True)
        await log.append(connection, late, at=now, actor=_ACTOR, trace="")


def _kinds(before: Mapping[str, object], after: Mapping[str, object]) -> list[ChangeKind]:
    """Return what changed of an item."""
    differ = {name for name, value in after.items() if before[name] != value}
    found = [ChangeKind.STATE] if differ - {"unit", "contentment"} else []
    found += [ChangeKind.TRANSFERRED] if "unit" in differ else []
    return found + ([ChangeKind.SATISFACTION] if "contentment" in differ else [])


def _ended(seen: Seen, state: ItemState, now: datetime) -> datetime:
    """Return when an item was over: what was told before stays."""
    if seen.item.ended_at is not None and seen.item.state is state:
        return seen.item.ended_at
    at = seen.closed_at if state is ItemState.DONE else seen.decided_at if state is ItemState.RETURNED else None
    return min(at or now, now)
