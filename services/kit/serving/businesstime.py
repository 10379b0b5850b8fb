"""Business time: the only clock passed to all code. In a demonstration it may run faster than the wall clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.kit.serving.settings import ProcessSettings


@dataclass(frozen=True, slots=True)
class BusinessTime:
    """Business seconds pass `speed` times as fast as real ones since `epoch`."""

    speed: float = 1.0
    epoch: datetime | None = None

    @classmethod
    def of(cls, settings: ProcessSettings) -> BusinessTime:
        """Return the business time configured for a process."""
        return cls(settings.time_speed, settings.time_epoch)

    def now(self) -> datetime:
        """Return the present instant of business time, in UTC."""
        return self.at(datetime.now(UTC))

    def at(self, real: datetime) -> datetime:
        """Return the business time of a real instant."""
        if self.epoch is None:
            return real
        return self.epoch + (real - self.epoch) * self.speed

    def real_delay(self, until: datetime, now: datetime) -> timedelta:
        """Return how long to wait in real time from business instant `now` to `until`; never negative."""
        return max((until - now) / self.speed, timedelta())
