"""For each RPC of forwards a good request, and the reports that they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.intake.v1 import forwards_pb2 as pb
from pb.intake.v1.forwards_pb2_grpc import ForwardServiceStub

from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
TOWN, BESIDE = "620102001", "620102002"
WHY, WHY_NOT = "这条水渠在另一个镇。", "水渠在界上，不是我们的。"
_REPORTS: dict[str, dict[str, str]] = {}
"""By the case of each world, the report that each RPC is about."""


async def forwarded(clients: Clients, report: str, to: str = BESIDE, by: str = TOWN) -> str:
    """Forward a report of a township, and return the name of the forward."""
    request = pb.ForwardReportRequest(name=report, unit=f"units/{to}", reason=WHY, request_id=request_id())
    stub = ForwardServiceStub(clients.channels["intake"])
    return str((await stub.ForwardReport(request, **clients.as_("unit_head", by))).name)


async def _sent_back(clients: Clients, report: str) -> None:
    await forwarded(clients, report)
    request = pb.SendBackReportRequest(name=report, reason=WHY_NOT, request_id=request_id())
    await ForwardServiceStub(clients.channels["intake"]).SendBackReport(request, **clients.as_("unit_head", BESIDE))


async def furnish(clients: Clients, world: str) -> None:
    """File reports of a township, forwarded to the one beside as far as each RPC needs."""
    found = {}
    for rpc in ("ForwardReport", "TakeOverReport", "SendBackReport", "RecallReport", "DecideForward", "GetForward"):
        found[rpc] = (await clients.file_report("水渠堵了，浇不上地。", unit=f"units/{TOWN}")).name
    for rpc in ("TakeOverReport", "SendBackReport", "RecallReport", "GetForward"):
        await forwarded(clients, found[rpc])
    for _ in range(2):
        await _sent_back(clients, found["DecideForward"])
    _REPORTS[world] = found


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def of(rpc: str, path: str = "") -> Callable[[Any], str]:
        return lambda world: f"{_REPORTS[world.case][rpc]}{path}"

    return {
        "ForwardReport": filled(
            pb.ForwardReportRequest, name=of("ForwardReport"), unit=lambda w: f"units/{BESIDE}", reason=lambda w: WHY
        ),
        "TakeOverReport": filled(pb.TakeOverReportRequest, name=of("TakeOverReport")),
        "SendBackReport": filled(pb.SendBackReportRequest, name=of("SendBackReport"), reason=lambda w: WHY_NOT),
        "RecallReport": filled(pb.RecallReportRequest, name=of("RecallReport")),
        "DecideForward": filled(
            pb.DecideForwardRequest,
            name=of("DecideForward"),
            unit=lambda w: f"units/{BESIDE}",
            decision=lambda w: "水渠的闸在那边。",
        ),
        "GetForward": filled(pb.GetForwardRequest, name=of("GetForward", "/forwards/1")),
        "ListForwards": filled(pb.ListForwardsRequest, parent=of("GetForward"), unit=lambda w: f"units/{COUNTY}"),
    }
