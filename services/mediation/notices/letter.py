"""A notice as a letter to print: addressee, address, subject and text, on one page."""

from __future__ import annotations

import io
from datetime import date

import docx
from docx.oxml.ns import qn
from docx.shared import Pt

from casework.mediation.notice import Text, worded_date

_FONT = "SimSun"


def printed(told: Text, addressee: str, address: str, unit: str, day: date, language: str) -> bytes:
    """Return the letter as a Word file; the text already says the name."""
    document = docx.Document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = _FONT, Pt(12)
    normal.element.rPr.rFonts.set(qn("w:eastAsia"), _FONT)
    for line in (addressee, address):
        if line:
            document.add_paragraph(line)
    document.add_paragraph()
    document.add_paragraph().add_run(told.subject).bold = True
    for line in told.text.splitlines():
        document.add_paragraph(line)
    document.add_paragraph()
    for line in (unit, worded_date(day, language)):
        document.add_paragraph(line)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()
