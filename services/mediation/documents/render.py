"""Rendering: a form's text into its Word template, Chinese before the companion language, documents into one file."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from docx import Document

from casework.papers.forms import Form
from casework.papers.sheets import Sheet
from services.kit.rules.documents import DocumentBook
from services.kit.word import filled, joined, saved


def rendered(book: DocumentBook, form: Form, sheets: Iterable[tuple[str, Sheet]]) -> bytes:
    """Return a form filled in each language, one after the other; Chinese comes first (民族团结进步促进法 art. 15)."""
    whole: Any = None
    for language, sheet in sheets:
        whole = joined(whole, filled(book.template(language, form), sheet))
    return saved(whole)


def merged(documents: Iterable[bytes]) -> bytes:
    """Return Word files as one, each on a new page."""
    whole: Any = None
    for content in documents:
        whole = joined(whole, Document(io.BytesIO(content)))
    return saved(whole)


def sheet_of(text: str) -> bytes:
    """Return a page with one line, which replaces a document that is not a Word file in the merged file."""
    document = Document()
    document.add_paragraph(text)
    held = io.BytesIO()
    document.save(held)
    return held.getvalue()


def listing(title: str, lines: Iterable[str]) -> bytes:
    """Return a page with a title and lines, for a document that is not one of the forms."""
    document = Document()
    document.add_paragraph().add_run(title).bold = True
    for line in lines:
        document.add_paragraph(line)
    return saved(document)
