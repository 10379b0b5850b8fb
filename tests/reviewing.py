"""Reviews of petitions in tests: answered, asked about, decided, each step by an official of its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from pb.clock.v1 import clock_pb2
from pb.clock.v1.clock_pb2_grpc import ClockServiceStub
from pb.escalation.v1 import reviews_pb2 as pb
from pb.escalation.v1.reviews_pb2_grpc import ReviewServiceStub

from casework.clocks.calendar import LOCAL
from services.kit.instants import instant
from tests.conftest import COUNTY, request_id

CITY, PROVINCE = "6201", "62"
TEXT = pb.ReplyText(facts="路灯确有损坏。", conclusion="十日内修复。")
REASONS = pb.AppealText(reasons="至今没有修复。")
_CASES = itertools.count(500_001)


def a_case(county: str = COUNTY) -> str:
    """Return the name of a case no other test has."""
    return f"cases/{county}-2026-{next(_CASES):06}"


@dataclass
class Reviewing:
    """One review, and who does what in it. `caller` gives the arguments of a call by role, unit and account."""

    channel: grpc.aio.Channel
    caller: Any
    name: str = ""
    receipt: str = ""
    unit: str = COUNTY
    tell_of: Any = None
    """Tells escalation of a case that is nowhere else; None where whatever is named is taken."""

    @property
    def stub(self) -> Any:
        """Return the service."""
        return ReviewServiceStub(self.channel)

    @property
    def number(self) -> str:
        """The number of the file."""
        return self.name.replace("/", "-", 1)

    async def open(self, case: str = "", unit: str = COUNTY) -> Reviewing:
        """Open the review."""
        self.unit = unit
        case = case or a_case(unit.partition("-")[0])
        if self.tell_of is not None:
            await self.tell_of(case, unit)
        review = pb.Review(case=case, unit=f"units/{unit}")
        request = pb.CreateReviewRequest(review=review, request_id=request_id())
        made = await self.stub.CreateReview(request, **self.caller("clerk", unit))
        self.name, self.receipt = made.name, f"reviewReceipts/{made.receipt_code}"
        return self

    async def draft(self, unit: str, result: int = 0, sub: str = "", role: str = "handler") -> pb.Reply:
        """Draft what has to be said next."""
        request = pb.DraftReplyRequest(parent=self.name, request_id=request_id())
        request.reply.CopyFrom(pb.Reply(result=result, text=TEXT))
        found: pb.Reply = await self.stub.DraftReply(request, **self.caller(role, unit, sub or f"h-{unit}"))
        return found

    async def serve(self, reply: pb.Reply, sub: str = "", received: str = "", unit: str = "") -> pb.Reply:
        """Sign a draft and record that it was served."""
        unit = unit or reply.unit.removeprefix("units/")
        request = pb.ServeReplyRequest(name=reply.name, medium=1, request_id=request_id())
        if received:
            request.serve_time.CopyFrom(at(received))
        found: pb.Reply = await self.stub.ServeReply(request, **self.caller("unit_head", unit, sub or f"head-{unit}"))
        return found

    async def say(self, unit: str, result: int = 0, received: str = "") -> pb.Reply:
        """Draft and serve what has to be said next."""
        return await self.serve(await self.draft(unit, result), received=received)

    async def ask(self, posted: str = "", unit: str = "", role: str = "clerk") -> pb.Appeal:
        """Ask for a review at a counter."""
        appeal = pb.Appeal(text=REASONS, post_time=at(posted) if posted else None)
        request = pb.CreateAppealRequest(parent=self.name, appeal=appeal, request_id=request_id())
        found: pb.Appeal = await self.stub.CreateAppeal(request, **self.caller(role, unit or self.unit))
        return found

    async def hearing(self, verb: str, unit: str, paper: str = "doc-1") -> pb.Review:
        """Begin or end a hearing."""
        kind = getattr(pb, f"{verb}HearingRequest")
        field = "notice" if verb == "Begin" else "record"
        request = kind(name=self.name, request_id=request_id(), **{field: paper})
        found: pb.Review = await getattr(self.stub, f"{verb}Hearing")(request, **self.caller("handler", unit))
        return found

    async def get(self) -> pb.Review:
        """Return the review as the province sees it."""
        found: pb.Review = await self.stub.GetReview(
            pb.GetReviewRequest(name=self.name), **self.caller("auditor", PROVINCE)
        )
        return found

    async def state(self) -> str:
        """Return where it stands."""
        return pb.ReviewState.Name((await self.get()).state).removeprefix("REVIEW_STATE_")

    async def told(self) -> pb.ReviewReceipt:
        """Return what the holder of the receipt is told."""
        found: pb.ReviewReceipt = await self.stub.GetReviewReceipt(
            pb.GetReviewReceiptRequest(name=self.receipt), **self.caller("citizen", self.unit)
        )
        return found

    async def clock(self, key: str) -> clock_pb2.Clock:
        """Return a clock of the review."""
        found: clock_pb2.Clock = await ClockServiceStub(self.channel).GetClock(
            clock_pb2.GetClockRequest(name=f"clocks/escalation/{self.number}.{key}"), **self.caller("auditor", PROVINCE)
        )
        return found

    async def due(self) -> str:
        """Return the local day and time of what is due next."""
        return local((await self.get()).due_time)


def at(text: str) -> Timestamp:
    """Return a local instant, `2026-03-02T09:00`, as a timestamp."""
    found = Timestamp()
    found.FromJsonString(f"{text}:00+08:00")
    return found


def local(time: Timestamp) -> str:
    """Return a timestamp in local time, to the minute."""
    return f"{instant(time).astimezone(LOCAL):%Y-%m-%dT%H:%M}"
