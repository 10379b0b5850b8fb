"""How a hall is set up: what may not be, when it is open, who is where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from google.protobuf import json_format
from pb.intake.v1 import hall_pb2 as pb

from casework import names
from casework.clocks.calendar import Calendar
from casework.door import category as categories
from casework.door.hall import HallDays as Days
from casework.door.hall import Hours, Span, hours_on, minutes, within
from casework.errors import Reason, field_error
from services.intake.hall.models import Hall
from services.kit import dates
from services.kit.rules import Rules


@dataclass(frozen=True, slots=True)
class Setup:
    """A hall as it is set up, with the calendar of its place."""

    hall: pb.Hall
    calendar: Calendar

    @classmethod
    def of(cls, row: Hall, calendar: Calendar) -> Setup:
        """Return the setup in a row."""
        return cls(json_format.ParseDict(row.settings, pb.Hall()), calendar)

    def stored(self) -> str:
        """Return it as it is stored."""
        return json_format.MessageToJson(self.hall, indent=None, ensure_ascii=False)

    def hours(self, day: date) -> list[Hours]:
        """Return when the hall is open on a day."""
        return hours_on(spans(self.hall.hours), day, working=self.calendar.is_working(day))

    def present(self, day: date) -> Iterator[tuple[pb.HallPosting, list[Hours]]]:
        """Yield the postings of a day, by window, with their hours on it."""
        hall = self.hours(day)
        for each in sorted(self.hall.postings, key=lambda one: (one.window, one.posting)):
            first, last = date_of(each, "first_date"), date_of(each, "last_date")
            if (first and day < first) or (last and day > last):
                continue
            own = hours_on(spans(each.hours), day, working=self.calendar.is_working(day)) if each.hours else hall
            if shown := within(own, hall):
                yield each, shown

    def queue(self, letter: str, field: str = "queue") -> pb.HallQueue:
        """Return a queue; INVALID_FIELD if the hall has none with this letter."""
        found = next((each for each in self.hall.queues if each.letter == letter), None)
        if found is None:
            raise field_error(field, Reason.INVALID_FIELD, ", ".join(each.letter for each in self.hall.queues))
        return found

    def queue_of(self, category: str) -> pb.HallQueue:
        """Return the queue for a kind of matter: the one for the nearest kind above it, or the one for the rest."""
        for kind in categories.lineage(category):
            for each in self.hall.queues:
                if f"categories/{kind}" in each.categories:
                    return each
        found = next((each for each in self.hall.queues if not each.categories), None)
        if found is None:
            raise field_error("category", Reason.INVALID_FIELD, "no queue of this hall is for it")
        return found

    def window(self, number: int, field: str) -> pb.HallWindow:
        """Return a window; INVALID_FIELD if the hall has none with this number."""
        found = next((each for each in self.hall.windows if each.window == number), None)
        if found is None:
            raise field_error(field, Reason.INVALID_FIELD, ", ".join(str(each.window) for each in self.hall.windows))
        return found

    def posted(self, unit: str, window: int, day: date) -> bool:
        """Tell whether a department sits at a window on a day."""
        here = names.unit_name(unit)
        return any(each.department == here and each.window == window for each, _ in self.present(day))


def spans(hours: Iterable[pb.HallHours]) -> list[Span]:
    """Return hours as the rules read them."""
    return [
        Span(Days(each.days or Days.WORKING), frozenset(each.weekdays), minutes(each.opens), minutes(each.closes))
        for each in hours
    ]


def date_of(posting: pb.HallPosting, field: str, at: str = "") -> date | None:
    """Return the first or last day of a posting, None if it has none; INVALID_FIELD if there is no such day."""
    return dates.read(getattr(posting, field), f"{at}{field}") if posting.HasField(field) else None


def check(hall: pb.Hall, rules: Rules) -> None:
    """Raise INVALID_FIELD, naming the field, for a hall that cannot be."""
    _check_hours(hall.hours, "hall.hours")
    letters = _unique([each.letter for each in hall.queues], "hall.queues[{}].letter")
    for place, queue in enumerate(hall.queues):
        for at, category in enumerate(queue.categories):
            if category.removeprefix("categories/") not in rules.categories:
                raise field_error(f"hall.queues[{place}].categories[{at}]", Reason.UNKNOWN_CATEGORY, category)
    windows = _unique([each.window for each in hall.windows], "hall.windows[{}].window")
    for place, window in enumerate(hall.windows):
        for at, letter in enumerate(window.queues):
            if letter not in letters:
                raise field_error(f"hall.windows[{place}].queues[{at}]", Reason.INVALID_FIELD, "no such queue")
    served = {letter for window in hall.windows for letter in window.queues}
    for place, queue in enumerate(hall.queues):
        if queue.letter not in served:
            raise field_error(f"hall.queues[{place}].letter", Reason.INVALID_FIELD, "no window serves it")
    _unique([each.posting for each in hall.postings], "hall.postings[{}].posting")
    for place, posting in enumerate(hall.postings):
        at_posting = f"hall.postings[{place}]."
        if posting.window not in windows:
            raise field_error(f"{at_posting}window", Reason.INVALID_FIELD, "no such window")
        _check_hours(posting.hours, f"{at_posting}hours")
        first, last = (date_of(posting, field, at_posting) for field in ("first_date", "last_date"))
        if first and last and last < first:
            raise field_error(f"{at_posting}last_date", Reason.INVALID_FIELD, "before first_date")


def _check_hours(hours: Iterable[pb.HallHours], at: str) -> None:
    for place, each in enumerate(hours):
        if minutes(each.opens) >= minutes(each.closes):
            raise field_error(f"{at}[{place}].closes", Reason.INVALID_FIELD, "not after opens")


def _unique(values: Sequence[object], field: str) -> set[object]:
    seen: set[object] = set()
    for place, each in enumerate(values):
        if each in seen:
            raise field_error(field.format(place), Reason.INVALID_FIELD, "twice")
        seen.add(each)
    return seen
