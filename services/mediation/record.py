"""Of record: who may act on a case is decided by what the case says, beside the role. The one place that decides it.

A policy in `rules/access/` may ask for a `Part` beside a role; which parts the caller has in a case is looked up here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from casework import names
from casework.case import DONE
from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason
from casework.mediation.choosing import AskState
from services.kit.command import Work
from services.kit.serving.access import Call, Part, current_call
from services.kit.storage.database import Connection, text
from services.mediation import store
from services.mediation.people import access_log

_SAYS = text("""
    SELECT m.mediator, m.mediator_unit, tasks.units,
        EXISTS (
            SELECT FROM asks WHERE number = :number AND subject = :subject AND (state = ANY(:out) OR kin OR interest)
        ) AS is_out,
        EXISTS (SELECT FROM parties WHERE number = :number AND subject = :subject AND subject <> '') AS is_party,
        (SELECT max(scope) FROM grants WHERE number = :number AND holder = :subject AND scope <= :work
            AND ended_at IS NULL AND expires_at > :now) AS scope
    FROM (SELECT array_agg(DISTINCT unit) AS units FROM tasks WHERE number = :number AND state <> ALL(:done)) AS tasks
    LEFT JOIN mediations m ON m.number = :number
""")
_WORK = 2
"""Scope of a grant to carry out tasks as well."""
_GRANTED = frozenset({Part.reader, Part.worker})
CITIZEN = "citizen"
_DONE = [int(state) for state in DONE]
_OUT = [int(AskState.REPLACED), int(AskState.DISCLOSED)]


async def parts(connection: Connection, call: Call, case: Any) -> frozenset[Part]:
    """Return what a case says that the caller is to it."""
    caller, under = call.caller, call.access.lies_under
    says = (
        await connection.execute(
            _SAYS,
            {
                "number": case.number,
                "subject": caller.subject,
                "done": _DONE,
                "now": call.time.now(),
                "out": _OUT,
                "work": _WORK,
            },
        )
    ).one()
    # A unit that was taken off the list lies under nothing any more, and is nobody's.
    co_units = [unit for unit in says.units or () if unit != case.unit and call.access.knows(unit)]
    found = {
        Part.accountable: caller.unit == case.unit,
        Part.co_unit: any(under(unit, caller.unit) for unit in co_units),
        Part.mediator: bool(says.mediator) and says.mediator == caller.subject,
        Part.mediator_unit: bool(says.mediator_unit) and under(says.mediator_unit, caller.unit),
        Part.preparing: not says.mediator and not says.is_out,
        Part.party: says.is_party,
        Part.reader: bool(says.scope),
        Part.worker: says.scope == _WORK,
    }
    return frozenset(part for part, is_so in found.items() if is_so)


async def allows(
    connection: Connection, call: Call, case: Any, *, made_by: str = "", beside: Iterable[str] = ()
) -> bool:
    """Return whether role and case together allow the call.

    `made_by` is who made the very thing that is asked for; `beside` are units that have the right beside the
    accountable one: that of the task or of the mediator that the call is about.
    """
    units = (case.unit, *(unit for unit in beside if unit))
    access, caller = call.access, call.caller
    if lies_within(case.about, caller.unit):
        # Whoever is complained of has no part in it, whatever was dispatched there: 信访工作条例 art. 30.
        return False
    if not any(access.depends_on_parts(caller, call.permission, unit) for unit in units):
        return any(access.allows(caller, call.permission, unit) for unit in units)
    found = await parts(connection, call, case)
    if made_by and made_by == caller.subject:
        found |= {Part.maker}
    allowed = any(access.allows(caller, call.permission, unit, found) for unit in units)
    by_right = found - _GRANTED
    if allowed and not any(access.allows(caller, call.permission, unit, by_right) for unit in units):
        # What is done by a grant alone is shown to the parties, each time.
        await access_log.record(connection, call, call.time.now(), case.number)
    return allowed


async def admit(
    connection: Connection, call: Call, case: Any, *, made_by: str = "", beside: Iterable[str] = ()
) -> None:
    """Let the call go on for what role and case together allow, or raise PERMISSION_DENIED; see `allows`."""
    call.require_person(await allows(connection, call, case, made_by=made_by, beside=beside))


def is_party(call: Call) -> bool:
    """Return whether somebody calls who holds no office here: a party, for itself."""
    return call.caller.roles <= {CITIZEN}


def must_be_own(call: Call, party: Any) -> None:
    """Raise PERMISSION_DENIED where a party speaks for another one: it signs in for itself alone."""
    if is_party(call) and (not call.caller.subject or party.subject != call.caller.subject):
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


async def locked(work: Work, name: str) -> Any:
    """Return the case that a name lies in, locked, if the caller may act on it."""
    case = await store.lock(work.connection, names.number_of(name))
    await admit(work.connection, work.call, case)
    return case


async def seen(connection: Connection, name: str) -> Any:
    """Return the case that a name lies in, if the caller may look at it."""
    case = await store.get(connection, names.number_of(name))
    await admit(connection, current_call(), case)
    return case
