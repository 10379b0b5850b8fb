"""For each RPC of the ledger a good request, and matters in every state that one asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from pb.escalation.v1 import ledger_pb2 as pb

from casework.clocks.calendar import LOCAL
from tests import matters
from tests.conftest import COUNTY, Clients
from tests.matters import CO, FACTS, HOUSING, LABOUR, LAND, RESPONSIBLE, as_date, part

Maker = Callable[[Any, str], Message]


@dataclass(frozen=True)
class Ledger:
    """Matters of the county, by how far they have come."""

    graded: str
    worked: str
    ready: str
    checking: str
    struck_off: str
    city: str
    """One on the city's ledger."""


def _day(days: int) -> date:
    return datetime.now(LOCAL).date() + timedelta(days=days)


async def new_ledger(clients: Clients) -> Ledger:
    """Return matters of the county's ledger, one in each state."""
    ledger = matters.Ledger(clients.channels["escalation"], clients.as_)
    graded = await ledger.graded()
    worked, ready, checking, struck_off = [await ledger.assigned(_day(30)) for _ in range(4)]
    extra = await ledger.graded()
    parts = [part(RESPONSIBLE, HOUSING, _day(30)), part(CO, LABOUR, _day(20)), part(CO, "620102-police", _day(20))]
    worked = await ledger.do("AssignMatter", "supervisor", "62", name=extra.name, assignments=parts)
    evidence = pb.MatterEvidence(reference="doc-1")
    await ledger.do("AddMatterEvidence", "handler", "62", parent=ready.name, evidence=evidence)
    for each in (ready, checking, struck_off):
        await ledger.progressed(each.name)
    for each in (checking, struck_off):
        await ledger.requested(each.name)
    await ledger.verified(struck_off.name)
    city = await ledger.register(level=2)
    return Ledger(graded.name, worked.name, ready.name, checking.name, struck_off.name, city.name)


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def of(state: str, path: str = "") -> Callable[[Any], str]:
        return lambda world: f"{getattr(world.ledger, state)}{path}"

    def one(_: Any) -> int:
        return 1

    def reason(_: Any) -> str:
        return "new-facts"

    def text(_: Any) -> str:
        return "已逐户核实。"

    def parts(_: Any) -> list[pb.Assignment]:
        return [part(RESPONSIBLE, HOUSING, _day(30)), part(CO, LABOUR, _day(20))]

    def matter(_: Any) -> pb.Matter:
        return pb.Matter(level=1, place=f"units/{COUNTY}", category="categories/land")  # type: ignore[arg-type]

    def evidence(_: Any) -> pb.MatterEvidence:
        return pb.MatterEvidence(reference="doc-2", description="收据。")

    return {
        "RegisterMatter": filled(pb.RegisterMatterRequest, matter=matter,
                                 content=lambda w: pb.MatterContent(title="土地补偿款", facts="未足额发放。")),
        "GradeMatter": filled(pb.GradeMatterRequest, name=of("graded"), facts=lambda w: FACTS, reason=reason),
        "AssignMatter": filled(pb.AssignMatterRequest, name=of("graded"), assignments=parts),
        "ReassignAssignment": filled(pb.ReassignAssignmentRequest, name=of("worked", "/assignments/3"), reason=reason,
                                     unit=lambda w: f"units/{LAND}"),
        "ExtendAssignment": filled(pb.ExtendAssignmentRequest, name=of("worked", "/assignments/1"), reason=reason,
                                   due_date=lambda w: as_date(_day(40))),
        "NameOfficial": filled(pb.NameOfficialRequest, name=of("worked", "/assignments/1"),
                               official=lambda w: "official-1"),
        "AddMatterEvidence": filled(pb.AddMatterEvidenceRequest, parent=of("worked"), evidence=evidence),
        "ListMatterEvidence": filled(pb.ListMatterEvidenceRequest, parent=of("ready")),
        "ReportProgress": filled(pb.ReportProgressRequest, name=of("worked", "/assignments/1"), text=text),
        "FinishAssignment": filled(pb.FinishAssignmentRequest, name=of("worked", "/assignments/2"), text=text),
        "RequestStrikeOff": filled(pb.RequestStrikeOffRequest, name=of("ready"), text=text,
                                   evidence=lambda w: [f"{w.ledger.ready}/evidence/1"]),
        "VerifyStrikeOff": filled(pb.VerifyStrikeOffRequest, name=of("checking"), verdict=lambda w: 2, reason=reason,
                                  text=text),
        "RecordLookBack": filled(pb.RecordLookBackRequest, name=of("struck_off", "/lookBacks/30"), text=text,
                                 result=lambda w: 2),
        "MoveLevel": filled(pb.MoveLevelRequest, name=of("city"), level=one, reason=reason, text=text,
                            keeper=lambda w: f"units/{COUNTY}"),
        "GetMatter": filled(pb.GetMatterRequest, name=of("worked")),
        "ReadMatter": filled(pb.ReadMatterRequest, name=of("worked", "/text")),
        "ListMatters": filled(pb.ListMattersRequest, unit=lambda w: f"units/{COUNTY}"),
        "CountMatters": filled(pb.CountMattersRequest, unit=lambda w: f"units/{COUNTY}"),
        "ListMatterHistory": filled(pb.ListMatterHistoryRequest, parent=of("worked")),
        "ListMatterReadings": filled(pb.ListMatterReadingsRequest, parent=of("worked")),
        "ExportMatters": filled(pb.ExportMattersRequest, unit=lambda w: f"units/{COUNTY}"),
    }  # fmt: skip
