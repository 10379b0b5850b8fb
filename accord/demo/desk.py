"""A desk with few seats: whoever has the earliest deadline sits down first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count


class Desk:
    """Bounds how much is asked of the stack at a time, so that a slow machine does the urgent things first."""

    def __init__(self, seats: int) -> None:
        self._free = seats
        self._waiting: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()

    @asynccontextmanager
    async def seat(self, due: datetime) -> AsyncIterator[None]:
        """Hold a seat for the block; those with an earlier `due` are served first."""
        if self._free:
            self._free -= 1
        else:
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (due, next(self._order), place))
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._leave()
                raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        while self._waiting:
            place = heapq.heappop(self._waiting)[2]
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
