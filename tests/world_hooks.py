"""A subscription of the county's system, and for each RPC of subscriptions a good request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.hooks.v1 import hooks_pb2 as pb
from pb.hooks.v1.hooks_pb2_grpc import SubscriptionServiceStub

from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
RIGHT_UNIT = dict.fromkeys(("LeaseSubscriptions", "RecordDeliveries"), "cn")
"""About the subscriptions of all units."""
URL = "https://receiver.invalid/events"
_SUBSCRIPTIONS: dict[str, str] = {}
"""A subscription, by the case of each world."""


def new_subscription(**fields: Any) -> pb.CreateSubscriptionRequest:
    """Return a good subscription of the county to what hardly ever happens."""
    given = {"unit": f"units/{COUNTY}", "url": URL, "types": ["CaseDataReleased"], **fields}
    return pb.CreateSubscriptionRequest(**given, request_id=request_id())


async def furnish(clients: Clients, world: str) -> None:
    """Subscribe to the county."""
    stub = SubscriptionServiceStub(clients.channels["intake"])
    made = await stub.CreateSubscription(new_subscription(), **clients.as_("integrator"))
    _SUBSCRIPTIONS[world] = made.name


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def name(world: Any) -> str:
        return _SUBSCRIPTIONS[world.case]

    return {
        "CreateSubscription": lambda world, server: new_subscription(),
        "GetSubscription": filled(pb.GetSubscriptionRequest, name=name),
        "ListSubscriptions": filled(pb.ListSubscriptionsRequest, unit=lambda w: f"units/{COUNTY}"),
        "RotateSubscriptionSecret": filled(pb.RotateSubscriptionSecretRequest, name=name),
        "ResumeSubscription": filled(pb.ResumeSubscriptionRequest, name=name),
        "ListUndelivered": filled(pb.ListUndeliveredRequest, parent=name),
        "ReplayDeadLetters": filled(pb.ReplayDeadLettersRequest, name=name),
        "LeaseSubscriptions": filled(pb.LeaseSubscriptionsRequest, lease=lambda w: "test-lease",
                                     lease_seconds=lambda w: 1),
        "RecordDeliveries": filled(pb.RecordDeliveriesRequest, name=name, lease=lambda w: "another-lease",
                                   lease_seconds=lambda w: 1),
        "EndSubscription": filled(pb.EndSubscriptionRequest, name=name),
    }  # fmt: skip
