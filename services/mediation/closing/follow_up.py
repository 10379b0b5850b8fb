"""Follow-up visits: begun when an agreement was performed, kept on after the case is closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from casework import names
from casework.mediation.fulfilment import follow_ups
from services.kit import dates
from services.kit.command import Work
from services.kit.storage.database import text

_PLAN = text("""
    INSERT INTO visits (number, days, due_on, due_at) VALUES (:number, :days, :on, :at)
    ON CONFLICT (number, days) DO NOTHING RETURNING true
""")


def key(days: int) -> str:
    """Return the key of the clock of a visit."""
    return f"visit-{days}"


async def begin(work: Work, case: Any, performed_on: date) -> None:
    """Plan the visits 7, 30 and 90 days after performance, each with its clock; those planned before stay."""
    for days, on in follow_ups(performed_on).items():
        at = dates.last_second(on)
        if await work.connection.scalar(_PLAN, {"number": case.number, "days": days, "on": on, "at": at}):
            await _start(work, case, days, at)


async def _start(work: Work, case: Any, days: int, until: datetime) -> None:
    subject = f"{names.case_name(case.number)}/visits/{days}"
    await work.start_clock(
        case.number, key(days), f"follow_up_{days}", subject=subject, unit=case.unit, at=work.now, until=until
    )
