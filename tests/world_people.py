"""The people of a world, and for each RPC about them a request that is good."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message
from pb.escalation.v1 import escalation_pb2
from pb.intake.v1 import intake_pb2
from pb.mediation.v1 import (
    consent_pb2,
    erasure_pb2,
    invitations_pb2,
    mediators_pb2,
    officials_pb2,
    people_pb2,
    safeguards_pb2,
)
from pb.mediation.v1.officials_pb2_grpc import OfficialServiceStub
from pb.privacy.v1 import case_file_pb2, reports_pb2

from tests.conftest import COUNTY, Clients, request_id
from tests.world_grids import day

if TYPE_CHECKING:
    from tests.world import World

UNIT = f"units/{COUNTY}"
_OFFICIALS: dict[str, officials_pb2.Official] = {}
"""An entry of the list of officials, by the case of each world."""


def party(side: int = 1, name: str = "马小川", phone: str = "13911112222", **fields: Any) -> people_pb2.Party:
    """Return a natural person as a party, not yet sent."""
    details = people_pb2.PartyDetails(display_name=name, phone=phone, **fields.pop("details", {}))
    return people_pb2.Party(**{"side": side, "kind": people_pb2.PARTY_KIND_NATURAL, "details": details, **fields})


def companion(case: str, role: int = 5, parties: tuple[int, ...] = (1,), **fields: Any) -> people_pb2.Companion:
    """Return somebody who accompanies parties of a case, not yet sent."""
    details = people_pb2.PartyDetails(display_name="陈伴行")
    names = [f"{case}/parties/{each}" for each in parties]
    return people_pb2.Companion(**{"role": role, "parties": names, "details": details, **fields})


def consent(step: int = 1, given: bool = True, **fields: Any) -> consent_pb2.Consent:
    """Return what a party says, not yet sent."""
    said = {"step": step, "given": given, "medium": consent_pb2.MEDIUM_IN_PERSON, "language": "zh-CN"}
    return consent_pb2.Consent(**{**said, "read_back": True, **fields})


def screening(**told: Any) -> safeguards_pb2.Screening:
    """Return what a party says in private, not yet sent: nothing, but for what is told."""
    said = {"concern": False, "hide_address": False, "wants_joint_session": False, "in_private": True}
    return safeguards_pb2.Screening(**{**said, **told})


def nothing_to_disclose() -> mediators_pb2.Disclosure:
    """Return what a mediator says who has nothing to do with the parties."""
    return mediators_pb2.Disclosure(kin=False, interest=False, prior_role=False)


def mediator(user: str, unit: str = UNIT, **fields: Any) -> mediators_pb2.Mediator:
    """Return an entry of the register, not yet sent."""
    entry = {"user": user, "display_name": "周调解", "unit": unit, "languages": ["zh-CN"], "active": True}
    return mediators_pb2.Mediator(**{**entry, **fields})


def official(account: str, **fields: Any) -> officials_pb2.Official:
    """Return an entry of the county's list of officials for the next hundred days, not yet sent."""
    person = officials_pb2.OfficialPerson(display_name="吴经办", post="经办人")
    entry = {"unit": UNIT, "account": account, "person": person, "first_date": day(0), "last_date": day(100)}
    return officials_pb2.Official(**{**entry, **fields})


def csv_of_officials(_: Any) -> bytes:
    """Return a file with somebody new of the county."""
    head = "account,display_name,post,unit,since,until"
    return f"{head}\nwalks-{request_id()[-12:]},吴经办,经办人,{COUNTY},2026-01-01,".encode()


def alert() -> safeguards_pb2.Alert:
    """Return an alert, not yet asked for."""
    facts = safeguards_pb2.AlertFacts(facts="有人持刀在三号楼。")
    return safeguards_pb2.Alert(danger=1, target=1, facts=facts)


def mediator_name(case: str) -> str:
    """Return the name of the mediator a world has, after its case."""
    return f"mediators/m-{case.split('/')[1]}"


