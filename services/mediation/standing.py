"""The state of a mediation, for the commands of its agreement and of what follows from it."""

from __future__ import annotations

from casework.case import Step
from casework.errors import CaseError, Reason
from casework.mediation.course import MediationState, PeopleStanding
from services.kit.storage.database import Connection
from services.mediation.consents.store import find as mediation
from services.mediation.consents.store import lock
from services.mediation.models.consents import Mediation
from services.mediation.people.store import standing

__all__ = ("MediationState", "PeopleStanding", "Step", "mediation", "mediator_only", "standing", "under_way")


async def under_way(connection: Connection, number: str) -> Mediation:
    """Return the mediation of a case, locked; NOT_IN_MEDIATION unless it goes on with all consents and a mediator."""
    row = await lock(connection, number)
    if row is None or row.ended_at is not None or row.state is not MediationState.MEDIATING:
        raise CaseError(Reason.NOT_IN_MEDIATION, number)
    return row


def mediator_only(row: Mediation, actor: str) -> None:
    """Raise NOT_THE_MEDIATOR unless the caller is the mediator of record."""
    if not row.mediator or row.mediator != actor:
        raise CaseError(Reason.NOT_THE_MEDIATOR)
