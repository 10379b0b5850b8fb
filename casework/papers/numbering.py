"""Numbers of documents, a running number per unit, series and year, without gaps.

The forms of people's mediation have `(2026)城关区人调字第17号`, letters `城关区人调函〔2026〕3号` (GB/T 9704-2012,
7.2.5: the organ's mark, the year in hexagonal brackets, no 第).
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from casework.clocks.calendar import LOCAL


class Series(StrEnum):
    """A series with its own numbering; the value is the word in the number."""

    AGREEMENT = "人调字"
    CLOSING = "人调结字"
    LETTER = "人调函"
    NOTICE = "提"
    WARNING = "警"
    CIRCULAR = "通"
    INTERVIEW = "约"
    INSPECTION = "督"


def year_of(now: datetime) -> int:
    """Return the year for a number assigned now: the local year."""
    return now.astimezone(LOCAL).year


_FORMS = (Series.AGREEMENT, Series.CLOSING)


def document_number(year: int, mark: str, series: Series, running: int) -> str:
    """Return the number as printed on the document; `mark` is how the unit is called in numbers."""
    if series in _FORMS:
        return f"({year}){mark}{series.value}第{running}号"
    return f"{mark}{series.value}〔{year}〕{running}号"
