"""Follow-up visits: they begin when an agreement was performed, and continue after the case is closed."""

from __future__ import annotations

from datetime import date, datetime

from casework import names
from casework.mediation.fulfilment import follow_ups, last_day
from services.kit import dates
from services.kit.command import Work
from services.mediation.closing import store
from services.mediation.models.cases import Case


def key(days: int) -> str:
    """Return the key of the clock of a visit."""
    return f"visit-{days}"


async def begin(work: Work, case: Case, performed_on: date) -> None:
    """Plan the visits 7, 30 and 90 days after performance, each with its clock; those planned before stay.

    A visit is made from its day on; its clock ends with the last day for it.
    """
    for days, on in follow_ups(performed_on).items():
        at = dates.last_second(last_day(on))
        if await store.plan_visit(work.connection, case.number, days, on, at):
            await _start(work, case, days, at)


async def _start(work: Work, case: Case, days: int, until: datetime) -> None:
    subject = f"{names.case_name(case.number)}/visits/{days}"
    await work.start_clock(
        case.number, key(days), f"follow_up_{days}", subject=subject, unit=case.unit, at=work.now, until=until
    )
