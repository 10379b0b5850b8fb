"""Word files: a template filled, several joined into one, a plain paper, saved without a trace of when."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import docx
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_BREAK
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import Table, _Cell
from docx.text.paragraph import Paragraph
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from casework.papers.chinese import legible
from casework.papers.package import packed

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# A template may be edited in Word by whoever keeps the rules: it can show what it is given and do nothing else.
_ENVIRONMENT = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)


def filled(content: bytes, sheet: DataclassInstance) -> Document:
    """Return a template filled from the fields of a dataclass, as a document."""
    return filled_with(content, {each.name: getattr(sheet, each.name) for each in fields(sheet)})


def filled_with(content: bytes, told: Mapping[str, object]) -> Document:
    """Return a template filled with what is told by name, as a document."""
    template = DocxTemplate(io.BytesIO(content))
    template.render({name: _legible(value) for name, value in told.items()}, _ENVIRONMENT, autoescape=True)
    document: Document = template.docx
    return document


def _legible(value: object) -> object:
    """Return what is told with every text in it legible, at any depth."""
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_legible, value))
    if isinstance(value, dict):
        return {key: _legible(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{each.name: _legible(getattr(value, each.name)) for each in fields(value)})
    return value


def joined(whole: Document | None, more: Document) -> Document:
    """Return documents as one: templates hold no pictures and no numbering, so that a body is all there is."""
    if whole is None:
        return more
    end = whole.element.body.find(qn("w:sectPr"))
    begun = False
    for element in more.element.body:
        if element.tag == qn("w:sectPr"):
            continue
        added = copy.deepcopy(element)
        if not begun and added.tag == qn("w:p"):
            Paragraph(added, whole).paragraph_format.page_break_before = True
        elif not begun:
            whole.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        begun = True
        end.addprevious(added)
    return whole


class Section(NamedTuple):
    """A section of a plain paper: a heading, and rows of equally many cells; single cells are paragraphs."""

    heading: str
    rows: Sequence[Sequence[str]]


CENTER, RIGHT = WD_ALIGN_PARAGRAPH.CENTER, WD_ALIGN_PARAGRAPH.RIGHT
_FACES = ("Times New Roman", "仿宋")
_MARGIN = Mm(25)


def blank() -> Document:
    """Return an empty paper on A4, for what is no form of the set and is written from data alone."""
    document = docx.Document()
    page, normal = document.sections[0], document.styles["Normal"]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = _MARGIN
    normal.font.name, normal.font.size = _FACES[0], Pt(12)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _FACES[1])
    return document


def line(
    place: Document | _Cell, text: str, *, size: float = 12, bold: bool = False, indent: bool = False,
    align: WD_ALIGN_PARAGRAPH | None = None, face: str = "",
) -> Paragraph:  # fmt: skip
    """Write a paragraph of fixed height into a document or a cell; `indent` leaves two characters before it."""
    paragraph = place.paragraphs[0] if isinstance(place, _Cell) else place.add_paragraph()
    run = paragraph.add_run(legible(text))
    run.font.size, run.bold = Pt(size), bold
    if face:
        run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), face)
    spacing = paragraph.paragraph_format
    spacing.space_before, spacing.space_after, spacing.line_spacing = Pt(0), Pt(size / 4), Pt(size * 1.6)
    spacing.alignment = align
    if indent:
        spacing.first_line_indent = Pt(2 * size)
    return paragraph


def paper(title: str, sections: Iterable[Section]) -> bytes:
    """Return a plain paper: a title, and sections with tables of two or more columns."""
    document = blank()
    line(document, title, size=18, bold=True, align=CENTER, face="黑体")
    for section in sections:
        if section.heading:
            line(document, section.heading, bold=True, face="黑体")
        table: Table | None = None
        for row in section.rows:
            if len(row) == 1:
                line(document, row[0])
                continue
            if table is None:
                table = document.add_table(rows=0, cols=len(row), style="Table Grid")
                table.autofit = False
                widths = _widths(len(row), Mm(210) - 2 * _MARGIN)
                for column, width in zip(table.columns, widths, strict=True):
                    column.width = width
            for cell, value, width in zip(table.add_row().cells, row, widths, strict=True):
                cell.width = width
                line(cell, value)
        if table is not None:
            line(document, "", size=6)
    return saved(document)


def _widths(columns: int, whole: int) -> list[int]:
    """Return the widths of columns: of two, the first is a label and narrow."""
    return [whole * 3 // 10, whole * 7 // 10] if columns == 2 else [whole // columns] * columns


def opened(content: bytes) -> Document:
    """Return a Word file as a document."""
    document: Document = docx.Document(io.BytesIO(content))
    return document


def saved(document: Document) -> bytes:
    """Return the file of a document, without a trace of when it was saved."""
    held = io.BytesIO()
    document.save(held)
    return packed(held.getvalue())
