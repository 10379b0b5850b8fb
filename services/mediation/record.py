"""Of record: who may act on a case is decided by what the case says, beside the role. The one place that decides it.

A policy in `rules/access/` may ask for a `Part` beside a role; which parts the caller has in a case is looked up here.
"""

from __future__ import annotations

from collections.abc import Iterable

from casework import names
from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason
from services.kit.command import Work
from services.kit.serving.access import HOLDERS, NO_PARTS, PARTIES, Call, Part, current_call
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.mediation import store
from services.mediation.models.cases import Case
from services.mediation.models.grants import GrantScope
from services.mediation.models.people import Party

_GRANTED = frozenset({Part.reader, Part.worker})


async def parts(connection: Connection, call: Call, case: Case) -> frozenset[Part]:
    """Return what a case says that the caller is to it."""
    caller, under = call.caller, call.access.lies_under
    if caller.matter:
        # Whoever came by a code is what the code says, in that one case, and nothing else.
        own = Part.party if caller.matter.startswith("cases/") else Part.holder
        return frozenset({own}) if caller.case == names.case_name(case.number) else NO_PARTS
    says = await store.says(connection, case.number, caller.subject, call.time.now())
    # A unit that was taken off the list lies under nothing any more, and is nobody's.
    co_units = [unit for unit in says.units or () if unit != case.unit and call.access.knows(unit)]
    found = {
        Part.accountable: caller.unit == case.unit,
        Part.co_unit: any(under(unit, caller.unit) for unit in co_units),
        Part.mediator: bool(says.mediator) and says.mediator == caller.subject,
        Part.mediator_unit: bool(says.mediator_unit) and under(says.mediator_unit, caller.unit),
        Part.preparing: not says.mediator and not says.is_out,
        Part.party: says.is_party,
        Part.reader: says.scope is not None,
        Part.worker: says.scope is GrantScope.WORK,
    }
    return frozenset(part for part, is_so in found.items() if is_so)


async def allows(
    connection: Connection, call: Call, case: Case, *, made_by: str = "", beside: Iterable[str] = (),
    on_record: bool = True,
) -> bool:  # fmt: skip
    """Return whether role and case together allow the call.

    `made_by` is who made the very thing that is asked for; `beside` are units that have the right beside the
    accountable one: that of the task or of the mediator that the call is about. What is prepared before the call's
    transaction asks without a record: the transaction asks again.
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
    if on_record and allowed and not any(access.allows(caller, call.permission, unit, by_right) for unit in units):
        # What is done by a grant alone is shown to the parties, each time.
        grant = await store.by_which(connection, case.number, caller.subject, call.time.now())
        await access_log.record(connection, call, call.time.now(), case.number, grant=grant)
    return allowed


async def admit(
    connection: Connection, call: Call, case: Case, *, made_by: str = "", beside: Iterable[str] = ()
) -> None:
    """Let the call go on for what role and case together allow, or raise PERMISSION_DENIED; see `allows`."""
    call.require_person(await allows(connection, call, case, made_by=made_by, beside=beside))


def is_party(call: Call) -> bool:
    """Return whether somebody calls who holds no office here: a party or a reporter, for themselves."""
    return call.caller.roles <= PARTIES | HOLDERS


def speaks_for(subject: str, party: Party) -> bool:
    """Return whether somebody signs in for a party: with the account bound to it, or by its invitation.

    The subject of a token that an invitation gave is the party's name; no account is called like that.
    """
    return bool(subject) and subject in (party.subject, names.party_name(party.number, party.party))


def must_be_own(call: Call, party: Party) -> None:
    """Raise PERMISSION_DENIED where a party speaks for another one: it signs in for itself alone."""
    if is_party(call) and not speaks_for(call.caller.subject, party):
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


async def locked(work: Work, name: str) -> Case:
    """Return the case that a name lies in, locked, if the caller may act on it."""
    case = await store.lock(work.connection, names.number_of(name))
    await admit(work.connection, work.call, case)
    return case


async def seen(connection: Connection, name: str) -> Case:
    """Return the case that a name lies in, if the caller may look at it."""
    case = await store.get(connection, names.number_of(name))
    await admit(connection, current_call(), case)
    return case
