"""What everybody in the demonstration shares: business time, the cast, the notice board, and how far things are."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from accord.demo.board import Board
from accord.demo.cast import Cast
from casework.units import UnitTree
from services.kit.serving.businesstime import BusinessTime

PHASES = ("received", "decided", "opened", "handled", "closed")


@dataclass
class Scene:
    """The stage of one run. `done` counts by phase what is through, `total` what is to come."""

    cast: Cast
    board: Board
    time: BusinessTime
    units: UnitTree
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    total: Counter[str] = field(default_factory=Counter)
    trouble: list[str] = field(default_factory=list)

    def now(self) -> datetime:
        """Return the present instant of business time."""
        return self.time.now()

    async def until(self, at: datetime) -> None:
        """Wait until a business instant; one that has passed costs nothing."""
        delay = self.time.real_delay(at, self.now())
        if delay > timedelta():
            await asyncio.sleep(delay.total_seconds())

    async def after(self, random: Random, start: datetime, hours: tuple[float, float]) -> datetime:
        """Wait as long as a person takes, between so many business hours after `start`; return that instant."""
        at = start + timedelta(hours=random.uniform(*hours))
        await self.until(at)
        return max(at, self.now())


def business_time(speed: float, epoch: str) -> BusinessTime:
    """Return the business time of a stack with this pace."""
    return BusinessTime(speed, datetime.fromisoformat(epoch).astimezone(UTC))
