"""Who stands in a mediation, read from the tables of people.

Stand-in for `services.mediation.people.store.standing`, with its signature; goes when the branches are merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from casework.errors import CaseError, Reason
from services.kit.database import Connection, text
from services.kit.sealing import CaseSealer, Sealer


class Step(IntEnum):
    """What a consent is to; the numbers are those of the contract."""

    MEDIATION = 1
    SESSION = 2
    EXTENSION = 3
    SETTLEMENT = 4
    CONFIRMATION = 5


class MediationState(IntEnum):
    """Where a mediation stands; the numbers are those of the contract."""

    PROPOSED = 1
    CONSENTED = 2
    MEDIATING = 3
    AGREED = 4
    NOT_AGREED = 5
    WITHDRAWN = 6


@dataclass(frozen=True, slots=True)
class PeopleStanding:
    """The parties of a case as (party, side, withdrawn), and what they consented to."""

    parties: list[tuple[int, int, bool]]
    consents: frozenset[tuple[int, int]]
    minors: bool = False

    @property
    def there(self) -> dict[int, int]:
        """The side of each party who has not withdrawn."""
        return {party: side for party, side, withdrawn in self.parties if not withdrawn}

    def consented(self, step: int) -> set[int]:
        """Return the parties whose last word on the step is yes."""
        return {party for party, asked in self.consents if asked == step}

    def missing(self, step: int) -> set[int]:
        """Return the parties still there whose consent to the step is missing."""
        return set(self.there) - self.consented(step)


_PARTIES = text("SELECT * FROM parties WHERE number = :number ORDER BY party")
_CONSENTS = text("""
    SELECT DISTINCT ON (party, step) party, step, given FROM consents WHERE number = :number
    ORDER BY party, step, at DESC
""")
_MEDIATION = "SELECT * FROM mediations WHERE number = :number"


async def standing(connection: Connection, number: str) -> PeopleStanding:
    """Return who stands in the mediation of a case."""
    rows = (await connection.execute(_PARTIES, {"number": number})).all()
    consents = (await connection.execute(_CONSENTS, {"number": number})).all()
    return PeopleStanding(
        [(row.party, row.side, row.withdrawn_at is not None) for row in rows],
        frozenset((row.party, row.step) for row in consents if row.given),
        any(row.needs_guardian for row in rows),
    )


async def mediation(connection: Connection, number: str) -> Any:
    """Return the mediation of a case; None where it has none."""
    return (await connection.execute(text(_MEDIATION), {"number": number})).first()


async def under_way(connection: Connection, number: str) -> Any:
    """Return the mediation of a case, locked; NOT_IN_MEDIATION unless it is going on with everybody's consent."""
    row = (await connection.execute(text(_MEDIATION + " FOR UPDATE"), {"number": number})).first()
    if row is None or row.ended_at is not None or row.state not in (MediationState.CONSENTED, MediationState.MEDIATING):
        raise CaseError(Reason.NOT_IN_MEDIATION, number)
    return row


def mediator_only(row: Any, actor: str) -> None:
    """Raise NOT_MEDIATOR unless the caller is the mediator of record."""
    if not row.mediator or row.mediator != actor:
        raise CaseError(Reason.NOT_MEDIATOR)


_SET_KEY = text("UPDATE cases SET sealed_key = :key WHERE number = :number")


async def case_sealer(connection: Connection, sealer: Sealer, case: Any) -> CaseSealer:
    """Return what seals under the case's data key; a case opened without contents gets its key now."""
    wrapped = case.sealed_key
    if wrapped is None:
        wrapped = sealer.new_key(case.number)
        await connection.execute(_SET_KEY, {"key": wrapped, "number": case.number})
    return sealer.under(case.number, wrapped)
