"""The mapping file: which columns of a foreign file become which fields of a report. Checked before any row is read.

The shipped ones are in `rules/imports/`, and explain the format by example; `docs/import.md` lists it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from services.kit.rules.models import Entry
from services.kit.spreadsheets.delimited import encoding_named

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")

Transform = Literal["strip", "squeeze", "lower"]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {name!r}; use a name like Asia/Shanghai") from None
    return name


class Value(Entry):
    """Where the text of a field comes from: exactly one of `column`, `template`, `constant` and `first`.

    Order: blank cells count as absent, then `transforms` from left to right, then `map`. A value not in the map becomes
    `otherwise`, a deliberate choice; else `default`, a stopgap that the preview counts; else the row is refused.
    `default` also replaces absent values.
    """

    column: Name | None = None
    template: Annotated[list[Name], Field(min_length=1)] | None = None
    separator: str = " · "
    constant: str | None = None
    first: Annotated[list[Value], Field(min_length=1)] | None = None
    transforms: list[Transform] = []
    map: dict[str, str | bool] | None = None
    otherwise: str | bool | None = None
    default: str | bool | None = None
    required: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> Value:
        given = [name for name in ("column", "template", "constant", "first") if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"must have exactly one of column, template, constant and first; it has {found}")
        if self.otherwise is not None and self.map is None:
            raise ValueError("has `otherwise` without a map")
        return self

    def columns(self) -> list[str]:
        """Return the columns it reads."""
        named = [self.column] if self.column else []
        named += [name for part in self.template or () for name in PLACEHOLDER.findall(part)]
        return named + [name for inner in self.first or () for name in inner.columns()]


class Quantity(Entry):
    """A number from a column. Currency signs are dropped; `factor` 10000 reads 万元 as yuan.

    decimal: the sign before the fraction; the other one then groups thousands. Not named, a number that could be read
    both ways (1,234 or 1.234) is refused.
    """

    column: Name
    factor: Annotated[float, Field(gt=0)] = 1
    decimal: Literal[".", ","] | None = None
    required: bool = False


class Moment(Entry):
    """A point in time from a column; `formats` instead of those of the whole mapping."""

    column: Name
    formats: Annotated[list[Name], Field(min_length=1)] | None = None
    required: bool = False


class Point(Entry):
    """A point on the map from two columns, in degrees (WGS84). `not_located`: points that stand for no place."""

    latitude: Name
    longitude: Name
    not_located: list[Annotated[list[float], Field(min_length=2, max_length=2)]] = []


Rule = Value | Quantity | Moment | Point


class Times(Entry):
    """How times are written. `iso` is ISO 8601; all other formats are those of strptime.

    zone: of times without an offset. time_of_day: what a date alone means. fold: which of the two moments a local time
    means that the clocks of autumn show twice; a local time that spring skips moves by the same rule: `first` reads it
    with the offset before the change (02:30 is 03:30 summer time), `second` with the one after it (01:30).
    """

    zone: Annotated[str, AfterValidator(_known_zone)]
    formats: Annotated[list[Name], Field(min_length=1)] = ["iso"]
    time_of_day: Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = "00:00"
    fold: Literal["first", "second"] = "first"


def _known_encoding(name: str) -> str:
    return encoding_named(name)


class Layout(Entry):
    """How the file is written. decimal: see Quantity; hidden: read what is hidden in a sheet, or refuse it."""

    encoding: Annotated[str, AfterValidator(_known_encoding)] = "utf-8"
    decimal: Literal[".", ","] | None = None
    hidden: Literal["refuse", "read"] = "refuse"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    sheet: str = ""


class Fields(Entry):
    """The fields of a report that a file can fill. `text`, `channel`, `unit` and `category` every report must have."""

    channel: Value
    unit: Value
    category: Value
    text: Value
    area: Annotated[Value | None, Field(alias="place.area")] = None
    address: Annotated[Value | None, Field(alias="place.address")] = None
    location: Annotated[Point | None, Field(alias="place.location")] = None
    people_affected: Quantity | None = None
    amount: Quantity | None = None
    scope: Value | None = None
    urgency: Value | None = None
    danger: Value | None = None
    receive_time: Moment | None = None
    due_time: Annotated[Moment | None, Field(alias="history.due_time")] = None
    close_time: Annotated[Moment | None, Field(alias="history.close_time")] = None

    def each(self) -> Iterator[tuple[str, Rule]]:
        """Iterate over the fields that are mapped, each with its path in the report."""
        for name, info in type(self).model_fields.items():
            if (rule := getattr(self, name)) is not None:
                yield info.alias or name, rule


def _moment_or_day(value: object) -> object:
    if not isinstance(value, str):
        return value
    return date.fromisoformat(value) if len(value) <= 10 else datetime.fromisoformat(value)


class StatedOverdue(Entry):
    """A column in which the source itself states whether a row was overdue; blank means not stated.

    as_of: when the source stated it, as a local time or a date (its end); by default now.
    """

    column: Name
    map: dict[str, bool]
    as_of: Annotated[datetime | date | None, BeforeValidator(_moment_or_day)] = None


class Checks(Entry):
    """What the source states and Accord also computes. Compared, never imported."""

    overdue: StatedOverdue | None = None


class ImportMapping(Entry):
    """A whole mapping file."""

    source: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    id: Name
    file: Layout = Layout()
    blank: list[str] = ["", " "]
    time: Times
    history: bool | None = None
    fields: Fields
    check: Checks = Checks()

    def as_of(self, now: datetime) -> datetime:
        """Return the instant for which the source states what is overdue: its own, else `now`."""
        said = self.check.overdue.as_of if self.check.overdue else None
        if said is None:
            return now
        if not isinstance(said, datetime):
            said = datetime.combine(said + timedelta(days=1), time())
        return (said if said.tzinfo else said.replace(tzinfo=ZoneInfo(self.time.zone))).astimezone(UTC)

    @property
    def is_history(self) -> bool:
        """Whether the rows were handled elsewhere, so that no acceptance clock of ours starts for them."""
        mapped = self.fields.due_time is not None or self.fields.close_time is not None
        return mapped if self.history is None else self.history

    def columns(self) -> dict[str, list[str]]:
        """Return the columns it reads, each with the places of the mapping that name it."""
        uses: dict[str, list[str]] = {self.id: ["id"]}
        for path, rule in self.fields.each():
            if isinstance(rule, Value):
                named = rule.columns()
            elif isinstance(rule, Point):
                named = [rule.latitude, rule.longitude]
            else:
                named = [rule.column]
            for column in named:
                uses.setdefault(column, []).append(path)
        if self.check.overdue:
            uses.setdefault(self.check.overdue.column, []).append("check.overdue")
        return uses
