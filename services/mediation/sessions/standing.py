"""How the people of a case stand: sides, consents, mediator, what was screened, who signs in for whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from casework.errors import CaseError, Reason
from casework.mediation.course import MediationState, Step
from casework.mediation.session import Meeting, is_screened_first
from services.kit.serving.access import Call
from services.kit.storage.database import Connection, text
from services.mediation import record
from services.mediation.people import store as people

CITIZEN = "citizen"


_LIVE = frozenset({MediationState.CONSENTED, MediationState.MEDIATING, MediationState.AGREED})


@dataclass(frozen=True, slots=True)
class Standing:
    """The people of a case as they stand now."""

    parties: dict[int, Any]
    """Rows of the parties, withdrawn ones included, by number."""
    unconsented: frozenset[int]
    wishing: frozenset[int]
    mediation: Any
    """Row of the mediation; None where none was proposed."""
    unscreened: frozenset[int] = frozenset()
    """Parties who were not asked alone about violence, in a matter in which everybody is first."""

    @property
    def mediator(self) -> str:
        """Who the mediator of record is; empty where there is none."""
        return self.mediation.mediator if self.mediation else ""

    @property
    def sides(self) -> dict[int, int]:
        """The side of every party that has not withdrawn."""
        return {party: row.side for party, row in self.parties.items() if row.withdrawn_at is None}

    @property
    def meeting(self) -> Meeting:
        """What decides whether people may sit together."""
        apart = bool(self.mediation) and self.mediation.joint_barred
        return Meeting(self.sides, self.unconsented, apart, self.wishing, self.unscreened & set(self.sides))

    def parties_of(self, subject: str) -> dict[int, int]:
        """Return the parties somebody signs in for, withdrawn ones included, with their sides."""
        if not subject:
            return {}
        return {party: row.side for party, row in self.parties.items() if row.subject == subject}

    def confided_to(self, subject: str) -> dict[int, int]:
        """Return the parties for whom somebody opens the compartment: those the mediator of record bound them to."""
        return {party: side for party, side in self.parties_of(subject).items() if self.parties[party].confided}

    def must_be_live(self) -> None:
        """Raise WRONG_STATE unless the mediation goes on."""
        state = self.mediation.state if self.mediation else 0
        if state not in _LIVE or self.mediation.ended_at is not None:
            raise CaseError(Reason.WRONG_STATE, "mediation", state=str(state))


_PARTIES = text(
    "SELECT party, side, subject, confided, withdrawn_at FROM parties WHERE number = :number ORDER BY party"
)
_WISHING = text("""
    SELECT party FROM (
        SELECT DISTINCT ON (party) party, wished FROM joint_wishes WHERE number = :number ORDER BY party, id DESC
    ) AS latest WHERE wished
""")
_CATEGORY = text("SELECT category FROM cases WHERE number = :number")
_UNSCREENED = text("""
    SELECT party FROM parties WHERE number = :number AND NOT EXISTS (
        SELECT FROM screenings WHERE screenings.number = parties.number AND screenings.party = parties.party)
""")
_MEDIATION = text("SELECT * FROM mediations WHERE number = :number")


async def standing(connection: Connection, number: str) -> Standing:
    """Return how the people of a case stand."""
    key = {"number": number}
    parties = {row.party: row for row in await connection.execute(_PARTIES, key)}
    said = await people.standing(connection, number)
    wishing = frozenset(row.party for row in await connection.execute(_WISHING, key))
    mediation = (await connection.execute(_MEDIATION, key)).first()
    return Standing(
        parties, frozenset(said.missing(Step.MEDIATION)), wishing, mediation, await _unscreened(connection, key)
    )


async def _unscreened(connection: Connection, key: dict[str, str]) -> frozenset[int]:
    category = await connection.scalar(_CATEGORY, key)
    if category is None or not is_screened_first(category):
        return frozenset()
    return frozenset(row.party for row in await connection.execute(_UNSCREENED, key))


async def admit(connection: Connection, call: Call, case: Any, people: Standing) -> frozenset[int] | None:
    """Let the call go on for staff of the case's or the mediator's unit, or for who signs in for a party.

    Returns the parties a citizen signs in for; None for staff, who see all the permission lets them see.
    """
    roles = call.caller.roles - {CITIZEN}
    staff = replace(call.caller, roles=roles)
    beside = (people.mediation.mediator_unit if people.mediation else "",)
    if roles and await record.allows(connection, replace(call, caller=staff), case, beside=beside):
        call.require_person(True)
        return None
    mine = people.parties_of(call.caller.subject) if CITIZEN in call.caller.roles else {}
    call.require_person(bool(mine))
    return frozenset(mine)
