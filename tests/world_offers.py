"""For each RPC of offers a good request, and the offer that it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.mediation.v1 import offers_pb2 as pb
from pb.mediation.v1.offers_pb2_grpc import OfferServiceStub

from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
TOWN, BESIDE = "620102001", "620102002"
_OFFERED: dict[str, str] = {}
"""By the case of each world, the offer that is there."""


def offer(to: str = BESIDE, **fields: Any) -> pb.Offer:
    """Return an offer to the township beside, not yet sent."""
    return pb.Offer(**{"offered_unit": f"units/{to}", "reason": "outside-area", **fields})


async def furnish(clients: Clients, world: str) -> None:
    """Offer a case of a township to the one beside."""
    case = await clients.accept(await clients.file_report("水渠堵了，浇不上地。", unit=f"units/{TOWN}"))
    request = pb.CreateOfferRequest(parent=case.name, offer=offer(), request_id=request_id())
    stub = OfferServiceStub(clients.channels["mediation"])
    _OFFERED[world] = (await stub.CreateOffer(request, **clients.as_("unit_head", TOWN))).name


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def name(path: str = "") -> Callable[[Any], str]:
        return lambda world: f"{_OFFERED[world.case]}{path}"

    return {
        "CreateOffer": filled(
            pb.CreateOfferRequest, parent=lambda w: name()(w).partition("/offers/")[0], offer=lambda w: offer()
        ),
        "GetOffer": filled(pb.GetOfferRequest, name=name()),
        "ListOffers": filled(
            pb.ListOffersRequest, parent=lambda w: name()(w).partition("/offers/")[0], unit=lambda w: f"units/{COUNTY}"
        ),
        "GetOfferedMatter": filled(pb.GetOfferedMatterRequest, name=name("/matter")),
        "AcceptOffer": filled(pb.AcceptOfferRequest, name=name()),
        "DeclineOffer": filled(pb.DeclineOfferRequest, name=name(), reason=lambda w: "no-room"),
        "WithdrawOffer": filled(pb.WithdrawOfferRequest, name=name()),
    }
