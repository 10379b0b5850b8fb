"""Where a mediation stands, for the commands of its agreement and of what comes of it."""

from __future__ import annotations

from typing import Any

from casework.errors import CaseError, Reason
from casework.mediation.course import MediationState, PeopleStanding, Step
from services.kit.storage.database import Connection, text
from services.mediation.people.store import standing

__all__ = ("MediationState", "PeopleStanding", "Step", "mediation", "mediator_only", "standing", "under_way")

_MEDIATION = "SELECT * FROM mediations WHERE number = :number"


async def mediation(connection: Connection, number: str) -> Any:
    """Return the mediation of a case; None where it has none."""
    return (await connection.execute(text(_MEDIATION), {"number": number})).first()


async def under_way(connection: Connection, number: str) -> Any:
    """Return the mediation of a case, locked; NOT_IN_MEDIATION unless it goes on with all consents and a mediator."""
    row = (await connection.execute(text(_MEDIATION + " FOR UPDATE"), {"number": number})).first()
    if row is None or row.ended_at is not None or row.state != MediationState.MEDIATING:
        raise CaseError(Reason.NOT_IN_MEDIATION, number)
    return row


def mediator_only(row: Any, actor: str) -> None:
    """Raise NOT_THE_MEDIATOR unless the caller is the mediator of record."""
    if not row.mediator or row.mediator != actor:
        raise CaseError(Reason.NOT_THE_MEDIATOR)
