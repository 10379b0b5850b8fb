"""Numbers of documents: `(2026)城关区人调字第17号`, a running number per unit, series and year, without gaps."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from casework.clocks.calendar import LOCAL


class Series(StrEnum):
    """A series with its own numbering; the value is the word in the number."""

    AGREEMENT = "人调字"
    CLOSING = "人调结字"
    LETTER = "人调函字"
    NOTICE = "提字"
    WARNING = "警字"
    CIRCULAR = "通字"
    INTERVIEW = "约字"
    INSPECTION = "督字"


def year_of(now: datetime) -> int:
    """Return the year for a number assigned now: the local year."""
    return now.astimezone(LOCAL).year


def document_number(year: int, unit_name: str, series: Series, running: int) -> str:
    """Return the number as printed on the document."""
    return f"({year}){unit_name}{series.value}第{running}号"
