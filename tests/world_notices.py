"""For each RPC of notices a good request, and the notice that it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from pb.access.v1 import contact_pb2
from pb.mediation.v1 import notices_pb2 as pb
from pb.mediation.v1.notices_pb2_grpc import NoticeServiceStub

from tests.conftest import COUNTY, Clients

Maker = Callable[[Any, str], Message]
RIGHT_UNIT = dict.fromkeys(("RecordNotices", "ClaimNotices", "RecordAttempts", "BatchGetContacts"), "cn")
"""About the whole tree."""
_NOTICES: dict[str, str] = {}
"""By the case of each world, the notice that is there."""


def heard(case: str, kind: str = "CaseReopened", sequence: int = 1, **fields: Any) -> pb.HeardEvent:
    """Return an event of mediation that happened now, to a case whose reporter can be reached."""
    now = Timestamp()
    now.FromDatetime(datetime.now(UTC))
    why = {"reason": "REOPEN_REASON_NEW_FACTS"}
    given = {"service": "mediation", "unit": f"units/{COUNTY}", "reachable": True, "time": now, "fields": why, **fields}
    return pb.HeardEvent(case=case, type=kind, sequence=sequence, **given)


async def furnish(clients: Clients, case: str) -> None:
    """Write a notice to the reporter of a case."""
    stub = NoticeServiceStub(clients.channels["mediation"])
    await stub.RecordNotices(pb.RecordNoticesRequest(events=[heard(case, sequence=900)]), **clients.as_service())
    found = await stub.ListNotices(pb.ListNoticesRequest(case=case), **clients.as_("clerk"))
    _NOTICES[case] = next(each.name for each in found.notices if each.rule == "case_reopened")


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC."""

    def name(path: str = "") -> Callable[[Any], str]:
        return lambda world: f"{_NOTICES[world.case]}{path}"

    def party(world: Any) -> str:
        return f"{world.mediated}/parties/1"

    def attempt(world: Any) -> list[pb.NoticeAttempt]:
        return [pb.NoticeAttempt(name=_NOTICES[world.case], lease="0" * 32, outcome="ATTEMPT_OUTCOME_TO_DESK")]

    return {
        "RecordNotices": filled(pb.RecordNoticesRequest, events=lambda w: [heard(w.case, sequence=901)]),
        "ClaimNotices": filled(pb.ClaimNoticesRequest, max_notices=lambda w: 1, lease_seconds=lambda w: 10),
        "RecordAttempts": filled(pb.RecordAttemptsRequest, attempts=attempt),
        "ListNotices": filled(pb.ListNoticesRequest, unit=lambda w: f"units/{COUNTY}"),
        "GetNotice": filled(pb.GetNoticeRequest, name=name()),
        "GetNoticeLetter": filled(pb.GetNoticeLetterRequest, name=name("/letter")),
        "RecordReceipt": filled(pb.RecordReceiptRequest, name=name(), kind=lambda w: pb.RECEIPT_KIND_DELIVERED),
        "ResolveNotice": filled(
            pb.ResolveNoticeRequest, name=name(), again=lambda w: False, reason=lambda w: "told-by-telephone"
        ),
        "AskForService": filled(
            pb.AskForServiceRequest,
            name=lambda w: f"{w.mediated}/agreements/1",
            party=party,
            channel=lambda w: 4,
            address=lambda w: "乙巷9号",
        ),
        "BatchGetContacts": filled(contact_pb2.BatchGetContactsRequest, names=lambda w: [w.report.name]),
    }
