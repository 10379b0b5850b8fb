"""Erasing the content of a report: the data key, what it sealed, the form used to compare texts, the place."""

from __future__ import annotations

from datetime import datetime

from casework import names
from casework.errors import CaseError, Reason
from services.intake import store
from services.intake.duplicates import store as duplicates
from services.intake.models import Report
from services.intake.search.signs import store as search_signs
from services.kit.storage.database import Connection


async def erase(connection: Connection, number: str, now: datetime) -> dict[str, str]:
    """Erase the report of a matter and those merged into it; return the unit of each one erased now."""
    found = await store.still_told(connection, number)
    if found:
        await store.erase(connection, found, now)
        await duplicates.forget(connection, found)
        await search_signs.forget(connection, found)
    return found


def must_be_there(row: Report) -> None:
    """Raise DATA_ERASED if the content of a report was erased."""
    if row.erased_at is not None:
        raise CaseError(Reason.DATA_ERASED, names.report_name(row.number))
