"""Writes tables: CSV that a spreadsheet opens as it is, and workbooks. Whatever goes in, no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from services.kit.spreadsheets.cells import harmless

if TYPE_CHECKING:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MARK = "\ufeff"
_LONGEST = 32_000
"""Characters of a cell; spreadsheets take 32,767."""

_A4 = "9"
_LINE, _TALLEST = 15.0, 400.0
"""Points of a line, and of the highest row; a program draws none above 409."""
_MARGIN = 0.6
"""Inches of white around a page."""

Value = str | int | bool | None
Values = Sequence[Value]


def as_csv(rows: Iterable[Values]) -> bytes:
    """Return rows as CSV in UTF-8, with the mark by which spreadsheets know it."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([_plain(value) for value in row] for row in rows)
    return (_MARK + written.getvalue()).encode()


def as_xlsx(
    rows: Iterable[Values], sheet: str, *, title: str = "", widths: Sequence[int] = (), ruled: bool = False,
    upright: bool = False,
) -> bytes:  # fmt: skip
    """Return rows as a workbook of one sheet, the first row its heading; numbers are numbers, all else is text.

    `title` stands in a line above the heading; `ruled`: bordered and wrapped cells on pages of A4 that lie
    across, or stand with `upright`, with the heading on each and the number of the page below.
    """
    # Late: it is heavy, and most of what writes CSV never writes a workbook.
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook(write_only=True)
    page = book.create_sheet(sheet)
    for number, width in enumerate(widths, start=1):
        page.column_dimensions[get_column_letter(number)].width = width
    if ruled:
        _lay_out(page, heading=2 if title else 1, upright=upright)
    if title:
        headline = WriteOnlyCell(page, harmless(title))
        headline.font = Font(bold=True, size=14)
        page.append([headline])
    style = _Style(ruled)
    for number, row in enumerate(rows):
        if ruled and widths:
            page.row_dimensions[number + (2 if title else 1)].height = _height(row, widths)
        page.append([style.cell(page, value, heading=ruled and number == 0) for value in row])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def write(path: Path, rows: Iterable[Values]) -> None:
    """Write rows to a file: a workbook where its name ends in .xlsx, else CSV."""
    if path.suffix.lower() == ".xlsx":
        path.write_bytes(as_xlsx(rows, path.stem[:31] or "rows"))
    else:
        path.write_bytes(as_csv(rows))


def _plain(value: Value) -> Value:
    return harmless(value)[:_LONGEST] if isinstance(value, str) else value


def _height(row: Values, widths: Sequence[int]) -> float:
    """Return how high a row must be for the wrapped text of its cells: not every program finds that out itself."""
    lines = [
        sum(
            -(-max(1, sum(1 + (ord(each) > 0x2E7F) for each in part)) // max(width - 1, 1)) for part in text.split("\n")
        )
        for text, width in zip(map(str, row), widths, strict=False)
    ]
    return min(_TALLEST, _LINE * max(lines, default=1))


def _lay_out(page: WriteOnlyWorksheet, heading: int, *, upright: bool) -> None:
    page.freeze_panes = f"A{heading + 1}"
    page.page_setup.orientation = "portrait" if upright else "landscape"
    page.page_setup.paperSize = _A4
    page.print_options.horizontalCentered = True
    margins = page.page_margins
    margins.left = margins.right = margins.top = _MARGIN
    margins.bottom, margins.footer = _MARGIN + 0.2, _MARGIN / 2
    page.oddFooter.center.text = "&P / &N"
    page.page_setup.fitToHeight = 0
    page.sheet_properties.pageSetUpPr.fitToPage = True
    page.print_title_rows = f"1:{heading}"


class _Style:
    """How the cells of a sheet look."""

    def __init__(self, ruled: bool) -> None:
        from openpyxl.styles import Alignment, Border, Font, Side

        thin = Side(style="thin", color="FF999999")
        self._ruled = ruled
        self._border = Border(left=thin, right=thin, top=thin, bottom=thin)
        self._wrapped = Alignment(vertical="top", wrap_text=True)
        self._bold = Font(bold=True)

    def cell(self, page: WriteOnlyWorksheet, value: Value, *, heading: bool) -> WriteOnlyCell:
        from openpyxl.cell import WriteOnlyCell

        made = WriteOnlyCell(page)
        if isinstance(value, str):
            # Set as text whatever it begins with: what people said is never a formula, an error or a date.
            made._value, made.data_type = _plain(value), "s"
        else:
            made.value = value
        if self._ruled:
            made.alignment, made.border = self._wrapped, self._border
        if heading:
            made.font = self._bold
        return made
