"""Mediation: composition root."""

from __future__ import annotations

from pb.mediation.v1 import (
    agreement_pb2,
    agreement_pb2_grpc,
    caucus_pb2,
    caucus_pb2_grpc,
    consent_pb2,
    consent_pb2_grpc,
    docking_pb2,
    docking_pb2_grpc,
    documents_pb2,
    documents_pb2_grpc,
    erasure_pb2,
    erasure_pb2_grpc,
    evidence_pb2,
    evidence_pb2_grpc,
    facts_pb2,
    facts_pb2_grpc,
    follow_up_pb2,
    follow_up_pb2_grpc,
    fulfilment_pb2,
    fulfilment_pb2_grpc,
    grants_pb2,
    grants_pb2_grpc,
    mediation_pb2,
    mediation_pb2_grpc,
    mediators_pb2,
    mediators_pb2_grpc,
    objections_pb2,
    objections_pb2_grpc,
    offers_pb2,
    offers_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
    safeguards_pb2,
    safeguards_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
)

from services.kit.composition import Parts, Registration, clock_service, run, served
from services.mediation import store
from services.mediation.agreement.service import AgreementServicer
from services.mediation.caucus.service import CaucusServicer
from services.mediation.closing.service import FollowUpServicer
from services.mediation.confirmation.service import ConfirmationServicer
from services.mediation.consents import terms
from services.mediation.consents.service import ConsentServicer
from services.mediation.directory import CaseDirectory
from services.mediation.docking.service import DockingServicer
from services.mediation.documents.service import DocumentServicer
from services.mediation.erasure import store as erasures
from services.mediation.erasure.service import ErasureServicer
from services.mediation.evidence.files import Files
from services.mediation.evidence.service import EvidenceServicer
from services.mediation.facts.service import CaseFactsServicer
from services.mediation.fulfilment.service import FulfilmentServicer
from services.mediation.grants.service import GrantServicer
from services.mediation.mediators.finding import consequences
from services.mediation.mediators.service import MediatorServicer
from services.mediation.objections.service import ObjectionServicer
from services.mediation.offers import service as offers
from services.mediation.opening import Opening
from services.mediation.people import store as people
from services.mediation.people.service import PeopleServicer
from services.mediation.safeguards.service import SafeguardServicer
from services.mediation.service import MediationServicer
from services.mediation.sessions.service import SessionServicer

DIRECTORY = CaseDirectory
"""Knows what a request may name here."""


def build(parts: Parts) -> list[Registration]:
    """Return what mediation serves."""
    opening = Opening(parts.rules, parts.sealer, parts.clockwork)
    following = consequences(parts.sealer) | terms.consequences() | offers.consequences()
    servicer = MediationServicer(parts.database, parts.time, parts.pulse, parts.rules, opening, parts.clockwork)
    return [
        served("MediationService", mediation_pb2, mediation_pb2_grpc, servicer),
        *_people(parts),
        *_sessions(parts),
        *_agreed(parts),
        served("GrantService", grants_pb2, grants_pb2_grpc, GrantServicer(parts)),
        served("ObjectionService", objections_pb2, objections_pb2_grpc, ObjectionServicer(parts)),
        served("OfferService", offers_pb2, offers_pb2_grpc, offers.OfferServicer(parts)),
        served("DocumentService", documents_pb2, documents_pb2_grpc, _documents(parts)),
        served("CaseFactsService", facts_pb2, facts_pb2_grpc, CaseFactsServicer(parts)),
        clock_service("mediation", parts, servicer.log, store.OPEN_MATTER, following, people.said_to_extension),
    ]


def _people(parts: Parts) -> list[Registration]:
    """Return what is served about the people of a case."""
    return [
        served("PeopleService", people_pb2, people_pb2_grpc, PeopleServicer(parts)),
        served("ConsentService", consent_pb2, consent_pb2_grpc, ConsentServicer(parts)),
        served("ErasureService", erasure_pb2, erasure_pb2_grpc, ErasureServicer(parts)),
        served("MediatorService", mediators_pb2, mediators_pb2_grpc, MediatorServicer(parts)),
        served("SafeguardService", safeguards_pb2, safeguards_pb2_grpc, SafeguardServicer(parts)),
    ]


def _sessions(parts: Parts) -> list[Registration]:
    """Return sessions, evidence and the caucus compartment."""
    if parts.settings.files is None:
        raise SystemExit("ACCORD_FILES: the folder of evidence files must be set")
    files = Files(parts.settings.files)
    sessions = SessionServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer)
    evidence = EvidenceServicer(parts.database, parts.time, parts.pulse, parts.sealer, files)
    caucus = CaucusServicer(parts.database, parts.time, parts.pulse, parts.sealer)
    return [
        served("SessionService", sessions_pb2, sessions_pb2_grpc, sessions),
        served("EvidenceService", evidence_pb2, evidence_pb2_grpc, evidence),
        served("CaucusService", caucus_pb2, caucus_pb2_grpc, caucus),
    ]


def _agreed(parts: Parts) -> list[Registration]:
    """Return the agreement, what comes of it, and the authorities it goes back to."""
    return [
        served("AgreementService", agreement_pb2, agreement_pb2_grpc, AgreementServicer(parts)),
        served("FulfilmentService", fulfilment_pb2, fulfilment_pb2_grpc, FulfilmentServicer(parts)),
        served("ConfirmationService", fulfilment_pb2, fulfilment_pb2_grpc, ConfirmationServicer(parts)),
        served("FollowUpService", follow_up_pb2, follow_up_pb2_grpc, FollowUpServicer(parts)),
        served("DockingService", docking_pb2, docking_pb2_grpc, DockingServicer(parts)),
    ]


def _documents(parts: Parts) -> DocumentServicer:
    """Return what fills, files and hands out documents."""
    return DocumentServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer)


def main() -> None:
    """Serve mediation."""
    run("mediation", build, DIRECTORY, "cases", erasures.erase)


if __name__ == "__main__":
    main()
