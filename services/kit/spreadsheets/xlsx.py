"""Reads a sheet of an XLSX workbook, row by row, as the person saw it.

Only what decides what is seen is read: the cells, their number formats, which rows and columns are hidden, which cells
are merged. What a program writes of its size, colours, fonts and fills does not matter, so it may be wrong.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import IO, TYPE_CHECKING

from services.kit.spreadsheets.cells import Cell, Number, Row, TableError, Unreadable
from services.kit.spreadsheets.number_format import EAST_ASIAN_DATES, shown

if TYPE_CHECKING:
    from lxml.etree import _Element

_LARGEST = {"sheet": 1 << 30, "text": 1 << 28, "rest": 1 << 24}
"""Bytes that a part of a workbook may unfold to: what is larger was packed to do harm."""
_MOST_ROWS, _MOST_COLUMNS, _LONGEST_CELL = 1 << 20, 1 << 14, 1 << 20
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\s[^>]*?ref=[\"']([A-Z]+)(\d+):([A-Z]+)(\d+)[\"']")
_PLACE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_DATE_1900, _DATE_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LAST_DAY = 2_958_466
_MILLISECONDS = 86_400_000


@dataclass
class _Book:
    """What the cells of a sheet are read by."""

    since: datetime = _DATE_1900
    strings: list[str] = field(default_factory=list)
    forms: list[tuple[str, str]] = field(default_factory=list)
    """Of each style: "date", "span" or "number", and the format."""


def xlsx_rows(file: IO[bytes], sheet: str = "", hidden: bool = False) -> Iterator[Row]:
    """Iterate over the rows of a sheet, the first visible one where none is named; blank rows in between are left out.

    Hidden rows are refused and hidden columns unreadable unless `hidden` says to read them. Raises TableError.
    """
    from lxml import etree

    _look_at_head(file)
    try:
        with zipfile.ZipFile(file) as archive:
            part, book = _opened(archive, sheet)
            reader = _SheetReader(book, hidden, _merged(archive, part))
            with _part(archive, part, "sheet") as content:
                yield from reader.rows(content)
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise TableError(f"is not an XLSX workbook: {error}") from error
    except etree.XMLSyntaxError as error:
        raise TableError(f"is no workbook that can be read to its end: {error.msg}") from error


def _look_at_head(file: IO[bytes]) -> None:
    """Raise TableError for what is no ZIP, naming what it is."""
    head = file.read(512)
    file.seek(0)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise TableError("is an .xls of Excel 97-2003, or locked by a password; save it as .xlsx without one")
    if not head.startswith(b"PK"):
        kind = "a web page" if b"<html" in head.lower() or b"<table" in head.lower() else "something else"
        raise TableError(f"is not an XLSX workbook but {kind}; save it as .xlsx")


def _part(archive: zipfile.ZipFile, name: str, kind: str) -> IO[bytes]:
    entry = archive.getinfo(name)
    if entry.file_size > _LARGEST[kind]:
        raise TableError(f"{name} unfolds to {entry.file_size:,} bytes; {_LARGEST[kind]:,} are read at most")
    return archive.open(entry)


def _elements(content: IO[bytes], *tags: str) -> Iterator[_Element]:
    """Iterate over the elements with these names, each whole; document types, which could unfold, are refused."""
    from lxml import etree

    found = etree.iterparse(content, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False)
    first = True
    for event, element in found:
        if first:
            if element.getroottree().docinfo.doctype:
                raise TableError("holds an XML document type, which no workbook has")
            first = False
        if event == "end" and _name(element) in tags:
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _name(element: _Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def _relations(archive: zipfile.ZipFile, name: str) -> dict[str, tuple[str, str]]:
    """Return the targets a part points at, by id, each with its kind."""
    folder, file = posixpath.split(name)
    found: dict[str, tuple[str, str]] = {}
    with _part(archive, posixpath.join(folder, "_rels", f"{file}.rels"), "rest") as content:
        for each in _elements(content, "Relationship"):
            target = str(each.get("Target", ""))
            path = target[1:] if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            found[str(each.get("Id"))] = (str(each.get("Type", "")).rpartition("/")[2], path)
    return found


def _opened(archive: zipfile.ZipFile, sheet: str) -> tuple[str, _Book]:
    """Return the name of the sheet's part and what its cells are read by."""
    workbook = next((path for kind, path in _relations(archive, "").values() if kind == "officeDocument"), "")
    if not workbook.endswith(".xml"):
        raise TableError("is not an XLSX workbook; save it as .xlsx")
    related, book = _relations(archive, workbook), _Book()
    sheets: dict[str, tuple[str, bool]] = {}
    with _part(archive, workbook, "rest") as content:
        for element in _elements(content, "workbookPr", "sheet"):
            if _name(element) == "workbookPr":
                book.since = _DATE_1904 if element.get("date1904") in ("1", "true") else _DATE_1900
                continue
            key = next((value for name, value in element.attrib.items() if name.endswith("}id")), "")
            sheets[str(element.get("name"))] = (str(key), element.get("state", "visible") == "visible")
    chosen = sheet or next((name for name, (_, visible) in sheets.items() if visible), "")
    if chosen not in sheets:
        raise TableError(f"has no sheet {sheet!r}; it has {', '.join(sheets)}" if sheet else "has no visible sheet")
    for kind, path in related.values():
        if kind == "sharedStrings":
            book.strings = _strings(archive, path)
        elif kind == "styles":
            book.forms = _forms(archive, path)
    return related[sheets[chosen][0]][1], book


