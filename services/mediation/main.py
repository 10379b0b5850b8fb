"""Mediation: composition root."""

from __future__ import annotations

from pb.mediation.v1 import (
    caucus_pb2,
    caucus_pb2_grpc,
    evidence_pb2,
    evidence_pb2_grpc,
    mediation_pb2,
    mediation_pb2_grpc,
    sessions_pb2,
    sessions_pb2_grpc,
)

from services.kit.composition import Parts, Registration, clock_service, run
from services.mediation.caucus.service import CaucusServicer
from services.mediation.evidence.files import Files
from services.mediation.evidence.service import EvidenceServicer
from services.mediation.opening import Opening
from services.mediation.service import MediationServicer
from services.mediation.sessions.service import SessionServicer


def build(parts: Parts) -> list[Registration]:
    """Return what mediation serves."""
    opening = Opening(parts.rules, parts.sealer)
    servicer = MediationServicer(parts.database, parts.time, parts.pulse, parts.rules, opening)
    return [
        (
            mediation_pb2.DESCRIPTOR.services_by_name["MediationService"],
            lambda server: mediation_pb2_grpc.add_MediationServiceServicer_to_server(servicer, server),
        ),
        clock_service("mediation", parts, servicer.log),
        *session_services(parts),
    ]


def session_services(parts: Parts) -> list[Registration]:
    """Return sessions, evidence and the caucus compartment."""
    sessions = SessionServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer)
    if parts.settings.files is None:
        raise SystemExit("ACCORD_FILES: the folder of evidence files must be set")
    files = Files(parts.settings.files)
    evidence = EvidenceServicer(parts.database, parts.time, parts.pulse, parts.sealer, files)
    caucus = CaucusServicer(parts.database, parts.time, parts.pulse, parts.sealer)
    return [
        (
            sessions_pb2.DESCRIPTOR.services_by_name["SessionService"],
            lambda server: sessions_pb2_grpc.add_SessionServiceServicer_to_server(sessions, server),
        ),
        (
            evidence_pb2.DESCRIPTOR.services_by_name["EvidenceService"],
            lambda server: evidence_pb2_grpc.add_EvidenceServiceServicer_to_server(evidence, server),
        ),
        (
            caucus_pb2.DESCRIPTOR.services_by_name["CaucusService"],
            lambda server: caucus_pb2_grpc.add_CaucusServiceServicer_to_server(caucus, server),
        ),
    ]


def main() -> None:
    """Serve mediation."""
    run("mediation", build)


if __name__ == "__main__":
    main()
