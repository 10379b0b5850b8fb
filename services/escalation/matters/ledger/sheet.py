"""The ledger as a workbook, with the columns that offices use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from casework.supervision.matters.words import COLUMNS, TITLE
from services.kit.spreadsheets.writing import XLSX_TYPE as MEDIA_TYPE
from services.kit.spreadsheets.writing import as_xlsx

__all__ = ["MEDIA_TYPE", "Row", "workbook"]

Row = Sequence[str | int]


def workbook(unit_name: str, today: date, lines: Iterable[Row]) -> bytes:
    """Return the ledger of a unit as an .xlsx file: a title, a fixed heading, one line per matter."""
    heading: Row = [name for name, _ in COLUMNS]
    title = f"{unit_name}{TITLE}（{today:%Y-%m-%d}）"
    return as_xlsx([heading, *lines], TITLE, title=title, widths=[width for _, width in COLUMNS], ruled=True)
