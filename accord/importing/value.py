"""Cells → the text, number or point that a rule of the mapping asks for, compiled once for a file."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from accord.importing.mapping import PLACEHOLDER, Point, Quantity, Value
from accord.importing.rejection import RowReason, RowRefused
from services.kit.spreadsheets import Cell, Number, Unreadable

DEFAULTED = "DEFAULTED"
NOT_LOCATED = "NOT_LOCATED"

_SPACES = re.compile(r"\s+")
_DECORATION = re.compile(r"[\s_¥¥$€£元'’]|CNY|RMB", re.IGNORECASE)
_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_ROUNDED = re.compile(r"\s*[+-]?[0-9]([.,][0-9]+)?[eE]\+[0-9]{2,3}\s*")
"""How spreadsheets write a number that is too long for its cell: most of its digits are lost."""
_TRANSFORMS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "squeeze": lambda text: _SPACES.sub(" ", text).strip(),
    "lower": str.lower,
}


class Note(NamedTuple):
    """Something unusual in a row that is accepted anyway: what, in which field, and the value."""

    kind: str
    field: str
    detail: str


Notes = list[Note]
Cells = list[Cell]
Reader = Callable[[Cells, Notes], str | bool | None]


class Columns(NamedTuple):
    """The position of each column in a row, and which cells count as absent."""

    at: Mapping[str, int]
    blank: frozenset[str]

    def text(self, column: str) -> Callable[[Cells], str | None]:
        """Return a function that gives the cell's text, or None if it is blank."""
        place, blank = self.at[column], self.blank

        def read(cells: Cells) -> str | None:
            cell = cells[place]
            if isinstance(cell, str):
                if _ROUNDED.fullmatch(cell) and not isinstance(cell, Number):
                    raise _unreadable(column, f"{cell} was rounded by a spreadsheet; write the number in full")
                return None if cell in blank else cell
            if isinstance(cell, Unreadable):
                raise _unreadable(column, cell.why)
            return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")

        return read

    def key(self, column: str) -> Callable[[Cells], str | None]:
        """Return a function that gives the cell's text as the id of a row; a date is refused."""
        place, read = self.at[column], self.text(column)

        def key(cells: Cells) -> str | None:
            if isinstance(cells[place], datetime):
                raise _unreadable(column, "is a date by its type; write it as text")
            return read(cells)

        return key

    def cell(self, column: str) -> Callable[[Cells], str | datetime | None]:
        """Return a function that gives the cell as it is, or None if it is blank."""
        place, blank = self.at[column], self.blank

        def read(cells: Cells) -> str | datetime | None:
            cell = cells[place]
            if isinstance(cell, Unreadable):
                raise _unreadable(column, cell.why)
            return None if isinstance(cell, str) and cell in blank else cell

        return read


def _unreadable(column: str, why: str) -> RowRefused:
    return RowRefused(RowReason.UNREADABLE_CELL, f"column {column}: {why}")


class Unmapped(RowRefused):
    """A value that is not in its rule's map, without a default."""

    def __init__(self, value: str, columns: str) -> None:
        super().__init__(RowReason.UNMAPPED_VALUE, f"{value!r} ({columns}) is not in the map")
        self.value = value


def value_reader(rule: Value, columns: Columns, field: str) -> Reader:
    """Return a function that gives the field's value of a row; None if there is none. It raises Unmapped."""
    origin = _origin(rule, columns, field)
    transforms = [_TRANSFORMS[name] for name in rule.transforms]
    table, otherwise, default = rule.map, rule.otherwise, rule.default
    named = "/".join(dict.fromkeys(rule.columns()))

    def read(cells: Cells, notes: Notes) -> str | bool | None:
        try:
            value = origin(cells, notes)
            if isinstance(value, str):
                for transform in transforms:
                    value = transform(value)
                if table is not None and value:
                    found = table.get(value, otherwise)
                    if found is None:
                        raise Unmapped(value, named)
                    value = found
        except Unmapped as refused:
            if default is None:
                raise
            notes.append(Note(DEFAULTED, field, refused.value))
            return default
        return default if value is None or value == "" else value

    return read


def _origin(rule: Value, columns: Columns, field: str) -> Reader:
    if rule.constant is not None:
        constant = rule.constant
        return lambda cells, notes: constant
    if rule.column is not None:
        read = columns.text(rule.column)
        return lambda cells, notes: read(cells)
    if rule.template is not None:
        compose = _composer(rule.template, rule.separator, columns)
        return lambda cells, notes: compose(cells)
    return _alternatives([value_reader(inner, columns, field) for inner in rule.first or ()])


def _alternatives(readers: list[Reader]) -> Reader:
    def read(cells: Cells, notes: Notes) -> str | bool | None:
        refused: Unmapped | None = None
        for reader in readers:
            try:
                value = reader(cells, notes)
            except Unmapped as error:
                # The missing value is reported for the first column.
                refused = refused or error
                continue
            if value is not None:
                return value
        if refused:
            raise refused
        return None

    return read


