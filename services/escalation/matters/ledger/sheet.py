"""The ledger as a file, with the columns that offices use, in the caller's language."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from casework.supervision.matters.words import COLUMNS, TITLE
from services.kit.spreadsheets.writing import CSV_TYPE, XLSX_TYPE, as_xlsx
from services.kit.spreadsheets.writing import as_csv as csv_of

Row = Sequence[str | int]


class LedgerFile(NamedTuple):
    """A file: its content, its media type, and what its name ends with."""

    content: bytes
    media_type: str
    suffix: str


def file(
    unit_name: str, today: date, lines: Iterable[Row], *, english: bool = False, as_csv: bool = False
) -> LedgerFile:  # fmt: skip
    """Return the ledger of a unit: as a workbook, a title, a fixed heading, one line per matter; as CSV no title."""
    heading: Row = [name[english] for name, _ in COLUMNS]
    if as_csv:
        return LedgerFile(csv_of([heading, *lines]), CSV_TYPE, "csv")
    called, widths = TITLE[english], [width for _, width in COLUMNS]
    title = f"{unit_name} {called} ({today:%Y-%m-%d})" if english else f"{unit_name}{called}（{today:%Y-%m-%d}）"
    content = as_xlsx([heading, *lines], called, title=title, widths=widths, ruled=True)
    return LedgerFile(content, XLSX_TYPE, "xlsx")
