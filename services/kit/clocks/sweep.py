"""The net under the workflows: fires what is due and was not fired, across all cases, by due time, oldest first."""

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
    """Fire rungs due by `by` of at most `limit` clocks' cases; return them in order, and whether more is due.

    `then` does what follows from them, in their transaction.

    One case a transaction. A case with several rungs waits with its later ones until older rungs of others have fired,
    so that the order is that of the due times, whatever they belong to.
    """
    async with database.begin() as connection:
        waiting = await store.oldest(connection, by, limit + 1)
    # Beyond the last one seen there may be others in between: that far, and no further.
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
                # Its workflow should have done it: it is woken, to do what follows from it.
                woken = [clocks.waking(event, now) for event in events]
                await log.append(connection, woken, at=now, actor=actor, trace=trace)
            if then:
                await then(connection, firings)
            next_at = await clocks.next_at(connection, number)
        fired += firings
        if next_at is not None and next_at <= by and firings:
            heapq.heappush(waiting, (next_at, number))
    return fired, more
