"""Reads CSV, row by row, as the person saw it."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import IO, Any

from services.kit.spreadsheets.cells import Row, TableError

_LONGEST_CELL, _LONGEST_LINE = 1 << 20, 1 << 23
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def encoding_named(name: str) -> str:
    """Return an encoding by the name a person gives it; ValueError where it is none for text.

    ANSI is what Windows calls its own encoding, which in China is GBK; GB 18030 holds all of it.
    """
    plain = name.strip().lower()
    if plain in ("ansi", "gbk", "gb2312", "cp936", "936"):
        return "gb18030"
    try:
        known = codecs.lookup(plain).name
        # Some are no encodings of text, and some change what they read.
        if "a1\n".encode(known).decode(known) != "a1\n" or known in ("idna", "punycode", "undefined", "utf-7"):
            raise ValueError
        if "escape" in known or known.startswith(("mbcs", "oem")):
            raise ValueError
    except (LookupError, ValueError, TypeError, AttributeError):
        raise ValueError(f"there is no text encoding {name!r}; it is utf-8, gb18030 (GBK, ANSI) or the like") from None
    return known


def csv_rows(file: IO[bytes], encoding: str = "utf-8", delimiter: str = ",") -> Iterator[Row]:
    """Iterate over the records of a CSV file, blank ones too; a mark at its beginning says its encoding.

    A quotation that does not end costs at most a cell's longest length. Raises TableError for what is no CSV at all.
    """
    held: Any = file if hasattr(file, "peek") else io.BufferedReader(file)
    head = held.peek(8)[:8]
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise TableError("is a workbook and no CSV; give its name the ending .xlsx")
    encoding = next((known for mark, known in _MARKS if head.startswith(mark)), encoding_named(encoding))
    csv.field_size_limit(_LONGEST_CELL)
    text = io.TextIOWrapper(held, encoding=encoding, errors="surrogateescape", newline="")
    try:
        yield from _records(text, encoding.removesuffix("-sig"), delimiter)
    except UnicodeError as error:
        raise TableError(f"is not {encoding} to its end: {error}") from error


def _records(text: io.TextIOWrapper, encoding: str, delimiter: str) -> Iterator[Row]:
    # Strict: text that stands behind a closing quotation mark would be taken for part of the cell.
    lines = _lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number, headed = 0, False
    while True:
        begin, cells, fault = reader.line_num + 1, list[str](), ""
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"lines {begin} to {reader.line_num}: {error}"
        if not headed and len(match := "".join(cells)) <= 5 and match.lower().startswith("sep="):
            # A line of Excel's own, which it does not show: so it is no row.
            headed, reader = True, csv.reader(lines, delimiter=match[4:] or delimiter, strict=True)
            continue
        headed, number = True, number + 1
        whole = "".join(cells)
        if not fault and not (whole.isascii() and "\0" not in whole):
            fault = _text_fault(whole, encoding)
        yield Row(number, cells, fault)  # type: ignore[arg-type]


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Iterate over the lines; raise TableError for one that has no end: a few bytes may unpack to it."""
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise TableError(f"has a line of more than {_LONGEST_LINE - 1:,} characters")
        yield line


def _text_fault(text: str, encoding: str) -> str:
    """Return what makes a text unfit to keep: bytes that are not of the encoding, or NUL, which no database keeps."""
    if "\0" in text:
        return "contains a NUL character"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"is not {encoding} from character {error.start} of the row on"
    return ""
