"""The file that is imported: CSV, JSON lines or XLSX, each also as .gz, read row by row.

Row numbers are those a person sees: in CSV and XLSX the heading is row 1 (blank rows count), in JSON lines the line.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from services.kit.spreadsheets import Cell, Number, Row, TableError
from services.kit.spreadsheets.delimited import csv_rows
from services.kit.spreadsheets.xlsx import xlsx_rows

__all__ = ["Cell", "Source", "SourceError", "SourceRow", "positions"]

SourceRow = Row
_LONGEST_CELL = 1 << 20
_LARGEST = 1 << 28
_LONGEST_NAME = 200
"""Characters of the names around a nested value: each value has them all before its own."""
_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile)


class SourceError(ValueError):
    """A file that cannot be read at all, or not to its end."""


class Source:
    """A file of rows. `columns` are its headings; `digest` is the SHA-256 of the file."""

    def __init__(
        self, path: Path, encoding: str = "utf-8", delimiter: str = ",", sheet: str = "", hidden: bool = False
    ) -> None:
        self.path = path
        self._encoding = encoding
        self._delimiter = delimiter
        self._hidden = hidden
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
        except TableError as error:
            raise SourceError(f"{path}: {error}") from error
        except _DAMAGED as error:
            raise SourceError(_damage(path, error)) from error
        if not self.columns:
            raise SourceError(f"{path}: has no header and no rows")

    def rows(self) -> Iterator[SourceRow]:
        """Iterate over the rows; blank ones are left out. Raises SourceError if the file is cut short."""
        try:
            yield from self._json_rows() if self.kind == "jsonl" else self._table_rows()
        except TableError as error:
            raise SourceError(f"{self.path}: {error}") from error
        except _DAMAGED as error:
            raise SourceError(_damage(self.path, error)) from error

    def _columns(self) -> list[str]:
        if self.kind == "jsonl":
            return self._json_columns()
        with self._open() as file:
            for number, cells, fault in self._table(file):
                heading = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
                while heading and not heading[-1]:
                    heading.pop()
                if fault:
                    raise SourceError(f"{self.path}: row {number}, the heading: {fault}")
                if heading:
                    return heading
        return []

    def _open(self) -> IO[bytes]:
        if self._packed:
            return cast(IO[bytes], gzip.open(self.path, "rb"))
        return self.path.open("rb")

    # CSV and XLSX

    def _table(self, file: IO[bytes]) -> Iterator[Row]:
        if self.kind == "csv":
            return csv_rows(file, self._encoding, self._delimiter)
        # A zip is read from its end; seeking there in a .gz is expensive.
        return xlsx_rows(_unpacked(file) if self._packed else file, self._sheet, self._hidden)

    def _table_rows(self) -> Iterator[Row]:
        width = len(self.columns)
        with self._open() as file:
            headed = False
            for number, cells, fault in self._table(file):
                if not fault and not any(cell.strip() if isinstance(cell, str) else cell for cell in cells):
                    continue
                if not headed:
                    headed = True
                    continue
                while len(cells) > width and not cells[-1]:
                    cells.pop()
                if self.kind == "xlsx":
                    cells += [""] * (width - len(cells))
                if not fault and len(cells) != width:
                    fault = f"has {len(cells)} cells where the heading has {width}"
                yield Row(number, cells, fault)

    # JSON lines

    def _json_lines(self) -> Iterator[tuple[int, dict[str, str], str]]:
        with self._open() as file:
            for number, line in enumerate(_lines(file), start=1):
                if not line.strip():
                    continue
                try:
                    yield number, flat(_json(line)), ""
                except (ValueError, RecursionError) as error:
                    yield number, {}, f"is not a JSON object: {error}"

    def _json_columns(self) -> list[str]:
        # A key may be absent from any one object, so the columns are known only from the whole file.
        columns: dict[str, None] = {}
        for _, cells, _ in self._json_lines():
            columns.update(dict.fromkeys(cells))
        return list(columns)

    def _json_rows(self) -> Iterator[SourceRow]:
        for number, cells, fault in self._json_lines():
            row: list[Cell] = [cells.get(column, "") for column in self.columns]
            yield Row(number, row, fault or text_fault("".join(cells.values())))


def _kind(name: str, path: Path) -> str:
    for ending, kind in ((".csv", "csv"), (".jsonl", "jsonl"), (".ndjson", "jsonl"), (".xlsx", "xlsx")):
        if name.endswith(ending):
            return kind
    raise SourceError(f"{path}: must end in .csv, .jsonl, .ndjson or .xlsx, each optionally followed by .gz")


def _damage(path: Path, error: Exception) -> str:
    return f"{path}: is damaged or cut short: {error}"


def _unpacked(file: IO[bytes]) -> IO[bytes]:
    content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise SourceError(f"unpacks to more than {_LARGEST:,} bytes")
    return io.BytesIO(content)


def text_fault(text: str) -> str:
    """Return why the text cannot be stored: half a character, or NUL, which the database cannot store."""
    if "\0" in text:
        return "contains a NUL character"
    return "is not utf-8" if any("\ud800" <= each <= "\udfff" for each in text) else ""


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """Iterate over the lines, of one that is too long only the beginning: a few bytes may unpack to it."""
    while line := file.readline(_LONGEST_CELL + 1):
        yield line
        while len(line) > _LONGEST_CELL and not line.endswith(b"\n"):
            line = file.readline(_LONGEST_CELL + 1)


def _json(line: bytes) -> dict[str, Any]:
    if len(line) > _LONGEST_CELL:
        raise ValueError(f"longer than {_LONGEST_CELL} bytes")
    value = parsed(line)
    if not isinstance(value, dict):
        raise ValueError("it is something else")
    return value


def parsed(text: bytes) -> object:
    """Return JSON with numbers as written: no rounding of long ids or of money."""
    return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=str)


def flat(value: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested objects become columns with dotted names; a list stays JSON text. ValueError for names without end."""
    if len(prefix) > _LONGEST_NAME:
        raise ValueError(f"a name has more than {_LONGEST_NAME} characters")
    cells: dict[str, str] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            cells.update(flat(inner, f"{prefix}{key}."))
        elif isinstance(inner, str):
            cells[prefix + key] = inner
        elif inner is None:
            cells[prefix + key] = ""
        else:
            cells[prefix + key] = json.dumps(inner, ensure_ascii=False)
    return cells


def positions(columns: Iterable[str]) -> dict[str, int]:
    """Return the position of each column; for a duplicate name, the first one."""
    places: dict[str, int] = {}
    for place, column in enumerate(columns):
        places.setdefault(column, place)
    return places
