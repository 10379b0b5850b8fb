"""A report from a grid: whether it may be filed, what is kept of it, how it is shown."""

from __future__ import annotations

from datetime import datetime

from pb.intake.v1 import report_pb2

from casework import names
from casework.door import rounds as rules_of
from casework.errors import Reason, field_error
from services.intake.grids import store
from services.intake.grids.models import GridReport
from services.kit import dates
from services.kit.instants import instant, stamp
from services.kit.serving.access import Call
from services.kit.serving.request.terms import GRID_WORKER
from services.kit.storage.database import Connection

OFFICER = "clerk"


async def admit(connection: Connection, call: Call, report: report_pb2.Report, now: datetime) -> None:
    """Raise a CaseError if a report may not be filed: its time, its grid, or the term of whoever files it.

    For somebody on the roster the day of the observation decides: what was seen in the term may come in after it.
    """
    seen_at = rules_of.observed(instant(report.observe_time), now) if report.HasField("observe_time") else now
    grid = report.place.grid
    if grid:
        row = await store.find(connection, grid)
        if row is None or row.closed_at is not None:
            raise field_error("report.place.grid", Reason.UNKNOWN_GRID, grid)
    if GRID_WORKER not in call.caller.roles:
        return
    if grid and not call.access.lies_under(grid[:12], call.caller.unit):
        raise field_error("report.place.grid", Reason.PERMISSION_DENIED, grid)
    terms = await store.terms(connection, call.caller.subject)
    rules_of.must_serve(terms, dates.today(seen_at), grid)


async def keep(
    connection: Connection, call: Call, report: report_pb2.Report, number: str, now: datetime
) -> GridReport | None:
    """Store what is known of a report because it was seen in a grid, and return it; None if nothing is.

    What an officer of an authority hands over is kept as their own as well: they list it.
    """
    roles, told = call.caller.roles, report.HasField("observe_time")
    is_handed_over = OFFICER in roles and rules_of.hands_over(call.caller.unit, names.last(report.unit))
    is_own = GRID_WORKER in roles or is_handed_over
    if not (is_own or told or report.place.grid):
        return None
    return await store.keep(
        connection, number, filed_by=call.caller.subject if is_own else "", grid=report.place.grid,
        observed_at=rules_of.observed(instant(report.observe_time), now) if told else None, received_at=now,
    )  # fmt: skip


async def seen(connection: Connection, number: str, channel: int) -> GridReport | None:
    """Return what is known of a report because it was seen in a grid; not asked for what people file themselves."""
    return None if channel == report_pb2.CHANNEL_APP else await store.seen(connection, number)


def put(message: report_pb2.Report, seen: GridReport | None) -> None:
    """Show with a report from which grid it came and when that was seen."""
    if seen is not None:
        message.place.grid = seen.grid
        message.MergeFrom(report_pb2.Report(observe_time=stamp(seen.observed_at)))
