"""Members of the panel as messages; the name of an assessor only where it is read, never in a stored answer."""

from __future__ import annotations

from pb.mediation.v1 import panel_pb2 as pb

from casework import names
from services.kit.instants import stamp
from services.kit.numbers import numbers
from services.kit.storage.sealing import CaseSealer
from services.mediation.models.mediators import PanelMember


def member(row: PanelMember, *, party: bool = False) -> pb.PanelMember:
    """Return a member without a name; a party does not see who else agreed."""
    return pb.PanelMember(
        name=names.panel_name(row.number, row.member),
        etag=str(row.version),
        mediator=names.mediator_name(row.mediator) if row.mediator else "",
        user="" if party else row.subject,
        agreed=[] if party else [names.party_name(row.number, each) for each in row.agreed],
        add_time=stamp(row.added_at),
        accept_time=stamp(row.accepted_at),
        end_time=stamp(row.ended_at),
        **numbers(role=row.role, state=row.state, end_reason=row.reason),
    )


def named(row: PanelMember, name: str, opener: CaseSealer | None, *, party: bool = False) -> pb.PanelMember:
    """Return a member with the name of the register, or what is sealed of an assessor."""
    shown = member(row, party=party)
    if opener is not None and row.sealed is not None:
        said = pb.PanelMember.FromString(opener.open(row.sealed))
        shown.display_name, shown.capacity = said.display_name, said.capacity
    else:
        shown.display_name = name
    return shown