async def furnish(clients: Clients, case: str) -> None:
    """Give a case two parties, a companion, an alert; and the register a mediator named after it."""
    clerk, key = clients.as_("clerk"), request_id
    for side in (1, 2):
        add = people_pb2.CreatePartyRequest(parent=case, party=party(side), request_id=key())
        await clients.people.CreateParty(add, **clerk)
        agrees = consent_pb2.RecordConsentRequest(
            parent=f"{case}/parties/{side}", consent=consent(consent_pb2.STEP_EXTENSION), request_id=key()
        )
        await clients.consents.RecordConsent(agrees, **clerk)
    beside = people_pb2.CreateCompanionRequest(parent=case, companion=companion(case), request_id=key())
    await clients.people.CreateCompanion(beside, **clerk)
    acts = companion(case)
    acts.role, acts.scopes[:] = people_pb2.COMPANION_ROLE_AGENT, [people_pb2.SCOPE_SPEAK]
    agent = people_pb2.CreateCompanionRequest(parent=case, companion=acts, request_id=key())
    await clients.people.CreateCompanion(agent, **clerk)
    danger = safeguards_pb2.CreateAlertRequest(parent=case, alert=alert(), request_id=key())
    await clients.safeguards.CreateAlert(danger, **clerk)
    name = mediator_name(case).removeprefix("mediators/")
    entry = mediators_pb2.CreateMediatorRequest(mediator_id=name, mediator=mediator(name), request_id=key())
    await clients.mediators.CreateMediator(entry, **clients.as_("unit_head"))
    enter = officials_pb2.CreateOfficialRequest(official=official(f"walks-{request_id()}"), request_id=request_id())
    stub = OfficialServiceStub(clients.channels["mediation"])
    _OFFICIALS[case] = await stub.CreateOfficial(enter, **clients.as_("unit_head"))


async def invited(clients: Clients, party: str, role: str = "clerk") -> invitations_pb2.Invitation:
    """Return the invitation of a party, with its code."""
    request = invitations_pb2.InvitePartyRequest(name=party, claim="修好漏水，赔偿天花板。", request_id=request_id())
    made: invitations_pb2.Invitation = await clients.invitations.InviteParty(request, **clients.as_(role))
    return made


def _of_reports(filled: Callable[..., Any]) -> dict[str, Callable[[World, str], Message]]:
    """Return makers of good requests about a report at the door."""

    def report(w: World) -> str:
        return w.rated

    privacy = reports_pb2
    return {
        "RequestReportErasure": filled(privacy.RequestReportErasureRequest, name=report, ground=lambda w: 3,
                                       evidence=lambda w: "order-1"),
        "EraseReport": filled(privacy.EraseReportRequest, name=report),
        "RefuseReportErasure": filled(privacy.RefuseReportErasureRequest, name=report),
        "HoldReportData": filled(privacy.HoldReportDataRequest, name=report, evidence=lambda w: "suit-1"),
        "ReleaseReportData": filled(privacy.ReleaseReportDataRequest, name=report, evidence=lambda w: "suit-1"),
        "GetReportErasure": filled(privacy.GetReportErasureRequest, name=lambda w: f"{w.rated}/erasure"),
        "GetReportErasureCertificate": filled(privacy.GetReportErasureCertificateRequest,
                                              name=lambda w: f"{w.rated}/erasure/certificate"),
        "ListDueReportErasures": filled(privacy.ListDueReportErasuresRequest, unit=lambda w: UNIT),
        "RecordReportErasureReach": filled(privacy.RecordReportErasureReachRequest,
                                           name=lambda w: f"{w.other.name}/erasure",
                                           reach=lambda w: erasure_pb2.ErasureReach(service="escalation")),
        "ExportReport": filled(privacy.ExportReportRequest, name=lambda w: f"{w.rated}/file"),
        "ExportCaseFile": filled(case_file_pb2.ExportCaseFileRequest, name=lambda w: f"{w.case}/parties/1/file"),
        "DownloadCaseFile": filled(case_file_pb2.DownloadCaseFileRequest, name=lambda w: f"{w.case}/parties/1/file"),
        "DownloadReport": filled(privacy.DownloadReportRequest, name=lambda w: f"{w.rated}/file"),
        "ExportNotices": filled(case_file_pb2.ExportNoticesRequest, name=lambda w: f"{w.case}/parties/1/notices"),
        "ListReportAccess": filled(privacy.ListReportAccessRequest, parent=report),
    }  # fmt: skip


