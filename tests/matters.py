"""Matters of the ledger as tests make them: from the counter to wherever a test begins."""

from __future__ import annotations

from datetime import date
from typing import Any

from google.type import date_pb2
from pb.escalation.v1 import ledger_pb2 as pb
from pb.escalation.v1 import ledger_pb2_grpc

from tests.conftest import request_id

COUNTY = "620102"
HOUSING, LABOUR, LAND = "620102-housing", "620102-labour", "620102-land"
FACTS = pb.MatterFacts(people_affected=60, amount_fen=600_000_000, scope=3, impact=2)
MINOR = pb.MatterFacts(people_affected=2, scope=1, impact=1)
RESPONSIBLE, LEAD, CO = 1, 2, 3


def as_date(day: date) -> date_pb2.Date:
    """Return the proto date of a day."""
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)


def part(
    kind: int, unit: str, due: date, measures: str = "逐户核实，分期兑付。", office: str = "分管副局长"
) -> pb.Assignment:
    """Return a unit's part, not yet given."""
    return pb.Assignment(part=kind, unit=f"units/{unit}", due_date=as_date(due), measures=measures, office=office)  # type: ignore[arg-type]


class Ledger:
    """A ledger driven over gRPC; `as_` gives the keyword arguments of a call in a role of a unit."""

    def __init__(self, channel: Any, as_: Any) -> None:
        self.stub = ledger_pb2_grpc.LedgerServiceStub(channel)
        self.as_ = as_

    async def do(self, method: str, role: str, unit: str = COUNTY, /, **fields: Any) -> Any:
        """Call an RPC in a role of a unit, a command under a request id of its own; `sub` is the account."""
        request_type = getattr(pb, f"{method}Request")
        sub = fields.pop("sub", None)
        if "request_id" in request_type.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", request_id())
        return await getattr(self.stub, method)(request_type(**fields), **self.as_(role, unit, sub))

    async def register(self, unit: str = COUNTY, title: str = "安置房逾期交付", **fields: Any) -> Any:
        """Put a matter on the county's ledger."""
        told = {"level": 1, "place": f"units/{unit}", "category": "categories/expropriation", **fields}
        content = pb.MatterContent(title=title, facts="六十户安置房逾期两年未交付。")
        return await self.do("RegisterMatter", "supervisor", "62", matter=pb.Matter(**told), content=content)  # type: ignore[arg-type]

    async def graded(self, facts: pb.MatterFacts = FACTS, **fields: Any) -> Any:
        """Return a matter that was graded."""
        matter = await self.register(**fields)
        return await self.do("GradeMatter", "supervisor", "62", name=matter.name, facts=facts)

    async def assigned(self, due: date, *co: str, facts: pb.MatterFacts = FACTS, **fields: Any) -> Any:
        """Return a matter that the housing bureau answers for, and others work on."""
        matter = await self.graded(facts, **fields)
        parts = [part(RESPONSIBLE, HOUSING, due), *(part(CO, unit, due) for unit in co)]
        return await self.do("AssignMatter", "supervisor", "62", name=matter.name, assignments=parts)

    async def progressed(self, name: str, assignment: int = 1) -> Any:
        """Report progress for a unit."""
        return await self.do(
            "ReportProgress", "handler", "62", name=f"{name}/assignments/{assignment}", text="已签订分期交付协议。",
            sub="handler-1",
        )  # fmt: skip

    async def requested(self, name: str) -> Any:
        """Add evidence and ask for striking off."""
        told = pb.MatterEvidence(reference="doc-1", sha256="ab" * 32, description="交付验收单。")
        added = await self.do("AddMatterEvidence", "handler", "62", parent=name, evidence=told)
        return await self.do(
            "RequestStrikeOff", "handler", "62", name=name, evidence=[added.name], text="全部交付。", sub="handler-1"
        )

    async def verified(self, name: str, verdict: int = 1, reason: str = "") -> Any:
        """Check a request as somebody of the county."""
        return await self.do("VerifyStrikeOff", "reviewer", COUNTY, name=name, verdict=verdict, reason=reason)
