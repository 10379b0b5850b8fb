"""Who may act on a case: decided by the case, besides the role. The one place that decides it.

A policy in `rules/access/` may require a `Part` besides a role; the parts of the caller in a case are looked up here.
"""

from __future__ import annotations

from collections.abc import Iterable

from casework import names
from casework.case import Stage
from casework.door.complaint import lies_within
from casework.errors import CaseError, Reason
from casework.mediation.choosing import PanelRole
from casework.mediation.course import Scope
from services.kit import dates
from services.kit.command import Work
from services.kit.serving.access import NO_PARTS, PARTIES, Call, Part, current_call, holds_office
from services.kit.storage import access_log
from services.kit.storage.database import Connection
from services.mediation import store
from services.mediation.models.cases import Case
from services.mediation.models.grants import GrantScope
from services.mediation.models.people import Party
from services.mediation.people import store as people

A_PARTY = "a-party"
"""Named in the history instead of the party that had somebody replaced."""
_GRANTED = frozenset({Part.reader, Part.worker})
_POWERS = {
    Scope.SPEAK: Part.agent_speaks, Scope.RECEIVE: Part.agent_receives, Scope.NEGOTIATE: Part.agent_negotiates,
    Scope.PROCEDURE: Part.agent_proceeds,
}  # fmt: skip
ANY = frozenset(Scope)
"""For what an agent may do with any powers."""


async def parts(connection: Connection, call: Call, case: Case) -> frozenset[Part]:
    """Return the parts of the caller in a case."""
    caller, under = call.caller, call.access.lies_under
    acting = await agency(connection, call, case.number)
    if caller.matter and is_agent(caller.matter):
        return acting
    if caller.matter:
        # Whoever signed in with a code has the part that the code gives, in that one case, and no other.
        own = Part.party if caller.matter.startswith("cases/") else Part.holder
        return frozenset({own}) if caller.case == names.case_name(case.number) else NO_PARTS
    says = await store.says(connection, case.number, caller.subject, call.time.now())
    # A unit that is no longer in the list is under no other unit.
    co_units = [unit for unit in says.units or () if unit != case.unit and call.access.knows(unit)]
    found = {
        Part.accountable: caller.unit == case.unit,
        Part.co_unit: any(under(unit, caller.unit) for unit in co_units),
        Part.mediator: bool(says.mediator) and says.mediator == caller.subject,
        Part.mediator_unit: bool(says.mediator_unit) and under(says.mediator_unit, caller.unit),
        Part.second_mediator: says.panel is PanelRole.SECOND_MEDIATOR,
        # Invited for the mediation alone: once the case is closed, it is as closed to them as to anybody else.
        Part.assessor: says.panel is PanelRole.ASSESSOR and case.stage is not Stage.CLOSED,
        Part.candidate: says.is_asked,
        Part.preparing: not says.mediator and not says.is_out,
        Part.party: says.is_party,
        Part.reader: says.scope is not None,
        Part.worker: says.scope is GrantScope.WORK,
    }
    return acting | frozenset(part for part, is_so in found.items() if is_so)


def is_agent(matter: str) -> bool:
    """Return whether a token is that of an agent, by what it is good for."""
    return "/companions/" in matter


async def agency(connection: Connection, call: Call, number: str) -> frozenset[Part]:
    """Return the parts that somebody has in a case as an agent or representative of a party."""
    scopes = frozenset[Scope]().union(*(await principals(connection, call, number)).values())
    return frozenset({Part.agent, *(_POWERS[scope] for scope in scopes)}) if scopes else NO_PARTS


async def principals(connection: Connection, call: Call, number: str) -> dict[int, frozenset[Scope]]:
    """Return the parties for whom somebody without an office acts today, and what they may do for each."""
    if not call.caller.roles & PARTIES:
        return {}
    return await people.powers(connection, number, call.caller.subject, dates.today(call.time.now()))


async def allows(
    connection: Connection, call: Call, case: Case, *, made_by: str = "", beside: Iterable[str] = (),
    on_record: bool = True,
) -> bool:  # fmt: skip
    """Return whether role and case together allow the call.

    `made_by` is the author of the requested resource; `beside` are units that have the permission besides the
    accountable one: that of the task or of the mediator that the call is about. With `on_record=False` nothing is
    logged: for what is prepared before the call's transaction, which checks again.
    """
    units = (case.unit, *(unit for unit in beside if unit))
    access, caller = call.access, call.caller
    if lies_within(case.about, caller.unit):
        # A unit that is complained about has no part in it, whatever was dispatched there: 信访工作条例 art. 30.
        return False
    if not any(access.depends_on_parts(caller, call.permission, unit) for unit in units):
        return any(access.allows(caller, call.permission, unit) for unit in units)
    found = await parts(connection, call, case)
    if made_by and made_by == caller.subject:
        found |= {Part.maker}
    allowed = any(access.allows(caller, call.permission, unit, found) for unit in units)
    by_right = found - _GRANTED
    if on_record and allowed and not any(access.allows(caller, call.permission, unit, by_right) for unit in units):
        # Every access that depends on a grant is shown to the parties.
        grant = await store.by_which(connection, case.number, caller.subject, call.time.now())
        await access_log.record(connection, call, call.time.now(), case.number, grant=grant)
    return allowed


async def admit(
    connection: Connection, call: Call, case: Case, *, made_by: str = "", beside: Iterable[str] = ()
) -> None:
    """Check that role and case together allow the call, or raise PERMISSION_DENIED; see `allows`."""
    call.require_person(await allows(connection, call, case, made_by=made_by, beside=beside))


def is_party(call: Call) -> bool:
    """Return whether the caller acts for themselves, as a party or a reporter.

    In their own case officials do as well: `services/kit/serving/request/exclusions.py` takes the offices off the call.
    """
    return not holds_office(call.caller)


def speaks_for(subject: str, party: Party) -> bool:
    """Return whether an account signs in for a party: the account bound to it, or its invitation.

    The subject of a token that an invitation gave is the party's name; no account is called like that.
    """
    return bool(subject) and subject in (party.subject, names.party_name(party.number, party.party))


async def must_act_for(connection: Connection, call: Call, party: Party, scopes: frozenset[Scope] = ANY) -> None:
    """Raise PERMISSION_DENIED if a party acts for another one, unless as its agent with one of these powers."""
    if is_party(call) and not speaks_for(call.caller.subject, party):
        powers = (await principals(connection, call, party.number)).get(party.party, frozenset())
        call.require_person(bool(powers & scopes))


def must_be_own(call: Call, party: Party) -> None:
    """Raise PERMISSION_DENIED if a party acts for another one."""
    if is_party(call) and not speaks_for(call.caller.subject, party):
        raise CaseError(Reason.PERMISSION_DENIED, permission=call.permission)


async def locked(work: Work, name: str) -> Case:
    """Return the case that a name belongs to, locked, if the caller may act on it."""
    case = await store.lock(work.connection, names.number_of(name))
    await admit(work.connection, work.call, case)
    return case


async def seen(connection: Connection, name: str) -> Case:
    """Return the case that a name belongs to, if the caller may read it."""
    case = await store.get(connection, names.number_of(name))
    await admit(connection, current_call(), case)
    return case