def _composer(template: list[str], separator: str, columns: Columns) -> Callable[[Cells], str | None]:
    """Parts with a blank column are left out, and so are repeated parts."""
    parts = [
        (PLACEHOLDER.sub("%s", part.replace("%", "%%")), [columns.text(name) for name in PLACEHOLDER.findall(part)])
        for part in template
    ]

    def compose(cells: Cells) -> str | None:
        said: dict[str, str] = {}
        for pattern, readers in parts:
            values = [read(cells) for read in readers]
            if None not in values:
                text = (pattern % tuple(values)).strip()
                said.setdefault(text.casefold(), text)
        said.pop("", None)
        return separator.join(said.values()) or None

    return compose


def number_reader(rule: Quantity, columns: Columns, decimal: str | None) -> Callable[[Cells], Decimal | None]:
    """Return a function that gives the number of a row, times the factor; None if it is blank.

    `decimal`: the decimal sign if neither the rule nor the cell shows which it is.
    """
    read = columns.text(rule.column)
    factor, point = Decimal(str(rule.factor)), rule.decimal or decimal

    def number(cells: Cells) -> Decimal | None:
        text = read(cells)
        if text is None:
            return None
        value = _decimal(text, rule.column, point)
        if value < 0:
            raise RowRefused(RowReason.INVALID_NUMBER, f"{text!r} ({rule.column}) is below zero")
        return value * factor

    return number


def _decimal(text: str, column: str, point: str | None) -> Decimal:
    # A number of thousands of digits is an attack or an accident, and slow to multiply.
    value = Decimal("NaN")
    if isinstance(text, Number):
        # A percentage is not a number of what the field counts.
        value = Decimal("NaN") if "%" in text else text.value
    elif len(text) <= 40:
        plain = _without_groups(_DECORATION.sub("", unicodedata.normalize("NFKC", text)), point)
        if plain is None:
            why = f"{text!r} ({column}) is ambiguous: name the decimal sign, as in decimal: '.'"
            raise RowRefused(RowReason.AMBIGUOUS_NUMBER, why)
        if _PLAIN.fullmatch(plain):
            value = Decimal(plain)
    if not value.is_finite() or value.adjusted() > 15:
        raise RowRefused(RowReason.INVALID_NUMBER, f"{text[:40]!r} ({column}) is not a plausible number")
    return value


def _without_groups(text: str, point: str | None) -> str | None:
    """Return a number with a decimal point and no groups; None if the signs are ambiguous.

    If the decimal sign is not configured, the number itself must show it: by both signs, by repeated groups, by a part
    that is not a group of three. One sign before exactly three digits (1,234) is ambiguous.
    """
    if not re.search("[.,]", text):
        return text
    sign = "" if text[:1] not in "+-" else text[0]
    body = text.removeprefix(sign)
    readings = {plain for each in ([point] if point else [".", ","]) if (plain := _read_with(body, each)) is not None}
    return sign + readings.pop() if len(readings) == 1 else None


def _read_with(text: str, point: str) -> str | None:
    whole, sign, fraction = text.partition(point)
    group = "." if point == "," else ","
    if not (fraction.isdigit() if sign else True):
        return None
    if group in whole and not re.fullmatch(rf"[1-9][0-9]{{0,2}}({re.escape(group)}[0-9]{{3}})+", whole):
        return None
    digits = whole.replace(group, "")
    return f"{digits or '0'}{'.' + fraction if sign else ''}" if digits.isdigit() or (not digits and sign) else None


def fen(amount: Decimal) -> int:
    """Return an amount in yuan as whole fen (1/100 CNY), halves up."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def point_reader(rule: Point, columns: Columns) -> Callable[[Cells, Notes], tuple[float, float] | None]:
    """Return a function that gives latitude and longitude; None if the row has none or a placeholder."""
    latitude, longitude = columns.text(rule.latitude), columns.text(rule.longitude)
    not_located = {(point[0], point[1]) for point in rule.not_located}

    def read(cells: Cells, notes: Notes) -> tuple[float, float] | None:
        north, east = latitude(cells), longitude(cells)
        if north is None or east is None:
            return None
        try:
            point = float(north), float(east)
        except ValueError:
            raise RowRefused(RowReason.INVALID_NUMBER, f"{north!r}, {east!r} is not a point") from None
        if not (-90 <= point[0] <= 90 and -180 <= point[1] <= 180):
            raise RowRefused(RowReason.INVALID_NUMBER, f"{north}, {east} is not on the globe")
        if point in not_located:
            notes.append(Note(NOT_LOCATED, "place.location", f"{north}, {east}"))
            return None
        return point

    return read
