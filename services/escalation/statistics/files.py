"""Statistics as files: CSV that a spreadsheet opens as it is, and a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from openpyxl import Workbook

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def as_csv(rows: Sequence[Sequence[str | int]]) -> bytes:
    """Return rows as CSV in UTF-8, with the mark by which spreadsheets know it."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([[_harmless(value) for value in row] for row in rows])
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def as_xlsx(rows: Sequence[Sequence[str | int]], title: str) -> bytes:
    """Return rows as a workbook of one sheet; numbers are numbers."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([_harmless(value) for value in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _harmless(value: str | int) -> str | int:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_RISKY) else value
