"""For each RPC of the panel a good request, and the panel that it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.mediation.v1 import mediators_pb2
from pb.mediation.v1 import panel_pb2 as pb
from pb.mediation.v1.panel_pb2_grpc import PanelServiceStub

from tests.case_people import Act, enter, new_case
from tests.conftest import COUNTY, Clients, request_id
from tests.world_people import nothing_to_disclose

Maker = Callable[[Any, str], Message]
_CASES: dict[str, str] = {}
"""By the case of each world: a case with a second mediator who was asked, and a proposed assessor."""


def second(name: str) -> pb.PanelMember:
    """Return a second mediator, not yet sent."""
    return pb.PanelMember(role=pb.PANEL_ROLE_SECOND_MEDIATOR, mediator=name)


def assessor(user: str = "", **fields: Any) -> pb.PanelMember:
    """Return an assessor, not yet sent."""
    told = {"display_name": "钟离工程师", "capacity": "房屋鉴定", "user": user, **fields}
    return pb.PanelMember(role=pb.PANEL_ROLE_ASSESSOR, **told)


def case_of(world: str) -> str:
    """Return the case that has the panel, by the case of its world."""
    return _CASES[world]


async def furnish(clients: Clients, world: str) -> None:
    """Give a case whose sides consented a panel."""
    case = (await new_case(clients)).name
    await Act(clients, case).two_sides()
    stub = PanelServiceStub(clients.channels["mediation"])
    for member in (second(await enter(clients, f"units/{COUNTY}")), assessor()):
        request = pb.AddPanelMemberRequest(parent=case, member=member, request_id=request_id())
        await stub.AddPanelMember(request, **clients.as_("unit_head"))
    _CASES[world] = case


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def at(path: str = "") -> Callable[[Any], str]:
        return lambda world: f"{_CASES[world.case]}{path}"

    disclosure: Callable[[Any], mediators_pb2.Disclosure] = lambda w: nothing_to_disclose()  # noqa: E731
    return {
        "AddPanelMember": filled(pb.AddPanelMemberRequest, parent=at(), member=lambda w: assessor()),
        "GetPanelMember": filled(pb.GetPanelMemberRequest, name=at("/panel/1")),
        "ListPanel": filled(pb.ListPanelRequest, parent=at()),
        "AgreePanelMember": filled(
            pb.AgreePanelMemberRequest, name=at("/panel/2"), party=at("/parties/1"), agreed=lambda w: True
        ),
        "AcceptPanelMember": filled(pb.AcceptPanelMemberRequest, name=at("/panel/1"), disclosure=disclosure),
        "DeclinePanelMember": filled(pb.DeclinePanelMemberRequest, name=at("/panel/1")),
        "EndPanelMember": filled(pb.EndPanelMemberRequest, name=at("/panel/1"), reason=lambda w: 3),
    }
