"""The ledger as a workbook, with the columns offices expect."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter

from casework.matter_words import COLUMNS, TITLE, cell

MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_THIN = Side(style="thin", color="FF999999")
_BORDER = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_HEADING = Font(bold=True)
_WRAPPED = Alignment(vertical="top", wrap_text=True)

Row = Sequence[str | int]


def workbook(unit_name: str, today: date, lines: Iterable[Row]) -> bytes:
    """Return the ledger of a unit as an .xlsx file: a title, a heading that stays in sight, one line a matter."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(TITLE)
    sheet.freeze_panes = "A3"
    for number, (_, width) in enumerate(COLUMNS, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.print_title_rows = "1:2"
    title = WriteOnlyCell(sheet, f"{unit_name}{TITLE}（{today:%Y-%m-%d}）")
    title.font = Font(bold=True, size=14)
    sheet.append([title])
    sheet.append([_cell(sheet, heading, heading=True) for heading, _ in COLUMNS])
    for line in lines:
        sheet.append([_cell(sheet, value) for value in line])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _cell(sheet: object, value: str | int, *, heading: bool = False) -> WriteOnlyCell:
    made = WriteOnlyCell(sheet)
    if isinstance(value, int):
        made.value = value
    else:
        # Set as text whatever it begins with: what people told is never a formula.
        made._value, made.data_type = cell(value)[:32_000], "s"
    made.alignment, made.border = _WRAPPED, _BORDER
    if heading:
        made.font = _HEADING
    return made
