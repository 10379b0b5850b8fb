"""The file that is imported: CSV, JSON lines or XLSX, each also as .gz, read row by row.

Row numbers are those a person sees: in CSV and XLSX the heading is row 1 (blank rows count), in JSON lines the line.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

Cell = str | datetime

_LONGEST_CELL = 1 << 20
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile)


class SourceError(ValueError):
    """A file that cannot be read at all, or not to its end."""


class SourceRow(NamedTuple):
    """One row: the cells in the order of the columns, or the fault that makes them unreadable."""

    number: int
    cells: list[Cell]
    fault: str = ""


class Source:
    """A file of rows. `columns` are its headings; `digest` is the SHA-256 of the file as it lies there."""

    def __init__(self, path: Path, encoding: str = "utf-8", delimiter: str = ",", sheet: str = "") -> None:
        self.path = path
        self._encoding = "utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding
        self._delimiter = delimiter
        self._sheet = sheet
        name = path.name.lower()
        self._packed = name.endswith(".gz")
        self.kind = _kind(name.removesuffix(".gz"), path)
        try:
            with path.open("rb") as file:
                self.digest = hashlib.file_digest(file, "sha256").hexdigest()
            self.columns = self._columns()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from error
        except _DAMAGED as error:
            raise SourceError(_damage(path, error)) from error
        if not self.columns:
            raise SourceError(f"{path}: has no heading and no rows")

    def rows(self) -> Iterator[SourceRow]:
        """Iterate over the rows; blank ones are left out. Raises SourceError where the file breaks off."""
        readers = {"csv": self._csv_rows, "jsonl": self._json_rows, "xlsx": self._sheet_rows}
        try:
            yield from readers[self.kind]()
        except _DAMAGED as error:
            raise SourceError(_damage(self.path, error)) from error

    def _columns(self) -> list[str]:
        if self.kind == "jsonl":
            return self._json_columns()
        with self._open() as file:
            for _, cells in self._sheet_table(file) if self.kind == "xlsx" else self._csv_table(file):
                if any(cells):
                    heading = [str(cell).strip() for cell in cells]
                    while heading and not heading[-1]:
                        heading.pop()
                    return heading
        return []

    def _open(self) -> IO[bytes]:
        if self._packed:
            return cast(IO[bytes], gzip.open(self.path, "rb"))
        return self.path.open("rb")

    # CSV

    def _csv_table(self, file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
        """Number and cells of every record. A quotation that does not end costs at most a cell's longest length."""
        csv.field_size_limit(_LONGEST_CELL)
        text = io.TextIOWrapper(file, encoding=self._encoding, errors="surrogateescape", newline="")
        reader = csv.reader(text, delimiter=self._delimiter)
        number = 0
        while True:
            number += 1
            begin = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # An empty list is a blank line, so a broken record travels as one odd cell; see _csv_rows.
                cells = [f"\0lines {begin} to {reader.line_num}: {error}"]
            yield number, cells

    def _csv_rows(self) -> Iterator[SourceRow]:
        width = len(self.columns)
        with self._open() as file:
            headed = False
            for number, cells in self._csv_table(file):
                whole = "".join(cells)
                if not headed or not whole.strip():
                    headed = headed or bool(whole)
                    continue
                fault = _text_fault(whole, self._encoding)
                while len(cells) > width and not cells[-1]:
                    cells.pop()
                if not fault and len(cells) != width:
                    fault = f"has {len(cells)} cells where the heading has {width}"
                yield SourceRow(number, list(cells), fault)

    # JSON lines

    def _json_lines(self) -> Iterator[tuple[int, dict[str, str], str]]:
        with self._open() as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    yield number, _flat(_json(line)), ""
                except (ValueError, RecursionError) as error:
                    yield number, {}, f"is not a JSON object: {error}"

    def _json_columns(self) -> list[str]:
        # A key may be absent from any one object, so only the whole file tells the columns.
        columns: dict[str, None] = {}
        for _, cells, _ in self._json_lines():
            columns.update(dict.fromkeys(cells))
        return list(columns)

    def _json_rows(self) -> Iterator[SourceRow]:
        for number, cells, fault in self._json_lines():
            row: list[Cell] = [cells.get(column, "") for column in self.columns]
            yield SourceRow(number, row, fault or _text_fault("".join(cells.values()), "utf-8"))

    # XLSX

    def _sheet_table(self, file: IO[bytes]) -> Iterator[tuple[int, list[Cell]]]:
        import openpyxl

        # A zip is read from its end; a .gz cannot seek there cheaply.
        content = io.BytesIO(file.read()) if self._packed else file
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # styles and extensions openpyxl does not know; values are not touched
            try:
                book = openpyxl.load_workbook(content, read_only=True, data_only=True)
            except (KeyError, ValueError, zipfile.BadZipFile) as error:
                raise SourceError(f"{self.path}: is not an XLSX workbook: {error}") from error
            try:
                for number, values in enumerate(self._worksheet(book).iter_rows(values_only=True), start=1):
                    yield number, [_cell(value) for value in values]
            finally:
                book.close()

    def _worksheet(self, book: Any) -> Any:
        if not self._sheet:
            return book.worksheets[0]
        if self._sheet not in book.sheetnames:
            raise SourceError(f"{self.path}: has no sheet {self._sheet!r}; it has {', '.join(book.sheetnames)}")
        return book[self._sheet]

    def _sheet_rows(self) -> Iterator[SourceRow]:
        width = len(self.columns)
        with self._open() as file:
            headed = False
            for number, cells in self._sheet_table(file):
                if not headed or not any(cells):
                    headed = headed or any(cells)
                    continue
                fault = "has cells beyond the heading" if any(cells[width:]) else ""
                fault = fault or _text_fault("".join(cell for cell in cells if isinstance(cell, str)), "utf-8")
                yield SourceRow(number, (cells + [""] * width)[:width], fault)


