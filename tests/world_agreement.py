"""For each RPC of the agreement and what comes of it a good request, and the case they are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from pb.mediation.v1 import agreement_pb2, docking_pb2, evidence_pb2, follow_up_pb2, fulfilment_pb2
from pb.mediation.v1.evidence_pb2_grpc import EvidenceServiceStub

from tests.conftest import Clients, request_id
from tests.mediated import ALL_YES, CONFIRMATION, Mediated, mediated
from tests.world_documents import PDF

Maker = Callable[[Any, str], Message]


async def mediated_case(clients: Clients) -> str:
    """Return a case of the county whose RPCs all find something: agreed in part, performed, ended, given back."""
    case = await mediated(clients)
    bound = await case.agreed(extent=agreement_pb2.AGREEMENT_EXTENT_PARTIAL)
    await case.consent(CONFIRMATION, 1, 2)
    await case.do("ApplyForConfirmation", bound.name, court="620102-court")
    for part in await case.parts():
        given = await proof(clients, case.name)
        await case.do("ClaimPerformance", part.name, "clerk", amount_fen=300_00, evidence=given)
        await case.perform(part, 300_00)
    await case.come(7)
    await case.do("EndMediation", ground=agreement_pb2.END_GROUND_GAP_TOO_WIDE)
    docking = docking_pb2.Docking(kind=1, procedure=1, hand_over_letter=f"letter-{request_id()}")
    handed_over = await case.do("CreateDocking", role="clerk", docking=docking)
    await case.do("ReturnDocking", handed_over.name)
    return case.name


async def proof(clients: Clients, case: str, party: int = 2) -> str:
    """Let a party hand in a file, and return its name."""
    evidence = evidence_pb2.Evidence(type=1, title="收据", party=f"{case}/parties/{party}")
    request = evidence_pb2.CreateEvidenceRequest(
        parent=case, evidence=evidence, content=PDF + request_id().encode(), request_id=request_id()
    )
    stub = EvidenceServiceStub(clients.channels["mediation"])
    made: evidence_pb2.Evidence = await stub.CreateEvidence(request, **clients.as_("clerk"))
    return made.name


def _below(path: str = "") -> Callable[[Any], str]:
    return lambda world: f"{world.mediated}{path}"


def _draft(world: Any) -> agreement_pb2.Agreement:
    clause = Mediated(None, world.mediated).clause()  # type: ignore[arg-type]
    return agreement_pb2.Agreement(extent=1, form=1, clauses=[clause])


def _docking(world: Any) -> docking_pb2.Docking:
    return docking_pb2.Docking(kind=1, procedure=1, hand_over_letter=f"letter-{request_id()}")


def _said(world: Any) -> list[agreement_pb2.PartySatisfaction]:
    return [agreement_pb2.PartySatisfaction(party=f"{world.mediated}/parties/1", satisfaction=1)]


def requests(filled: Callable[..., Maker]) -> dict[str, Maker]:
    """Return a good request for each RPC; `filled` makes one from its type and fields of the world."""
    agreement, part = _below("/agreements/1"), _below("/agreements/1/clauses/1/instalments/1")
    given = _below("/evidence/1")
    docking, closing, party = _below("/dockings/1"), _below("/closing"), _below("/parties/1")
    a, f, c, d = agreement_pb2, fulfilment_pb2, follow_up_pb2, docking_pb2

    def one(_: Any) -> int:
        return 1

    def doc(_: Any) -> str:
        return "doc-1"

    return {
        "DraftAgreement": filled(a.DraftAgreementRequest, parent=_below(), agreement=_draft),
        "GetAgreement": filled(a.GetAgreementRequest, name=agreement),
        "ListAgreements": filled(a.ListAgreementsRequest, parent=_below()),
        "GetAgreementText": filled(a.GetAgreementTextRequest, name=_below("/agreements/1/text")),
        "CompareAgreements": filled(a.CompareAgreementsRequest, name=agreement, base=agreement),
        "AnswerChecklist": filled(a.AnswerChecklistRequest, name=agreement, answers=lambda w: ALL_YES),
        "AnswerThirdParties": filled(a.AnswerThirdPartiesRequest, name=agreement, settled=lambda w: True),
        "SignAgreement": filled(a.SignAgreementRequest, name=agreement, parties=lambda w: [party(w)], signer=one,
                                manner=one),
        "CountersignAgreement": filled(a.CountersignAgreementRequest, name=agreement),
        "SealAgreement": filled(a.SealAgreementRequest, name=agreement),
        "EndMediation": filled(a.EndMediationRequest, name=_below(), ground=lambda w: 3),
        "GetEnding": filled(a.GetEndingRequest, name=_below("/ending")),
        "ServeNotice": filled(a.ServeNoticeRequest, name=_below("/notices/1"), medium=one),
        "GetMediationResults": filled(a.GetMediationResultsRequest, name=_below("/results")),
        "GetInstalment": filled(f.GetInstalmentRequest, name=part),
        "ListInstalments": filled(f.ListInstalmentsRequest, parent=_below()),
        "RecordPerformance": filled(f.RecordPerformanceRequest, name=part, amount_fen=one, evidence=doc),
        "ClaimPerformance": filled(f.ClaimPerformanceRequest, name=part, amount_fen=one, evidence=given),
        "AnswerClaim": filled(f.AnswerClaimRequest, name=part, claim=one, confirmed=lambda w: True),
        "DeclareDefault": filled(f.DeclareDefaultRequest, name=part, reason=one),
        "PursueDefault": filled(f.PursueDefaultRequest, name=part, remedy=one),
        "CheckEligibility": filled(f.CheckEligibilityRequest, name=agreement),
        "ApplyForConfirmation": filled(f.ApplyForConfirmationRequest, name=agreement, court=lambda w: "620102-court"),
        "GetConfirmation": filled(f.GetConfirmationRequest, name=_below("/agreements/1/confirmation")),
        "GetHandOver": filled(f.GetHandOverRequest, name=_below("/agreements/1/confirmation/handOver")),
        "RecordConfirmationResult": filled(f.RecordConfirmationResultRequest, evidence=doc,
                                           name=_below("/agreements/1/confirmation"), result=lambda w: 2),
        "RecordView": filled(c.RecordViewRequest, name=closing, party=party, view=one),
        "GetClosing": filled(c.GetClosingRequest, name=closing),
        "RecordVisit": filled(c.RecordVisitRequest, name=_below("/visits/7"),
                              recurred=lambda w: False, performance=one, satisfaction=_said),
        "ListVisits": filled(c.ListVisitsRequest, parent=_below()),
        "ReopenCase": filled(c.ReopenCaseRequest, name=_below(), reason=one, evidence=doc),
        "CreateDocking": filled(d.CreateDockingRequest, parent=_below(), docking=_docking),
        "ListSentDockings": filled(d.ListSentDockingsRequest, unit=lambda w: "units/620102-court"),
        "ListDockingChanges": filled(d.ListDockingChangesRequest, parent=lambda w: "units/620102-court"),
        "GetDocking": filled(d.GetDockingRequest, name=docking),
        "ListDockings": filled(d.ListDockingsRequest, parent=_below()),
        "ConfirmDockingConsent": filled(d.ConfirmDockingConsentRequest, name=docking),
        "SignDocking": filled(d.SignDockingRequest, name=docking),
        "ExtendDocking": filled(d.ExtendDockingRequest, name=docking, evidence=doc),
        "SettleDocking": filled(d.SettleDockingRequest, name=docking),
        "ProveDockingPerformance": filled(d.ProveDockingPerformanceRequest, name=docking, evidence=doc),
        "ApplyForSettlement": filled(d.ApplyForSettlementRequest, name=docking, evidence=doc),
        "ReturnDocking": filled(d.ReturnDockingRequest, name=docking),
        "GetReturnReport": filled(d.GetReturnReportRequest, name=_below("/dockings/1/returnReport")),
        "RecordAuthorityAnswer": filled(d.RecordAuthorityAnswerRequest, name=docking, answer=one, evidence=doc),
    }  # fmt: skip
