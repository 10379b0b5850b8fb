"""Mediation: composition root."""

from __future__ import annotations

from pb.mediation.v1 import documents_pb2, documents_pb2_grpc, mediation_pb2, mediation_pb2_grpc

from services.kit.composition import Parts, Registration, clock_service, run
from services.mediation.documents.service import DocumentServicer
from services.mediation.opening import Opening
from services.mediation.service import MediationServicer


def build(parts: Parts) -> list[Registration]:
    """Return what mediation serves."""
    opening = Opening(parts.rules, parts.sealer)
    servicer = MediationServicer(parts.database, parts.time, parts.pulse, parts.rules, opening)
    documents = DocumentServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer)
    return [
        (
            documents_pb2.DESCRIPTOR.services_by_name["DocumentService"],
            lambda server: documents_pb2_grpc.add_DocumentServiceServicer_to_server(documents, server),
        ),
        (
            mediation_pb2.DESCRIPTOR.services_by_name["MediationService"],
            lambda server: mediation_pb2_grpc.add_MediationServiceServicer_to_server(servicer, server),
        ),
        clock_service("mediation", parts, servicer.log),
    ]


def main() -> None:
    """Serve mediation."""
    run("mediation", build)


if __name__ == "__main__":
    main()
