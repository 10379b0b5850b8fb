"""Who attends for the mediation: the mediator of record and the members of the panel, each with its name."""

from __future__ import annotations

from collections.abc import Iterable

from pb.mediation.v1 import panel_pb2
from pb.mediation.v1 import sessions_pb2 as pb

from casework import names
from casework.errors import Reason, field_error
from casework.mediation.choosing import PanelRole
from services.kit.storage.database import Connection
from services.kit.storage.sealing import CaseSealer
from services.mediation.mediators import store as mediators
from services.mediation.models.cases import Case
from services.mediation.models.mediators import PanelMember
from services.mediation.panel import store
from services.mediation.sessions.standing import Standing

_ROLES = {
    PanelRole.SECOND_MEDIATOR: pb.ATTENDEE_ROLE_MEDIATOR,
    PanelRole.ASSESSOR: pb.ATTENDEE_ROLE_ASSESSOR,
}


async def fill_in(
    connection: Connection, case: Case, people: Standing, attendances: Iterable[pb.Attendance], opener: CaseSealer
) -> None:
    """Fill in number and name of each member of the panel, and the name of the mediator of record.

    INVALID_FIELD names an entry whose member does not take part, or not in this role.
    """
    for index, each in enumerate(attendances):
        at = f"attendances[{index}].member"
        if each.member:
            if names.number_of(each.member) != case.number:
                raise field_error(at, Reason.INVALID_FIELD, "of another case")
            row = await store.get(connection, case.number, names.index_of(each.member, "panel"))
            if row.accepted_at is None or _ROLES[row.role] != each.role:
                raise field_error(at, Reason.INVALID_FIELD, "does not take part in this role")
            each.ordinal, each.display_name = row.member, await _name_of(connection, row, opener)
        elif each.role == pb.ATTENDEE_ROLE_ASSESSOR:
            raise field_error(at, Reason.INVALID_FIELD, "needed for an assessor")
        elif each.role == pb.ATTENDEE_ROLE_MEDIATOR and not each.ordinal and not each.display_name:
            candidate = people.mediation.candidate if people.mediation and people.mediator else ""
            if candidate:
                each.display_name = (await mediators.get(connection, candidate)).display_name


async def _name_of(connection: Connection, row: PanelMember, opener: CaseSealer) -> str:
    if row.mediator:
        return (await mediators.get(connection, row.mediator)).display_name
    if row.sealed is None:
        return ""
    return panel_pb2.PanelMember.FromString(opener.open(row.sealed)).display_name
