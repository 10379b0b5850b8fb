"""The people of a case as they stand now: sides, consents, mediator, screening, who signs in for whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

from casework.case import Step
from casework.errors import CaseError, Reason
from casework.mediation.course import MediationState, Scope
from casework.mediation.session import Meeting, is_screened_first
from services.kit.serving.access import PARTIES, Call
from services.kit.storage.database import Connection
from services.mediation import record
from services.mediation.consents import store as consents
from services.mediation.models.cases import Case
from services.mediation.models.consents import Mediation
from services.mediation.models.people import Party
from services.mediation.people import store as people
from services.mediation.sessions import store

_LIVE = frozenset({MediationState.CONSENTED, MediationState.MEDIATING, MediationState.AGREED})


@dataclass(frozen=True, slots=True)
class Standing:
    """The people of a case as they stand now."""

    parties: dict[int, Party]
    """Rows of the parties, withdrawn ones included, by number."""
    unconsented: frozenset[int]
    wishing: frozenset[int]
    mediation: Mediation | None
    """Row of the mediation; None where none was proposed."""
    unscreened: frozenset[int] = frozenset()
    """Parties who were not asked alone about violence, in a matter in which everybody is first."""

    @property
    def mediator(self) -> str:
        """The mediator of record; empty where there is none."""
        return self.mediation.mediator if self.mediation else ""

    @property
    def mediator_unit(self) -> str:
        """The unit of the mediator of record; empty where there is none."""
        return self.mediation.mediator_unit if self.mediation else ""

    @property
    def sides(self) -> dict[int, int]:
        """The side of every party that has not withdrawn."""
        return {party: row.side for party, row in self.parties.items() if row.withdrawn_at is None}

    @property
    def meeting(self) -> Meeting:
        """The facts that decide whether people may meet."""
        apart = self.mediation is not None and self.mediation.joint_barred
        return Meeting(self.sides, self.unconsented, apart, self.wishing, self.unscreened & set(self.sides))

    def parties_of(self, subject: str) -> dict[int, int]:
        """Return the parties somebody signs in for, withdrawn ones included, with their sides."""
        return {party: row.side for party, row in self.parties.items() if record.speaks_for(subject, row)}

    def confided_to(self, subject: str) -> dict[int, int]:
        """Return the parties whose compartment somebody may open, as bound or invited by the mediator of record."""
        mine = self.parties_of(subject)
        rows = {party: self.parties[party] for party in mine}
        confided = {each: row.confided if row.subject == subject else row.code_confided for each, row in rows.items()}
        return {party: side for party, side in mine.items() if confided[party]}

    def must_be_live(self) -> None:
        """Raise WRONG_STATE unless the mediation is in progress."""
        mediation = self.mediation
        if mediation is None or mediation.state not in _LIVE or mediation.ended_at is not None:
            raise CaseError(Reason.WRONG_STATE, "mediation", state=str(int(mediation.state) if mediation else 0))


async def standing(connection: Connection, number: str) -> Standing:
    """Return the people of a case as they stand now."""
    parties = {row.party: row for row in await store.parties(connection, number)}
    said = await people.standing(connection, number)
    wishing, mediation = await store.wishing(connection, number), await consents.find(connection, number)
    return Standing(
        parties, frozenset(said.missing(Step.MEDIATION)), wishing, mediation, await _unscreened(connection, number)
    )


async def _unscreened(connection: Connection, number: str) -> frozenset[int]:
    category = await store.category_of(connection, number)
    if category is None or not is_screened_first(category):
        return frozenset()
    return await store.unscreened(connection, number)


async def admit(
    connection: Connection, call: Call, case: Case, people: Standing, by: frozenset[Scope] = frozenset()
) -> frozenset[int] | None:
    """Raise unless the caller is staff of the case's or the mediator's unit, or signs in for a party.

    Returns the parties somebody signs in for, or is an agent of with one of the powers `by`; None for staff, who see
    all the permission lets them see.
    """
    roles = call.caller.roles - PARTIES
    staff = replace(call.caller, roles=roles)
    if roles and await record.allows(connection, replace(call, caller=staff), case, beside=(people.mediator_unit,)):
        call.require_person(True)
        return None
    if roles == call.caller.roles:
        call.require_person(False)
    mine = frozenset(people.parties_of(call.caller.subject))
    if by:
        acting = await record.principals(connection, call, case.number)
        mine |= {party for party, scopes in acting.items() if scopes & by}
    call.require_person(bool(mine))
    return mine
