"""Time limits in calendar days, and the instants they give.

Days are counted in local time (Asia/Shanghai by default). The start day is not counted (民法典 art. 201), and a limit
ends at 24:00 of its last day (art. 203). That instant is expressed as midnight at the beginning of the next day and
is the first one that is too late: a thing is in time while `now < due`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache

from casework.calendar import LOCAL


class Trigger(StrEnum):
    """What starts the time."""

    report_received = "report_received"
    case_accepted = "case_accepted"
    task_dispatched = "task_dispatched"
    task_reported = "task_reported"
    close_requested = "close_requested"


# Who asks for which limit, and what starts it. A rule file with another name, or another trigger, does not load.
CONSUMED = {
    "accept": Trigger.report_received,
    "sign": Trigger.task_dispatched,
    "task": Trigger.task_dispatched,
    "verify_task": Trigger.task_reported,
    "close_low": Trigger.case_accepted,
    "close_medium": Trigger.case_accepted,
    "close_high": Trigger.case_accepted,
    "close_review": Trigger.close_requested,
}


class UnknownLimit(ValueError):
    """No limit has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no limit has the name {name!r}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Limit:
    """A number of calendar days in which something must be done, when to remind before, and what it rests on."""

    name: str
    days: int
    remind_before: timedelta
    basis: str
    confidence: str
    version: str
    trigger: Trigger


def day_end(start: datetime, days: int, zone: tzinfo = LOCAL) -> datetime:
    """Return the instant, in the zone, at which the n-th day after the start's local day ends."""
    if start.tzinfo is None:
        raise ValueError("start needs a time zone")
    return _midnight(start.astimezone(zone).date(), days + 1, zone)


@lru_cache(maxsize=4096)
def _midnight(day: date, days: int, zone: tzinfo) -> datetime:
    return datetime.combine(day + timedelta(days=days), time(), tzinfo=zone)


def due(start: datetime, limit: Limit, zone: tzinfo = LOCAL) -> datetime:
    """Return the first instant that is too late: 24:00 of the last day of the limit."""
    return day_end(start, limit.days, zone)


def remind_at(start: datetime, limit: Limit, zone: tzinfo = LOCAL) -> datetime | None:
    """Return when to remind, or None where the limit has no reminder or it would come no later than the start."""
    if not limit.remind_before:
        return None
    at = due(start, limit, zone) - limit.remind_before
    return at if at > start else None


def last_day(due_at: datetime, zone: tzinfo = LOCAL) -> date:
    """Return the last day that is still in time, for people to read: the day that ends at the due instant."""
    return (due_at.astimezone(zone) - timedelta(microseconds=1)).date()


class LimitBook:
    """All limits by name."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._by_name = {limit.name: limit for limit in limits}

    def __iter__(self) -> Iterator[Limit]:
        """Iterate over the limits in the order of their files."""
        return iter(self._by_name.values())

    def __len__(self) -> int:
        """Return how many limits there are."""
        return len(self._by_name)

    def get(self, name: str) -> Limit:
        """Return the limit with this name; UnknownLimit if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownLimit(name) from None

    def close(self, grade: str) -> Limit:
        """Return the limit for closing a case of this grade: `low`, `medium` or `high`."""
        return self.get(f"close_{grade}")

    def task(self, days: int) -> Limit:
        """Return the limit for a plan's task: the reminder and basis of `task`, the days of the plan."""
        return replace(self.get("task"), days=days)
