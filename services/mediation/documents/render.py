"""Rendering: a form's text into its Word template, Chinese before the companion language, documents into one file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docx.document import Document

from casework.papers.forms import Form
from casework.papers.sheets import Sheet
from services.kit.rules.documents import DocumentBook
from services.kit.word import CENTER, blank, filled, joined, line, saved


def rendered(book: DocumentBook, form: Form, sheets: Iterable[tuple[str, Sheet]]) -> bytes:
    """Return a form filled in each language, one after the other; Chinese comes first (民族团结进步促进法 art. 15)."""
    whole: Any = None
    for language, sheet in sheets:
        whole = joined(whole, filled(book.template(language, form), sheet))
    return saved(whole)


def sheets_of(lines: Iterable[str]) -> Document:
    """Return a page for each line, which stand in the merged file for a document that is not a Word file."""
    document = blank()
    for number, text in enumerate(lines):
        line(document, text).paragraph_format.page_break_before = number > 0
    return document


def listing(title: str, lines: Iterable[str]) -> bytes:
    """Return a page with a title and lines, for a document that is not one of the forms."""
    document = blank()
    line(document, title, size=18, bold=True, align=CENTER)
    for text in lines:
        line(document, text)
    return saved(document)
