"""For each RPC of grants a good request, and the grant that is revoked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pb.mediation.v1 import grants_pb2 as pb
from pb.mediation.v1.grants_pb2_grpc import GrantServiceStub

from tests.conftest import Clients, request_id

Maker = Callable[[Any, str], Message]


def grant(holder: str = "a-guest", days: int = 10, scope: int = 1) -> pb.Grant:
    """Return a grant to an account for some days, not yet sent."""
    until = Timestamp()
    until.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return pb.Grant(holder=holder, scope=scope, reason="同一工地的另一案件由其办理。", expire_time=until)  # type: ignore[arg-type]


async def furnish(clients: Clients, case: str) -> None:
    """Grant access to a case."""
    request = pb.CreateGrantRequest(parent=case, grant=grant(), request_id=request_id())
    await GrantServiceStub(clients.channels["mediation"]).CreateGrant(request, **clients.as_("unit_head"))


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def case(world: Any) -> str:
        return str(world.case)

    return {
        "CreateGrant": filled(pb.CreateGrantRequest, parent=case, grant=lambda w: grant()),
        "BreakGlass": filled(pb.BreakGlassRequest, parent=case, reason=lambda w: "工人聚集，领导不在岗。"),
        "ListGrants": filled(pb.ListGrantsRequest, parent=case),
        "RevokeGrant": filled(pb.RevokeGrantRequest, name=lambda w: f"{w.case}/grants/1"),
    }
