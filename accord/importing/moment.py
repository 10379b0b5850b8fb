"""Local times as text → points in time, including hours that the clocks show twice or skip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from accord.importing.mapping import Times
from accord.importing.rejection import RowReason, RowRefused

AMBIGUOUS = "AMBIGUOUS_TIME"
SKIPPED = "SKIPPED_TIME"

Parser = Callable[[str], datetime]


class Clock:
    """Reads times as one mapping says they are written."""

    def __init__(self, times: Times, formats: Sequence[str] | None = None) -> None:
        self._zone = ZoneInfo(times.zone)
        self._formats = tuple(formats or times.formats)
        self._parsers = tuple(_parser(pattern, time.fromisoformat(times.time_of_day)) for pattern in self._formats)
        self._fold = 0 if times.fold == "first" else 1

    def read(self, cell: str | datetime) -> tuple[datetime, str]:
        """Return the moment in UTC, and AMBIGUOUS or SKIPPED if the local time is unclear. Raises RowRefused."""
        local = cell if isinstance(cell, datetime) else self._parse(cell)
        try:
            if local.tzinfo is not None:
                return local.astimezone(UTC), ""
            chosen = local.replace(tzinfo=self._zone, fold=self._fold)
            moment = chosen.astimezone(UTC)
        except (OverflowError, ValueError):
            raise RowRefused(RowReason.INVALID_TIME, f"{cell} is outside the calendar") from None
        if chosen.utcoffset() == chosen.replace(fold=1 - self._fold).utcoffset():
            return moment, ""
        # Only a time that exists comes back the same from UTC.
        exists = moment.astimezone(self._zone).replace(tzinfo=None) == local
        return moment, AMBIGUOUS if exists else SKIPPED

    def _parse(self, text: str) -> datetime:
        for parse in self._parsers:
            try:
                return parse(text)
            except ValueError:
                continue
        raise RowRefused(RowReason.INVALID_TIME, f"{text!r} is not a time like {' or '.join(self._formats)}")


def _parser(pattern: str, time_of_day: time) -> Parser:
    if pattern == "iso":

        def parse(text: str) -> datetime:
            moment = datetime.fromisoformat(text)
            # YYYY-MM-DD and YYYYMMDD: a date alone.
            return moment if len(text) > 10 else datetime.combine(moment.date(), time_of_day)

        return parse
    if any(directive in pattern for directive in ("%H", "%I", "%c", "%X")):
        return lambda text: datetime.strptime(text, pattern)
    return lambda text: datetime.combine(datetime.strptime(text, pattern).date(), time_of_day)