def _strings(archive: zipfile.ZipFile, name: str) -> list[str]:
    with _part(archive, name, "text") as content:
        return [_text(element) for element in _elements(content, "si")]


def _text(element: _Element) -> str:
    """Return the text of a string, its runs put together; readings that stand above characters are none of it."""
    runs = (
        each.text or "" for each in element.iter("{*}t") if _name(each.getparent()) != "rPh"
    )  # fmt: skip
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), "".join(runs))


def _forms(archive: zipfile.ZipFile, name: str) -> list[tuple[str, str]]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    named: dict[int, str] = {}
    forms: list[tuple[str, str]] = []
    with _part(archive, name, "rest") as content:
        for element in _elements(content, "numFmt", "cellXfs"):
            if _name(element) == "numFmt":
                if (number := str(element.get("numFmtId", ""))).isdigit():
                    named[int(number)] = str(element.get("formatCode", "General"))
                continue
            for style in element.iterchildren("{*}xf"):
                which = int(style.get("numFmtId", "0"))
                known = named.get(which, BUILTIN_FORMATS.get(which))
                forms.append(_kind(known) if known is not None or which not in EAST_ASIAN_DATES else ("date", ""))
    return forms


def _kind(form: str | None) -> tuple[str, str]:
    from openpyxl.styles.numbers import is_date_format, is_timedelta_format

    if not form or form == "General":
        return "number", "General"
    if is_timedelta_format(form):
        return "span", form
    return ("date" if is_date_format(form) else "number"), form


Area = tuple[int, int, int, int]
"""First column and row, last column and row."""


def _merged(archive: zipfile.ZipFile, name: str) -> list[Area]:
    """Return the merged areas. They stand behind the rows, so they are looked for before, in the bytes alone."""
    found: list[Area] = []
    with _part(archive, name, "sheet") as content:
        tail = b""
        while chunk := content.read(1 << 20):
            held = tail + chunk
            end = held.rfind(b">") + 1
            for match in _MERGED.finditer(held, 0, end):
                found.append((_column(match[1].decode()), int(match[2]), _column(match[3].decode()), int(match[4])))
            tail = held[end:][-4096:]
    return sorted(found, key=lambda area: area[1])


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


