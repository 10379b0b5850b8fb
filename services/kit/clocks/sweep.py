"""The safety net below the workflows: fires rungs that are due but have not fired, across all cases, oldest first."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable
from datetime import datetime

from services.kit.clocks import clocks, store
from services.kit.clocks.clocks import Firing
from services.kit.storage.database import Connection, Database
from services.kit.storage.events import EventLog


async def sweep(
    database: Database, log: EventLog, now: datetime, by: datetime, limit: int, *, actor: str, trace: str,
    then: Callable[[Connection, list[Firing]], Awaitable[None]] | None = None,
) -> tuple[list[Firing], bool]:  # fmt: skip
    """Fire rungs due by `by` in the cases of at most `limit` clocks; return them in order, and whether more are due.

    `then` handles their consequences, in their transaction.

    One case per transaction. The later rungs of a case wait until older rungs of other cases have fired,
    so that rungs fire in the order of their due times across all cases.
    """
    async with database.begin() as connection:
        waiting = await store.oldest(connection, by, limit + 1)
    # After the last one read there may be others in between: only up to that one.
    more = len(waiting) > limit
    if more:
        by = waiting.pop()[0]
    heapq.heapify(waiting)
    fired: list[Firing] = []
    while waiting and waiting[0][0] <= by:
        _, number = heapq.heappop(waiting)
        until = min(waiting[0][0], by) if waiting else by
        async with database.begin() as connection:
            await log.lock(connection, number)
            firings, events = await clocks.fire(connection, number, now, until)
            if events:
                # Its workflow should have done it: it is woken, to handle the consequences.
                woken = [clocks.waking(event, now) for event in events]
                await log.append(connection, woken, at=now, actor=actor, trace=trace)
            if then:
                await then(connection, firings)
            next_at = await clocks.next_at(connection, number)
        fired += firings
        if next_at is not None and next_at <= by and firings:
            heapq.heappush(waiting, (next_at, number))
    return fired, more
