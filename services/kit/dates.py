"""Days between Python and proto."""

from __future__ import annotations

from datetime import date, datetime

from google.type import date_pb2

from casework.clocks.calendar import LOCAL
from casework.errors import Reason, field_error


def today(now: datetime) -> date:
    """Return the local day of an instant."""
    return now.astimezone(LOCAL).date()


def shown(day: date | None) -> date_pb2.Date | None:
    """Return the proto date of a day; None stays None, which leaves a field unset."""
    return None if day is None else date_pb2.Date(year=day.year, month=day.month, day=day.day)


def read(message: date_pb2.Date, field: str) -> date:
    """Return the day of a proto date; INVALID_FIELD if there is no such day, or it is centuries away."""
    try:
        found = date(message.year, message.month, message.day)
    except ValueError:
        raise field_error(field, Reason.INVALID_FIELD, "date") from None
    if not 1900 <= found.year < 2200:
        raise field_error(field, Reason.INVALID_FIELD, "date")
    return found


def coming(message: date_pb2.Date, field: str, now: datetime) -> date:
    """Return the day of a proto date; INVALID_FIELD if there is none, it is past, or over ten years ahead."""
    found = read(message, field)
    if not 0 <= (found - today(now)).days <= 3660:
        raise field_error(field, Reason.INVALID_FIELD, "date")
    return found


def term(request: object, field: str, now: datetime) -> datetime | None:
    """Return the last second of the day that a request sets as a deadline, None if none; a future day."""
    if not request.HasField(field):  # type: ignore[attr-defined]
        return None
    day = read(getattr(request, field), field)
    if day <= today(now):
        raise field_error(field, Reason.INVALID_FIELD, str(today(now)))
    return last_second(day)


def first_second(day: date) -> datetime:
    """Return the first second of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=LOCAL)


def last_second(day: date) -> datetime:
    """Return the last second of a day: what is due on it is in time until then."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=LOCAL)
