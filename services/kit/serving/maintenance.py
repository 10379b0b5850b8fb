"""Maintenance: writes are refused with a reason in words and a time to retry; reads go on, and so do clocks."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from casework.errors import CaseError, Reason

_MACHINES = "service"
"""The role of Accord's own machine clients: deadlines fire and events are followed all the time."""
_SOONEST = 30


@dataclass(frozen=True, slots=True)
class Notice:
    """What is said while maintenance goes on."""

    zh: str
    en: str
    until: datetime
    """When it is to be over."""

    def seconds(self, now: datetime) -> int:
        """Return after how many seconds to retry: once it is to be over, and not at once if it takes longer."""
        return max(_SOONEST, math.ceil((self.until - now).total_seconds()))


class MaintenanceError(CaseError):
    """A write that was refused because of maintenance."""

    def __init__(self, notice: Notice, now: datetime) -> None:
        super().__init__(Reason.MAINTENANCE, until=notice.until.isoformat(timespec="seconds"))
        self._notice = notice
        self.retry_after = notice.seconds(now)

    def message(self, language: str) -> str:
        """Return the message for a person, followed by what the operator says."""
        said = self._notice.en if language == "en" else self._notice.zh
        return f"{super().message(language)} {said}".strip()


class Maintenance:
    """Whether this process refuses writes now; a loop keeps it as the database says."""

    def __init__(self) -> None:
        self.notice: Notice | None = None

    def check(self, roles: Collection[str]) -> None:
        """Raise MAINTENANCE if writes are refused now, except to Accord's own machine clients."""
        if self.notice is not None and _MACHINES not in roles:
            raise MaintenanceError(self.notice, datetime.now(UTC))
