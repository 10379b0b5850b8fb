"""A notice as a letter to print: addressee, address, subject and text, on one page."""

from __future__ import annotations

from datetime import date

from casework.mediation.notice import Text, worded_date
from services.kit.word import RIGHT, blank, line, saved


def printed(told: Text, addressee: str, address: str, unit: str, day: date, language: str) -> bytes:
    """Return the letter as a Word file; the text already says the name."""
    document = blank()
    for each in (addressee, address):
        if each:
            line(document, each)
    line(document, "")
    line(document, told.subject, size=16, bold=True, face="黑体")
    for number, each in enumerate(told.text.splitlines()):
        line(document, each, indent=language == "zh" and number > 0)
    line(document, "")
    for each in (unit, worded_date(day, language)):
        line(document, each, align=RIGHT)
    return saved(document)
