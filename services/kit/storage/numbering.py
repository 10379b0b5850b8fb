"""Numbers of documents and files, taken inside a command's transaction: no gaps, no duplicates, despite rollbacks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from casework.papers.numbering import Series, document_number, year_of
from services.kit.storage.database import Connection
from services.kit.storage.models import NumberSeries

_FIRST = insert(NumberSeries).values(unit=bindparam("unit"), series=bindparam("series"), year=bindparam("year"), last=1)
# The row stays locked until the transaction ends: the next number waits to see whether this one was really given.
_TAKE = _FIRST.on_conflict_do_update(
    index_elements=[NumberSeries.unit, NumberSeries.series, NumberSeries.year], set_={"last": NumberSeries.last + 1}
).returning(NumberSeries.last)
_LAST = select(NumberSeries.last).where(
    NumberSeries.unit == bindparam("unit"),
    NumberSeries.series == bindparam("series"),
    NumberSeries.year == bindparam("year"),
)


async def take(connection: Connection, series: Series, unit: str, mark: str, now: datetime) -> str:
    """Return the next number of a unit's series in this year; given for good only if the transaction commits.

    Take it last: until the commit, all others who need a number of this series wait.
    """
    return document_number(year_of(now), mark, series, await running(connection, series.name, unit, now))


async def expected(connection: Connection, series: Series, unit: str, mark: str, now: datetime) -> str:
    """Return the number that `take` would give now; another caller may take it first."""
    year = year_of(now)
    last = await connection.scalar(_LAST, {"unit": unit, "series": series.name, "year": year})
    return document_number(year, mark, series, (last or 0) + 1)


async def running(connection: Connection, series: str, unit: str, now: datetime) -> int:
    """Return the next running number of a series in this year, from 1."""
    parameters = {"unit": unit, "series": series, "year": year_of(now)}
    return (await connection.execute(_TAKE, parameters)).one()[0]
