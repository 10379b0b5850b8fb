"""For each RPC of clues a good request, and what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.escalation.v1 import clues_pb2 as pb
from pb.privacy.v1 import clues_pb2 as privacy

from tests.conftest import COUNTY, Clients, request_id

Maker = Callable[[Any, str], Message]
UNIT, PLACE, DEPARTMENT = f"units/{COUNTY}", "units/620102001001", "units/620102-labour"


def clue(**fields: Any) -> pb.RegisterClueRequest:
    """Return a clue about a matter of the county."""
    told = {"unit": UNIT, "source": 1, "place": PLACE, "category": "categories/labour",
            "description": "工地欠薪，班组长说已上报无回音。", "reporter_name": "工友",
            "reporter_contact": "门卫转"}  # fmt: skip
    return pb.RegisterClueRequest(**{**told, "request_id": request_id(), **fields})


class Keepers:
    """Carries clues along, in roles of somebody who is nobody in the tests."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def do(self, method: str, request: Any, role: str, unit: str = COUNTY, sub: str = "") -> Any:
        """Make a call."""
        rpc = getattr(self._clients.clues, method)
        return await rpc(request, **self._clients.as_(role, unit, sub or f"world-{role}"))

    async def clue(self, upto: pb.ClueState, finding: int = 1) -> str:
        """Return a clue in this state."""
        found = await self.do("RegisterClue", clue(), "clerk")
        one: dict[str, Any] = {"name": found.name}
        labour = DEPARTMENT.removeprefix("units/")
        steps: list[tuple[str, Any, str, str]] = [
            ("AssignClue", pb.AssignClueRequest(**one, verifier=DEPARTMENT), "supervisor", COUNTY),
            (
                "ReportClueVerification",
                pb.ReportClueVerificationRequest(**one, finding=finding, text="属实。"),
                "handler", labour,
            ),
            ("TransferClue", pb.TransferClueRequest(**one, addressee=DEPARTMENT, text="请办。"), "supervisor", COUNTY),
            ("AnswerClueTransfer", pb.AnswerClueTransferRequest(**one, accepted=True), "handler", labour),
            (
                "ReportClueHandling",
                pb.ReportClueHandlingRequest(**one, text="已办。", evidence="doc-1"),
                "handler", labour,
            ),
        ]  # fmt: skip
        for method, request, role, unit in steps[: upto - 1]:
            request.request_id = request_id()
            await self.do(method, request, role, unit)
        return str(found.name)


async def furnish(clients: Clients) -> dict[str, str]:
    """Return clues by the RPC that each waits for."""
    keepers = Keepers(clients)
    unfounded = await keepers.clue(pb.CLUE_STATE_VERIFIED, pb.CLUE_FINDING_UNFOUNDED)
    given = await keepers.do("RegisterClue", clue(), "clerk")
    return {
        "code": given.code,
        "words": given.words.partition(" / ")[0],
        "given": given.name,
        "AssignClue": await keepers.clue(pb.CLUE_STATE_REGISTERED),
        "ReportClueVerification": await keepers.clue(pb.CLUE_STATE_VERIFYING),
        "TransferClue": await keepers.clue(pb.CLUE_STATE_VERIFIED),
        "AnswerClueTransfer": await keepers.clue(pb.CLUE_STATE_TRANSFERRED),
        "ReportClueHandling": await keepers.clue(pb.CLUE_STATE_HANDLING),
        "ReturnClue": await keepers.clue(pb.CLUE_STATE_HANDLED),
        "UseClue": await keepers.clue(pb.CLUE_STATE_VERIFIED),
        "CloseClue": unfounded,
    }


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""

    def of(rpc: str, below: str = "") -> Callable[[Any], str]:
        return lambda world: f"{world.clues[rpc]}{below}"

    def just(value: Any) -> Callable[[Any], Any]:
        return lambda world: value

    return {
        "RegisterClue": lambda world, server: clue(),
        "GetClue": filled(pb.GetClueRequest, name=of("ReportClueHandling")),
        "ListClues": filled(pb.ListCluesRequest, unit=just(UNIT)),
        "GetClueText": filled(pb.GetClueTextRequest, name=of("ReportClueHandling", "/text")),
        "GetClueReporter": filled(
            pb.GetClueReporterRequest, name=of("ReportClueHandling", "/reporter"), purpose=just(1)
        ),
        "ListClueReadings": filled(pb.ListClueReadingsRequest, parent=of("ReportClueHandling")),
        "AssignClue": filled(pb.AssignClueRequest, name=of("AssignClue"), verifier=just(DEPARTMENT)),
        "ReportClueVerification": filled(
            pb.ReportClueVerificationRequest, name=of("ReportClueVerification"), finding=just(1), text=just("属实。")
        ),
        "TransferClue": filled(
            pb.TransferClueRequest, name=of("TransferClue"), addressee=just(DEPARTMENT), text=just("请办。")
        ),
        "AnswerClueTransfer": filled(
            pb.AnswerClueTransferRequest, name=of("AnswerClueTransfer"), accepted=just(True)
        ),
        "ReportClueHandling": filled(
            pb.ReportClueHandlingRequest, name=of("ReportClueHandling"), text=just("已办。"), evidence=just("doc-1")
        ),
        "ReturnClue": filled(pb.ReturnClueRequest, name=of("ReturnClue"), text=just("请补充。")),
        "UseClue": filled(pb.UseClueRequest, name=of("UseClue"), target=lambda world: world.case),
        "CloseClue": filled(pb.CloseClueRequest, name=of("CloseClue"), result=just(3)),
        "SignInByClue": filled(privacy.SignInByClueRequest, code=of("code"), second_factor=of("words")),
        "ExportClue": filled(privacy.ExportClueRequest, name=of("given", "/file")),
        "RequestClueErasure": filled(
            privacy.RequestClueErasureRequest, name=of("given"), ground=just(3), evidence=just("order-1")
        ),
        "EraseClue": filled(privacy.EraseClueRequest, name=of("given")),
        "RefuseClueErasure": filled(privacy.RefuseClueErasureRequest, name=of("given")),
        "HoldClueData": filled(privacy.HoldClueDataRequest, name=of("given"), evidence=just("suit-1")),
        "ReleaseClueData": filled(privacy.ReleaseClueDataRequest, name=of("given"), evidence=just("suit-1")),
        "GetClueErasure": filled(privacy.GetClueErasureRequest, name=of("given", "/erasure")),
        "GetClueErasureCertificate": filled(
            privacy.GetClueErasureCertificateRequest, name=of("given", "/erasure/certificate")
        ),
        "ListDueClueErasures": filled(privacy.ListDueClueErasuresRequest, unit=just(UNIT)),
    }  # fmt: skip
