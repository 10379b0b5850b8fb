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
from docx.table import Table
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
    body = whole.element.body
    whole.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    end = body.find(qn("w:sectPr"))
    for element in more.element.body:
        if element.tag != qn("w:sectPr"):
            end.addprevious(copy.deepcopy(element))
    return whole


class Section(NamedTuple):
    """A section of a plain paper: a heading, and rows of equally many cells; single cells are paragraphs."""

    heading: str
    rows: Sequence[Sequence[str]]


def paper(title: str, sections: Iterable[Section]) -> bytes:
    """Return a plain paper on A4 as a Word file: what is no form of the set, and is written from data alone."""
    document = docx.Document()
    page, normal = document.sections[0], document.styles["Normal"]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Mm(25)
    normal.font.name, normal.font.size = "Times New Roman", Pt(11)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "仿宋")
    head = document.add_paragraph()
    head.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = head.add_run(legible(title))
    run.bold, run.font.size = True, Pt(18)
    for section in sections:
        if section.heading:
            document.add_paragraph().add_run(legible(section.heading)).bold = True
        table: Table | None = None
        for row in section.rows:
            if len(row) == 1:
                document.add_paragraph(legible(row[0]))
                continue
            table = table or document.add_table(rows=0, cols=len(row), style="Table Grid")
            for cell, value in zip(table.add_row().cells, row, strict=True):
                cell.text = legible(value)
    return saved(document)


def saved(document: Document) -> bytes:
    """Return the file of a document, without a trace of when it was saved."""
    held = io.BytesIO()
    document.save(held)
    return packed(held.getvalue())
