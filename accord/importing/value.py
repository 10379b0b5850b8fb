"""Cells → the text, number or point that a rule of the mapping asks for, compiled once for a file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import NamedTuple

from accord.importing.mapping import PLACEHOLDER, Point, Quantity, Value
from accord.importing.rejection import RowReason, RowRefused
from accord.importing.source import Cell

DEFAULTED = "DEFAULTED"
NOT_LOCATED = "NOT_LOCATED"

_SPACES = re.compile(r"\s+")
_DECORATION = re.compile(r"[\s,_,¥¥$€£元]")
_TRANSFORMS: Mapping[str, Callable[[str], str]] = {
    "strip": str.strip,
    "squeeze": lambda text: _SPACES.sub(" ", text).strip(),
    "lower": str.lower,
}


class Note(NamedTuple):
    """Something odd in a row that is taken all the same: what, in which field, and the value."""

    kind: str
    field: str
    detail: str


Notes = list[Note]
Cells = list[Cell]
Reader = Callable[[Cells, Notes], str | bool | None]


class Columns(NamedTuple):
    """Where each column stands in a row, and which cells count as absent."""

    at: Mapping[str, int]
    blank: frozenset[str]

    def text(self, column: str) -> Callable[[Cells], str | None]:
        """Return a function that gives the cell's text, or None where it is blank."""
        place, blank = self.at[column], self.blank

        def read(cells: Cells) -> str | None:
            cell = cells[place]
            if isinstance(cell, str):
                return None if cell in blank else cell
            return cell.isoformat(sep=" ")

        return read

    def cell(self, column: str) -> Callable[[Cells], Cell | None]:
        """Return a function that gives the cell as it is, or None where it is blank."""
        place, blank = self.at[column], self.blank

        def read(cells: Cells) -> Cell | None:
            cell = cells[place]
            return None if isinstance(cell, str) and cell in blank else cell

        return read


class Unmapped(RowRefused):
    """A value that is not in the map of its rule, and there is no default."""

    def __init__(self, value: str, columns: str) -> None:
        super().__init__(RowReason.UNMAPPED_VALUE, f"{value!r} ({columns}) is not in the map")
        self.value = value


def value_reader(rule: Value, columns: Columns, field: str) -> Reader:
    """Return a function that gives the field's value of a row; None where there is none. It raises Unmapped."""
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
                # The first column is the one a person would add the missing value for.
                refused = refused or error
                continue
            if value is not None:
                return value
        if refused:
            raise refused
        return None

    return read


def _composer(template: list[str], separator: str, columns: Columns) -> Callable[[Cells], str | None]:
    """Parts with a blank column are left out, and so is a part that says what an earlier one said."""
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


def number_reader(rule: Quantity, columns: Columns) -> Callable[[Cells], Decimal | None]:
    """Return a function that gives the number of a row, times the factor; None where it is blank."""
    read = columns.text(rule.column)
    factor = Decimal(str(rule.factor))

    def number(cells: Cells) -> Decimal | None:
        text = read(cells)
        if text is None:
            return None
        value = _decimal(text, rule.column)
        if value < 0:
            raise RowRefused(RowReason.INVALID_NUMBER, f"{text!r} ({rule.column}) is below zero")
        return value * factor

    return number


def _decimal(text: str, column: str) -> Decimal:
    try:
        value = Decimal(_DECORATION.sub("", text))
    except InvalidOperation:
        value = Decimal("NaN")
    # A number of thousands of digits is an attack or an accident, and slow to multiply.
    if not value.is_finite() or len(text) > 40 or value.adjusted() > 15:
        raise RowRefused(RowReason.INVALID_NUMBER, f"{text[:40]!r} ({column}) is not a number that can be meant")
    return value


def fen(amount: Decimal) -> int:
    """Return an amount in yuan as whole fen (1/100 CNY), halves up."""
    return int((amount * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def point_reader(rule: Point, columns: Columns) -> Callable[[Cells, Notes], tuple[float, float] | None]:
    """Return a function that gives latitude and longitude; None where the row does not say or says a stand-in."""
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