def requests(filled: Callable[..., Any]) -> dict[str, Callable[[World, str], Message]]:
    """Return makers of good requests, by RPC."""
    people, consents, mediators, safeguards = people_pb2, consent_pb2, mediators_pb2, safeguards_pb2

    def case(w: World) -> str:
        return w.case

    def one(w: World) -> str:
        return f"{w.case}/parties/1"

    def beside(w: World) -> str:
        return f"{w.case}/companions/1"

    def mediation(w: World) -> str:
        return f"{w.case}/mediation"

    def entry(w: World) -> str:
        return mediator_name(w.case)

    def danger(w: World) -> str:
        return f"{w.case}/alerts/1"

    def purpose(w: World) -> int:
        return people_pb2.PURPOSE_MEDIATION

    def changed(w: World) -> people_pb2.Party:
        return people_pb2.Party(name=one(w), side=1, kind=1, details=party().details)

    def listed(w: World) -> str:
        return _OFFICIALS[w.case].name

    def changed_entry(w: World) -> mediators_pb2.Mediator:
        return mediator(entry(w).removeprefix("mediators/"), name=entry(w))

    return {
        "InviteParty": filled(invitations_pb2.InvitePartyRequest, name=one, claim=lambda w: "赔偿天花板。"),
        "InviteAgent": filled(invitations_pb2.InviteAgentRequest, name=lambda w: f"{w.case}/companions/2"),
        "SignInByInvitation": filled(
            invitations_pb2.SignInByInvitationRequest, code=lambda w: w.invitation.code,
            second_factor=lambda w: w.invitation.words.partition(" / ")[0],
        ),
        "GetInvitation": filled(invitations_pb2.GetInvitationRequest, name=lambda w: w.invitation.name),
        "CreateParty": filled(people.CreatePartyRequest, parent=case, party=lambda w: party()),
        "GetParty": filled(people.GetPartyRequest, name=one),
        "ListParties": filled(people.ListPartiesRequest, parent=case),
        "UpdateParty": filled(people.UpdatePartyRequest, party=changed),
        "UnmaskParty": filled(people.UnmaskPartyRequest, name=one, purpose=purpose),
        "CheckIdentity": filled(people.CheckIdentityRequest, name=one, document=lambda w: 1, matches=lambda w: True),
        "FindCasesByPhone": filled(people.FindCasesByPhoneRequest, phone=lambda w: "13911112222", purpose=purpose,
                                   display_name=lambda w: "某人",
                                   unit=lambda w: UNIT),
        "CreateCompanion": filled(people.CreateCompanionRequest, parent=case, companion=lambda w: companion(w.case)),
        "ListCompanions": filled(people.ListCompanionsRequest, parent=case),
        "EndCompanion": filled(people.EndCompanionRequest, name=beside),
        "UnmaskCompanion": filled(people.UnmaskCompanionRequest, name=beside, purpose=purpose),
        "ListAccessLog": filled(people.ListAccessLogRequest, parent=case),
        "RequestErasure": filled(erasure_pb2.RequestErasureRequest, name=case, ground=lambda w: 3,
                                 evidence=lambda w: "order-1"),
        "EraseCaseData": filled(erasure_pb2.EraseCaseDataRequest, name=case),
        "RefuseErasure": filled(erasure_pb2.RefuseErasureRequest, name=case),
        "HoldCaseData": filled(erasure_pb2.HoldCaseDataRequest, name=case, evidence=lambda w: "suit-1"),
        "ReleaseCaseData": filled(erasure_pb2.ReleaseCaseDataRequest, name=case, evidence=lambda w: "suit-1"),
        "GetErasure": filled(erasure_pb2.GetErasureRequest, name=lambda w: f"{w.case}/erasure"),
        "ListDueErasures": filled(erasure_pb2.ListDueErasuresRequest, unit=lambda w: UNIT),
        "RecordErasureReach": filled(erasure_pb2.RecordErasureReachRequest, name=lambda w: f"{w.case}/erasure",
                                     reach=lambda w: erasure_pb2.ErasureReach(service="intake")),
        "EraseCaseFiles": filled(erasure_pb2.EraseCaseFilesRequest, name=case),
        "GetErasureCertificate": filled(erasure_pb2.GetErasureCertificateRequest,
                                        name=lambda w: f"{w.case}/erasure/certificate"),
        **_of_reports(filled),
        "EraseReportData": filled(intake_pb2.EraseReportDataRequest, name=lambda w: w.report.name,
                                  validate_only=lambda w: True),
        "EraseSupervisionData": filled(escalation_pb2.EraseSupervisionDataRequest, name=case,
                                       validate_only=lambda w: True),
        "GetMediation": filled(consents.GetMediationRequest, name=mediation),
        "RecordConsent": filled(consents.RecordConsentRequest, parent=one, consent=lambda w: consent()),
        "ListConsents": filled(consents.ListConsentsRequest, parent=case),
        "WithdrawParty": filled(consents.WithdrawPartyRequest, name=one),
        "DeclareMatterFacts": filled(consents.DeclareMatterFactsRequest, name=mediation,
                                      facts=lambda w: ["arbitration_clause"]),
        "ProposeMediation": filled(consents.ProposeMediationRequest, name=mediation),
        "CreateMediator": filled(mediators.CreateMediatorRequest, mediator=lambda w: mediator("m-again"),
                                 mediator_id=lambda w: "m-again"),
        "GetMediator": filled(mediators.GetMediatorRequest, name=entry),
        "ListMediators": filled(mediators.ListMediatorsRequest, unit=lambda w: UNIT),
        "UpdateMediator": filled(mediators.UpdateMediatorRequest, mediator=changed_entry),
        "CreateOfficial": filled(officials_pb2.CreateOfficialRequest,
                                 official=lambda w: official(f"walks-{request_id()}")),
        "ImportOfficials": filled(officials_pb2.ImportOfficialsRequest, content=csv_of_officials),
        "GetOfficial": filled(officials_pb2.GetOfficialRequest, name=listed),
        "ListOfficials": filled(officials_pb2.ListOfficialsRequest, unit=lambda w: UNIT),
        "UpdateOfficial": filled(officials_pb2.UpdateOfficialRequest,
                                 official=lambda w: official(_OFFICIALS[w.case].account, name=listed(w))),
        "EndOfficial": filled(officials_pb2.EndOfficialRequest, name=listed, last_date=lambda w: day(50)),
        "ListCandidates": filled(mediators.ListCandidatesRequest, parent=case),
        "ChooseMediator": filled(mediators.ChooseMediatorRequest, name=one, mediator=entry),
        "AppointMediator": filled(mediators.AppointMediatorRequest, name=mediation, mediator=entry),
        "AcceptMediation": filled(mediators.AcceptMediationRequest, name=mediation,
                                  disclosure=lambda w: nothing_to_disclose()),
        "DeclineMediation": filled(mediators.DeclineMediationRequest, name=mediation),
        "RelieveMediator": filled(mediators.RelieveMediatorRequest, name=mediation, reason=lambda w: 1),
        "ReplaceMediator": filled(mediators.ReplaceMediatorRequest, name=one),
        "ScreenParty": filled(safeguards.ScreenPartyRequest, name=one,
                              screening=lambda w: screening()),
        "ReadScreening": filled(safeguards.ReadScreeningRequest, name=one, purpose=purpose),
        "CreateAlert": filled(safeguards.CreateAlertRequest, parent=case, alert=lambda w: alert()),
        "ApproveAlert": filled(safeguards.ApproveAlertRequest, name=danger, approved=lambda w: True),
        "ReviewAlert": filled(safeguards.ReviewAlertRequest, name=danger, justified=lambda w: True),
        "ListAlerts": filled(safeguards.ListAlertsRequest, parent=case),
        "ReadAlert": filled(safeguards.ReadAlertRequest, name=danger, purpose=purpose),
    }  # fmt: skip
