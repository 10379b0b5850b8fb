"""The period a figure is about: a month, a quarter or a year, in local days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from casework.clocks.calendar import LOCAL
from casework.errors import Reason, field_error

_FORM = re.compile(r"(20\d\d)(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?")


@dataclass(frozen=True, slots=True)
class ReportingPeriod:
    """A period by its name, `2026-10`, `2026-Q3` or `2026`; `months` long from its first month on."""

    name: str
    first: date
    months: int

    @property
    def starts_at(self) -> datetime:
        """The first instant of it."""
        return _midnight(self.first)

    @property
    def ends_at(self) -> datetime:
        """The first instant after it."""
        return _midnight(_later(self.first, self.months))

    @property
    def before_at(self) -> datetime:
        """The first instant of the period before, which is as long."""
        return _midnight(_later(self.first, -self.months))

    @property
    def month_names(self) -> list[str]:
        """The names of its months, in order."""
        return [f"{_later(self.first, month):%Y-%m}" for month in range(self.months)]


def reporting_period(name: str) -> ReportingPeriod:
    """Return the period of this name; INVALID_FIELD if it names none."""
    found = _FORM.fullmatch(name)
    if found is None:
        raise field_error("period", Reason.INVALID_FIELD, name)
    year, quarter, month = found.groups()
    if month:
        return ReportingPeriod(name, date(int(year), int(month), 1), 1)
    if quarter:
        return ReportingPeriod(name, date(int(year), 3 * int(quarter) - 2, 1), 3)
    return ReportingPeriod(name, date(int(year), 1, 1), 12)


def local_day(day: date) -> tuple[datetime, datetime]:
    """Return the first instant of a local day and the first after it."""
    return _midnight(day), _midnight(date.fromordinal(day.toordinal() + 1))


def _later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL)
