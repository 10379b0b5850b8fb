"""Who may open a report: decided by its unit and by its case, besides the role."""

from __future__ import annotations

from casework import names
from casework.door.complaint import lies_within
from services.intake import store
from services.intake.forwards import store as forwards
from services.intake.models import Report
from services.kit.serving.access import NO_PARTS, Call, Part
from services.kit.storage import standings
from services.kit.storage.database import Connection


async def case_is_closed(connection: Connection, number: str) -> bool:
    """Return whether the case of a report is closed, as its owner last reported."""
    standing = await standings.one(connection, number)
    return standing is not None and standing.closed


async def admit(connection: Connection, call: Call, row: Report, *units: str) -> None:
    """Check that the role, the report and its case together allow the call; raise PERMISSION_DENIED otherwise.

    `units`: whose permission counts, where it is not that of the report's own unit: those of its forward.
    """
    # A unit that is complained about never sees it again, not even the person who recorded it there.
    call.require_person(not lies_within(row.about, call.caller.unit))
    access, caller, asked = call.access, call.caller, units or (row.unit,)
    needed = any(access.depends_on_parts(caller, call.permission, unit) for unit in asked)
    found = await _parts(connection, call, row) if needed else NO_PARTS
    call.require_person(any(access.allows(caller, call.permission, unit, found) for unit in asked))


async def may(connection: Connection, call: Call, row: Report, permission: str) -> bool:
    """Return whether the caller has another permission for a report, beside that of the call."""
    if lies_within(row.about, call.caller.unit) or call.kept_from & {row.number, row.merged_into}:
        return False
    if not call.access.depends_on_parts(call.caller, permission, row.unit):
        return call.access.allows(call.caller, permission, row.unit)
    return call.access.allows(call.caller, permission, row.unit, await _parts(connection, call, row))


async def _parts(connection: Connection, call: Call, row: Report) -> frozenset[Part]:
    """Return which parts the caller has in a report."""
    standing = await standings.one(connection, row.merged_into or row.number)
    found = standings.parts_of(call, row.unit, standing)
    if await store.filed_by(connection, row.number) == call.caller.subject:
        found |= {Part.maker}
    if await forwards.asked_unit(connection, row.merged_into or row.number) == call.caller.unit:
        found |= {Part.asked}
    if call.caller.matter == names.report_name(row.number):
        found |= {Part.holder}
    elif "/parties/" in call.caller.matter and call.caller.case == names.case_name(row.merged_into or row.number):
        # An agent's token is none of a party's: its powers are about the mediation.
        found |= {Part.party}
    return found