class _SheetReader:
    """Turns the rows of one sheet into cells."""

    def __init__(self, book: _Book, hidden: bool, merged: list[Area]) -> None:
        self._book = book
        self._hidden = hidden
        self._coming = merged
        self._merged: list[Area] = []
        self._hidden_columns: list[tuple[int, int]] = []
        self._rows_hidden = False

    def rows(self, content: IO[bytes]) -> Iterator[Row]:
        """Iterate over the rows that have cells."""
        from lxml import etree

        number = 0
        try:
            for element in _elements(content, "cols", "sheetFormatPr", "row"):
                number = self._row_of(element, number)
                if _name(element) == "row" and (cells := self._cells(element, number)):
                    yield Row(number, cells, self._fault(element))
        except etree.XMLSyntaxError as error:
            raise TableError(f"cannot be read after row {number}: {error.msg}") from error

    def _row_of(self, element: _Element, before: int) -> int:
        """Take in what an element says of all rows; return the number of the row it is, or of the one before it."""
        match _name(element):
            case "cols":
                self._hidden_columns = [
                    (int(each.get("min", "1")), int(each.get("max", "1")))
                    for each in element
                    if _said(each, "hidden") or each.get("width") in ("0", "0.0")
                ]
                return before
            case "sheetFormatPr":
                self._rows_hidden = _said(element, "zeroHeight")
                return before
        return self._number(element, before)

    def _number(self, element: _Element, before: int) -> int:
        number = int(element.get("r", before + 1))
        if not before < number <= _MOST_ROWS:
            raise TableError(f"row {number} stands behind row {before}")
        return number

    def _fault(self, element: _Element) -> str:
        seen = self._hidden or not (
            _said(element, "hidden")
            or element.get("ht") in ("0", "0.0")
            or (self._rows_hidden and element.get("hidden") is None)
        )
        return "" if seen else "is hidden in the sheet; show it, or set file.hidden to read"

    def _cells(self, row: _Element, number: int) -> list[Cell]:
        cells: list[Cell] = []
        place = 0
        for element in row.iterchildren("{*}c"):
            place = self._place(element, number, place)
            cell = self._cell(element)
            if cell != "":
                cells += [""] * (place - len(cells))
                cells[place - 1] = cell
        self._cover(cells, number)
        if not self._hidden:
            for first, last in self._hidden_columns:
                for at in range(first - 1, min(last, len(cells))):
                    if cells[at] != "":
                        cells[at] = Unreadable("the column is hidden; show it, or set file.hidden to read")
        return cells

    def _place(self, element: _Element, number: int, before: int) -> int:
        if (reference := element.get("r")) is None:
            return before + 1
        match = _PLACE.fullmatch(reference)
        place = _column(match[1]) if match else 0
        if not match or int(match[2]) != number or not before < place <= _MOST_COLUMNS:
            raise TableError(f"row {number} has a cell at {reference[:20]!r}")
        return place

    def _cover(self, cells: list[Cell], number: int) -> None:
        """Make the cells that a merged one lies over unreadable: the person saw its value there, the file has none."""
        while self._coming and self._coming[0][1] <= number:
            self._merged.append(self._coming.pop(0))
        self._merged = [area for area in self._merged if area[3] >= number]
        if not any(cell != "" for cell in cells):
            return
        for left, top, right, bottom in self._merged:
            for place in range(left, min(right, _MOST_COLUMNS) + 1):
                if (place, number) != (left, top):
                    cells += [""] * (place - len(cells))
                    cells[place - 1] = Unreadable(f"lies under the cells merged in rows {top} to {bottom}; part them")

    def _cell(self, element: _Element) -> Cell:
        kind = element.get("t", "n")
        if kind == "inlineStr":
            return _short("".join(_text(each) for each in element.iterchildren("{*}is")))
        formula, value = element.find("{*}f"), element.find("{*}v")
        if value is None:
            return Unreadable("a formula without a result; open the file, and save it") if formula is not None else ""
        text = value.text or ""
        match kind:
            case "s":
                index = int(text) if text.isdigit() else -1
                known = 0 <= index < len(self._book.strings)
                return _short(self._book.strings[index]) if known else Unreadable("names a text that is not there")
            case "str":
                return _short(_ESCAPED.sub(lambda match: chr(int(match[1], 16)), text))
            case "b":
                return "true" if text == "1" else "false"
            case "e":
                return Unreadable(f"shows the error {text}")
            case "d":
                return _iso(text)
        return self._number_cell(text, element.get("s", "0")) if text else ""

    def _number_cell(self, text: str, style: str) -> Cell:
        try:
            value = Decimal(text)
        except InvalidOperation:
            return Unreadable(f"{text[:40]!r} is no number")
        forms = self._book.forms
        kind, form = forms[int(style)] if style.isdigit() and int(style) < len(forms) else ("number", "General")
        if kind == "date":
            return self._moment(value)
        if kind == "span":
            return Unreadable("shows a span of time; write it as text")
        if not value.is_finite() or abs(value) >= 10**15:
            return Unreadable("a number of more than 15 digits, which spreadsheets round; write it as text")
        seen = shown(value, form)
        if seen is None:
            return Unreadable(f"its format {form[:40]!r} does not show the number; choose another")
        return Number(*seen)

    def _moment(self, value: Decimal) -> Cell:
        if not value.is_finite() or not 0 <= value < _LAST_DAY:
            return Unreadable("is no date")
        since = self._book.since
        if since == _DATE_1900:
            if value < 1:
                return Unreadable("is a time without a date")
            if 60 <= value < 61:
                return Unreadable("is 29 February 1900, which never was")
            since += timedelta(days=1 if value < 60 else 0)
        return since + timedelta(milliseconds=int((value * _MILLISECONDS).to_integral_value()))


def _said(element: _Element, name: str) -> bool:
    return element.get(name) in ("1", "true")


def _short(text: str) -> Cell:
    return text if len(text) <= _LONGEST_CELL else Unreadable(f"has more than {_LONGEST_CELL:,} characters")


def _iso(text: str) -> Cell:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Unreadable(f"{text[:40]!r} is no date")
    return moment
