"""How the people of a case stand: sides, consents, mediator, what was screened, who signs in for whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from casework.errors import CaseError, Reason
from casework.session import Meeting
from services.kit.access import Call
from services.kit.database import Connection, text

CITIZEN = "citizen"


class Step(IntEnum):
    """What consent is given to; the numbers are those of the consents' table."""

    MEDIATION = 1


class _Mediation(IntEnum):
    CONSENTED = 2
    MEDIATING = 3
    AGREED = 4


@dataclass(frozen=True, slots=True)
class Standing:
    """The people of a case as they stand now."""

    parties: dict[int, Any]
    """Rows of the parties, withdrawn ones included, by number."""
    unconsented: frozenset[int]
    wishing: frozenset[int]
    mediation: Any
    """Row of the mediation; None where none was proposed."""

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
        return Meeting(self.sides, self.unconsented, apart, self.wishing)

    def parties_of(self, subject: str) -> dict[int, int]:
        """Return the parties somebody signs in for, withdrawn ones included, with their sides."""
        if not subject:
            return {}
        return {party: row.side for party, row in self.parties.items() if row.subject == subject}

    def must_be_live(self) -> None:
        """Raise WRONG_STATE unless the mediation goes on."""
        state = self.mediation.state if self.mediation else 0
        if state not in set(_Mediation) or self.mediation.ended_at is not None:
            raise CaseError(Reason.WRONG_STATE, "mediation", state=str(state))

    @property
    def begins(self) -> bool:
        """Whether the first session has not been held: consented, not yet mediating."""
        return bool(self.mediation) and self.mediation.state == _Mediation.CONSENTED


_PARTIES = text("SELECT party, side, subject, withdrawn_at FROM parties WHERE number = :number ORDER BY party")
# The last word of each party in this attempt counts; silence is no consent, nor is a yes of whoever needs support and
# had nobody beside them.
_CONSENTED = text("""
    SELECT party FROM (
        SELECT DISTINCT ON (party) party, given, assisted_by FROM consents
        WHERE number = :number AND step = :step AND round = (SELECT round FROM mediations WHERE number = :number)
        ORDER BY party, consent DESC
    ) AS latest JOIN parties USING (party)
    WHERE parties.number = :number AND given AND (NOT needs_guardian OR assisted_by > 0)
""")
_WISHING = text("""
    SELECT party FROM (
        SELECT DISTINCT ON (party) party, wished FROM joint_wishes WHERE number = :number ORDER BY party, id DESC
    ) AS latest WHERE wished
""")
_MEDIATION = text("SELECT * FROM mediations WHERE number = :number")
_BEGIN = text("""
    UPDATE mediations SET state = :mediating, version = version + 1 WHERE number = :number AND state = :consented
""")


async def standing(connection: Connection, number: str) -> Standing:
    """Return how the people of a case stand."""
    key = {"number": number}
    parties = {row.party: row for row in await connection.execute(_PARTIES, key)}
    given = {row.party for row in await connection.execute(_CONSENTED, {**key, "step": int(Step.MEDIATION)})}
    wishing = frozenset(row.party for row in await connection.execute(_WISHING, key))
    mediation = (await connection.execute(_MEDIATION, key)).first()
    missing = {party for party, row in parties.items() if row.withdrawn_at is None} - given
    return Standing(parties, frozenset(missing), wishing, mediation)


async def begin(connection: Connection, number: str) -> None:
    """Make a mediation all parties consented to one that goes on: its first session was begun."""
    states = {"mediating": int(_Mediation.MEDIATING), "consented": int(_Mediation.CONSENTED)}
    await connection.execute(_BEGIN, {"number": number, **states})


def admit(call: Call, case: Any, people: Standing) -> frozenset[int] | None:
    """Let the call go on for staff of the case's or the mediator's unit, or for who signs in for a party.

    Returns the parties a citizen signs in for; None for staff, who see all the permission lets them see.
    """
    roles = call.caller.roles - {CITIZEN}
    staff = replace(call.caller, roles=roles)
    units: Iterable[str] = (case.unit, people.mediation.mediator_unit if people.mediation else "")
    if roles and any(call.access.allows(staff, call.permission, unit) for unit in units if unit):
        call.require_person(True)
        return None
    mine = people.parties_of(call.caller.subject) if CITIZEN in call.caller.roles else {}
    call.require_person(bool(mine))
    return frozenset(mine)
