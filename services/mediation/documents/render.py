"""Rendering: a form's text into its Word template, the companion behind the Chinese, documents into one file."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from docx import Document
from docx.enum.text import WD_BREAK
from docx.oxml.ns import qn
from docxtpl import DocxTemplate
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment

from casework.forms import Form
from casework.package import packed
from casework.sheets import Sheet
from services.kit.rules.documents import DocumentBook

# A template may be edited in Word by whoever keeps the rules: it can show what it is given and do nothing else.
_ENVIRONMENT = SandboxedEnvironment(autoescape=True, undefined=StrictUndefined)


def rendered(book: DocumentBook, form: Form, sheets: Iterable[tuple[str, Sheet]]) -> bytes:
    """Return a form filled in each language, one behind the other; Chinese comes first (民族团结进步促进法 art. 15)."""
    whole: Any = None
    for language, sheet in sheets:
        template = DocxTemplate(io.BytesIO(book.template(language, form)))
        template.render({each.name: getattr(sheet, each.name) for each in fields(sheet)}, _ENVIRONMENT, autoescape=True)
        whole = _joined(whole, template.docx)
    return saved(whole)


def merged(documents: Iterable[bytes]) -> bytes:
    """Return Word files as one, each on a new page."""
    whole: Any = None
    for content in documents:
        whole = _joined(whole, Document(io.BytesIO(content)))
    return saved(whole)


def sheet_of(text: str) -> bytes:
    """Return a page with one line: what stands in the merged file for a document that is no Word file."""
    document = Document()
    document.add_paragraph(text)
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


def listing(title: str, lines: Iterable[str]) -> bytes:
    """Return a page with a title and lines: what is no form of the set, and is told plainly."""
    document = Document()
    document.add_paragraph().add_run(title).bold = True
    for line in lines:
        document.add_paragraph(line)
    return saved(document)


def saved(document: Any) -> bytes:
    """Return the file of a document, without a trace of when it was saved."""
    held = io.BytesIO()
    document.save(held)
    return packed(held.getvalue())


def _joined(whole: Any, more: Any) -> Any:
    """Return the documents as one: templates hold no pictures and no numbering, so that a body is all there is."""
    if whole is None:
        return more
    body = whole.element.body
    whole.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    end = body.find(qn("w:sectPr"))
    for element in more.element.body:
        if element.tag != qn("w:sectPr"):
            end.addprevious(copy.deepcopy(element))
    return whole
