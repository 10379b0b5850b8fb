"""How many pages a Word file has, counted without Word.

Every line of our papers has a fixed height (`accord/documents_templates/layout.py`), so that lines and pages follow
from the widths of characters. A centre that changes a template in Word may leave that; the count is then an estimate,
and the page numbers in the index of a dossier are fields that Word counts anew when it opens the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

_TWIPS = 20.0
_BORDER = 7.0
"""Points that a line under a paragraph takes."""
_WIDTHS = {"digit": 0.5, "upper": 0.67, "lower": 0.45, "space": 0.25, "other": 0.33}
_WORDS = re.compile(r"[^\s\u2e80-\uffef]+|\s|[\u2e80-\uffef]")
_BEGINS_NO_LINE = "，。、；：？！）》」』〕】”’"


@dataclass(slots=True)
class _Sheet:
    """Where on which page one is."""

    height: float
    pages: int = 1
    used: float = 0.0

    def put(self, height: float) -> None:
        """Put something that is not divided."""
        if self.used and self.used + height > self.height + 0.5:
            self.turn()
        self.used += height

    def turn(self) -> None:
        self.pages, self.used = self.pages + 1, 0.0


def pages_of(document: Document) -> int:
    """Return how many pages a document has, from 1."""
    section = document.sections[0]
    width = (section.page_width or 0) - (section.left_margin or 0) - (section.right_margin or 0)
    height = (section.page_height or 0) - (section.top_margin or 0) - (section.bottom_margin or 0)
    sheet = _Sheet(height / 12700)
    kept: list[BaseOxmlElement] = []
    for block in document.element.body:
        if block.tag == qn("w:p"):
            kept.append(block)
            if not _keeps(block):
                _kept(kept, width / 12700, sheet)
                kept = []
        elif block.tag == qn("w:tbl"):
            _table(block, sheet)
    _kept(kept, width / 12700, sheet)
    return sheet.pages


def _keeps(paragraph: BaseOxmlElement) -> bool:
    """Tell whether a paragraph stays on one page with the next."""
    found = next(paragraph.iter(qn("w:keepNext")), None)
    return found is not None and found.get(qn("w:val"), "1") not in ("0", "false")


def _kept(paragraphs: list[BaseOxmlElement], width: float, sheet: _Sheet) -> None:
    """Put paragraphs that stay together: on the next page, if this one has no room for all."""
    if len(paragraphs) > 1:
        measured = [_measured(each, width) for each in paragraphs]
        height = sum(before + line * lines + after for before, line, after, lines in measured) - measured[-1][2]
        if sheet.used and sheet.used + height > sheet.height + 0.5:
            sheet.turn()
    for each in paragraphs:
        _paragraph(each, width, sheet)


def _paragraph(paragraph: BaseOxmlElement, width: float, sheet: _Sheet) -> None:
    before, line, after, lines = _measured(paragraph, width)
    if sheet.used and next(paragraph.iter(qn("w:pageBreakBefore")), None) is not None:
        sheet.turn()
    sheet.put((before if sheet.used else 0.0) + line)
    for _ in range(lines - 1):
        sheet.put(line)
    sheet.used += after
    if any(each.get(qn("w:type")) == "page" for each in paragraph.iter(qn("w:br"))):
        sheet.turn()


def _table(table: BaseOxmlElement, sheet: _Sheet) -> None:
    padding = sum(float(each.get(qn("w:w"), 0)) for each in _under(table, "w:tblPr/w:tblCellMar")
                  if each.tag in (qn("w:top"), qn("w:bottom"))) / _TWIPS  # fmt: skip
    sides = sum(float(each.get(qn("w:w"), 0)) for each in _under(table, "w:tblPr/w:tblCellMar")
                if each.tag in (qn("w:left"), qn("w:right"))) / _TWIPS or 10.8  # fmt: skip
    heading = 0.0
    for row in table.iter(qn("w:tr")):
        least = next((float(each.get(qn("w:val"), 0)) / _TWIPS for each in row.iter(qn("w:trHeight"))), 0.0)
        height = max([least, *(_cell(cell, sides) + padding for cell in row.iter(qn("w:tc")))]) + 0.5
        if next(row.iter(qn("w:tblHeader")), None) is not None:
            heading = height
        page = sheet.pages
        if height > sheet.height:
            # It goes on over as many pages as it needs.
            sheet.turn()
            while height > sheet.height:
                height -= sheet.height
                sheet.turn()
        sheet.put(height)
        if sheet.pages > page:
            sheet.used += heading


def _cell(cell: BaseOxmlElement, sides: float) -> float:
    width = next((float(each.get(qn("w:w"), 0)) / _TWIPS for each in cell.iter(qn("w:tcW"))), 0.0) - sides
    measured = (_measured(each, width) for each in cell.iter(qn("w:p")))
    return sum(before + line * lines + after for before, line, after, lines in measured)


def _measured(paragraph: BaseOxmlElement, width: float) -> tuple[float, float, float, int]:
    """Return what is before a paragraph, the height of its lines, what is after it, and how many lines it has."""
    spacing = next(paragraph.iter(qn("w:spacing")), None)
    indent = next(paragraph.iter(qn("w:ind")), None)
    size = next((float(each.get(qn("w:val"))) / 2 for each in paragraph.iter(qn("w:sz"))), 10.5)
    before, after, line = (_points(spacing, each) for each in ("before", "after", "line"))
    width -= _points(indent, "left") + _points(indent, "right")
    said = "".join(_said(paragraph))
    first = _points(indent, "firstLine")
    lines = sum(_lines(part, size, width, first) for part in said.split("\n"))
    after += _BORDER * (next(paragraph.iter(qn("w:pBdr")), None) is not None)
    return before, line or size * 1.3, after, lines


def _points(element: BaseOxmlElement | None, name: str) -> float:
    return float(element.get(qn(f"w:{name}"), 0)) / _TWIPS if element is not None else 0.0


def _said(paragraph: BaseOxmlElement) -> Iterator[str]:
    for each in paragraph.iter(qn("w:t"), qn("w:br"), qn("w:tab")):
        if each.tag == qn("w:t"):
            yield each.text or ""
        elif each.get(qn("w:type")) != "page":
            yield "\n" if each.tag == qn("w:br") else " "


@lru_cache(maxsize=4096)
def _lines(text: str, size: float, width: float, first: float) -> int:
    """Return how many lines a text takes."""
    lines, used = 1, first
    for piece in _WORDS.findall(text):
        long = sum(map(_wide, piece)) * size
        if used + long > width + 0.1 and used > 0:
            if piece.isspace():
                continue  # It hangs at the end of the line.
            # A mark that begins no line takes the character before it along.
            lines, used = lines + 1, size if piece in _BEGINS_NO_LINE else 0.0
        if long > width > 0:
            lines += ceil(long / width) - 1
            long %= width
        used += long
    return lines


@lru_cache(maxsize=8192)
def _wide(character: str) -> float:
    """Return the width of a character in parts of its size."""
    if unicodedata.east_asian_width(character) in "WFA":
        return 1.0
    if character.isdigit() or character == "_":
        return _WIDTHS["digit"]
    if character.isspace():
        return _WIDTHS["space"]
    if character.isalpha():
        return _WIDTHS["upper" if character.isupper() else "lower"]
    return _WIDTHS["other"]


def _under(element: BaseOxmlElement, path: str) -> Iterator[BaseOxmlElement]:
    found = element.find("/".join(qn(each) for each in path.split("/")))
    return iter(found) if found is not None else iter(())