def _kind(name: str, path: Path) -> str:
    for ending, kind in ((".csv", "csv"), (".jsonl", "jsonl"), (".ndjson", "jsonl"), (".xlsx", "xlsx")):
        if name.endswith(ending):
            return kind
    raise SourceError(f"{path}: must end in .csv, .jsonl, .ndjson or .xlsx, each also with .gz behind it")


def _damage(path: Path, error: Exception) -> str:
    return f"{path}: is damaged or cut short: {error}"


def _text_fault(text: str, encoding: str) -> str:
    """What makes the text unfit to keep: bytes that are not of the encoding, or NUL, which no database keeps."""
    if "\0" in text:
        return text[1:] if text.startswith("\0lines") else "contains a NUL character"
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            return f"is not {encoding.removesuffix('-sig')} from character {error.start} of the row on"
    return ""


def _json(line: bytes) -> Any:
    if len(line) > _LONGEST_CELL:
        raise ValueError(f"longer than {_LONGEST_CELL} bytes")
    # Numbers as written: no rounding of long ids or of money.
    value = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    if not isinstance(value, dict):
        raise ValueError("it is something else")
    return value


def _flat(value: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested objects become columns with dotted names; a list stays JSON text."""
    cells: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            cells.update(_flat(inner, f"{prefix}{key}."))
        elif isinstance(inner, str):
            cells[prefix + key] = inner
        elif inner is None:
            cells[prefix + key] = ""
        else:
            cells[prefix + key] = json.dumps(inner, ensure_ascii=False)
    return cells


def _cell(value: object) -> Cell:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value
        case date():
            return datetime.combine(value, time())
        case float() if value.is_integer():
            return str(int(value))
        case _:
            return str(value)


def positions(columns: Iterable[str]) -> dict[str, int]:
    """Return where each column stands; of a name that stands there twice, the first place."""
    places: dict[str, int] = {}
    for place, column in enumerate(columns):
        places.setdefault(column, place)
    return places
