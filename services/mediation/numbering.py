"""Numbers of documents, taken inside a command's transaction: no gaps, no duplicates, whatever is rolled back."""

from __future__ import annotations

from datetime import datetime

from casework.numbering import Series, document_number, year_of
from services.kit.database import Connection, text

# The row stays locked until the transaction ends: the next number waits to see whether this one was really given.
_TAKE = text("""
    INSERT INTO number_series (unit, series, year, last) VALUES (:unit, :series, :year, 1)
    ON CONFLICT (unit, series, year) DO UPDATE SET last = number_series.last + 1 RETURNING last
""")


async def take(connection: Connection, series: Series, unit: str, unit_name: str, now: datetime) -> str:
    """Return the next number of a unit's series in this year; given for good only if the transaction commits.

    Take it last: until the commit, everybody else who numbers in this series waits.
    """
    year = year_of(now)
    running = await connection.scalar(_TAKE, {"unit": unit, "series": series.name, "year": year})
    return document_number(year, unit_name, series, running)
