"""For each RPC about levels, absences, hand-overs and objections a good request, and what they are about."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from google.type.date_pb2 import Date
from pb.escalation.v1 import absences_pb2, escalation_pb2, handovers_pb2
from pb.mediation.v1 import objections_pb2

from casework.clocks.calendar import LOCAL
from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
TOWN, BESIDE = "620102001", "620102002"
_FURNISHED: dict[str, dict[str, str]] = {}
"""By the case of each world, what is there for the RPCs of this file."""


def day(days: int) -> Date:
    """Return the local day so many days from now."""
    found = datetime.now(LOCAL).date() + timedelta(days=days)
    return Date(year=found.year, month=found.month, day=found.day)


def somebody() -> str:
    """Return the account of an official that no other test has."""
    return f"o-{uuid.uuid4().hex[:12]}"


def absence(**fields: Any) -> absences_pb2.Absence:
    """Return an absence of the county, not yet sent."""
    given = {"unit": f"units/{COUNTY}", "official": somebody(), "cover": somebody(), "first_date": day(0)}
    return absences_pb2.Absence(**{**given, "last_date": day(9), **fields})


async def unheld(clients: Clients) -> str:
    """Return the name of a case of the county that escalation was told of, and nobody holds."""
    return await clients.tell_of(f"cases/{COUNTY}-2025-{uuid.uuid4().int % 10**9:09d}")


def handover(case: str, **fields: Any) -> handovers_pb2.Handover:
    """Return a hand-over of the county of one case named by hand, not yet sent."""
    given = {"unit": f"units/{COUNTY}", "official": somebody(), "successor": somebody(), "notes": "钥匙在门房。"}
    return handovers_pb2.Handover(**{**given, "items": [handovers_pb2.HandoverItem(subject=case)], **fields})


def objection(**fields: Any) -> objections_pb2.Objection:
    """Return an objection in favour of the township beside, not yet sent."""
    given = {"proposed_unit": f"units/{BESIDE}", "reason": "outside-area", "grounds": "房屋在相邻街道。"}
    return objections_pb2.Objection(**{**given, **fields})


async def furnish(clients: Clients, world: str) -> None:
    """Raise a case of a township to the county, object to its dispatch, record an absence, open a hand-over."""
    case = await clients.accept(await clients.file_report("楼道长期堆放杂物。", unit=f"units/{TOWN}"))
    raised = escalation_pb2.Escalation(mode=1, from_unit=case.unit, reason="stuck", explanation="多次劝说无效。")
    escalation = await clients.escalation.CreateEscalation(
        escalation_pb2.CreateEscalationRequest(parent=case.name, escalation=raised, request_id=request_id()),
        **clients.as_("handler", TOWN),
    )
    made = await clients.objections.CreateObjection(
        objections_pb2.CreateObjectionRequest(parent=case.name, objection=objection(), request_id=request_id()),
        **clients.as_("handler", TOWN),
    )
    head = clients.as_("unit_head")
    away = await clients.absences.CreateAbsence(
        absences_pb2.CreateAbsenceRequest(absence=absence(), request_id=request_id()), **head
    )
    opened = await clients.handovers.CreateHandover(
        handovers_pb2.CreateHandoverRequest(handover=handover(await unheld(clients)), request_id=request_id()), **head
    )
    _FURNISHED[world] = {
        "case": case.name, "escalation": escalation.name, "objection": made.name, "absence": away.name,
        "handover": opened.name, "unheld": await unheld(clients), "official": somebody(),
    }  # fmt: skip


def _of(what: str, path: str = "") -> Callable[[Any], str]:
    return lambda world: f"{_FURNISHED[world.case][what]}{path}"


def _task_objection(world: Any) -> objections_pb2.Objection:
    return objection(task=f"{_FURNISHED[world.case]['case']}/tasks/1")


def _handover(world: Any) -> handovers_pb2.Handover:
    """Return always the same one: what one official holds nobody else hands over, and once is enough."""
    there = _FURNISHED[world.case]
    return handover(there["unheld"], official=there["official"])


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""
    e, a, h, o = escalation_pb2, absences_pb2, handovers_pb2, objections_pb2

    def county(_: Any) -> str:
        return f"units/{COUNTY}"

    return {
        "ReturnEscalation": filled(e.ReturnEscalationRequest, name=_of("escalation"), reason=lambda w: "in-its-power",
                                   expectation=lambda w: "十日内办结。"),
        "ReadEscalationText": filled(e.ReadEscalationTextRequest, name=_of("escalation", "/text")),
        "CreateAbsence": filled(a.CreateAbsenceRequest, absence=lambda w: absence()),
        "GetAbsence": filled(a.GetAbsenceRequest, name=_of("absence")),
        "ListAbsences": filled(a.ListAbsencesRequest, unit=county),
        "EndAbsence": filled(a.EndAbsenceRequest, name=_of("absence")),
        "ListHoldings": filled(a.ListHoldingsRequest, unit=county),
        "CreateHandover": filled(h.CreateHandoverRequest, handover=_handover),
        "GetHandover": filled(h.GetHandoverRequest, name=_of("handover")),
        "ListHandovers": filled(h.ListHandoversRequest, unit=county),
        "AcknowledgeHandover": filled(h.AcknowledgeHandoverRequest, name=_of("handover"), items=lambda w: [1]),
        "CancelHandover": filled(h.CancelHandoverRequest, name=_of("handover")),
        "ReadHandoverNotes": filled(h.ReadHandoverNotesRequest, name=_of("handover", "/notes")),
        "CreateObjection": filled(o.CreateObjectionRequest, parent=_of("case"), objection=_task_objection),
        "GetObjection": filled(o.GetObjectionRequest, name=_of("objection")),
        "ListObjections": filled(o.ListObjectionsRequest, parent=_of("case"), unit=county),
        "DecideDispatchObjection": filled(
            o.DecideDispatchObjectionRequest, name=_of("objection"), upheld=lambda w: False,
            decision=lambda w: "房屋在本街道辖区内。",
        ),
        "WithdrawObjection": filled(o.WithdrawObjectionRequest, name=_of("objection")),
        "ReadObjectionText": filled(o.ReadObjectionTextRequest, name=_of("objection", "/text")),
    }  # fmt: skip
