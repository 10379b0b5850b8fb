"""Mediation: composition root."""

from __future__ import annotations

from pb.mediation.v1 import (
    consent_pb2,
    consent_pb2_grpc,
    documents_pb2,
    documents_pb2_grpc,
    mediation_pb2,
    mediation_pb2_grpc,
    mediators_pb2,
    mediators_pb2_grpc,
    people_pb2,
    people_pb2_grpc,
    safeguards_pb2,
    safeguards_pb2_grpc,
)

from services.kit.composition import Parts, Registration, clock_service, run
from services.mediation.consents.service import ConsentServicer
from services.mediation.documents.service import DocumentServicer
from services.mediation.mediators.finding import consequences
from services.mediation.mediators.service import MediatorServicer
from services.mediation.opening import Opening
from services.mediation.people.service import PeopleServicer
from services.mediation.safeguards.service import SafeguardServicer
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
        *_people(parts),
        clock_service("mediation", parts, servicer.log, consequences(parts.sealer)),
    ]


def _people(parts: Parts) -> list[Registration]:
    """Return what is served about the people of a case."""
    people = PeopleServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer)
    consents = ConsentServicer(parts.database, parts.time, parts.pulse, parts.sealer)
    mediators = MediatorServicer(parts.database, parts.time, parts.pulse, parts.rules, parts.sealer)
    safeguards = SafeguardServicer(parts.database, parts.time, parts.pulse, parts.sealer)
    return [
        (
            people_pb2.DESCRIPTOR.services_by_name["PeopleService"],
            lambda server: people_pb2_grpc.add_PeopleServiceServicer_to_server(people, server),
        ),
        (
            consent_pb2.DESCRIPTOR.services_by_name["ConsentService"],
            lambda server: consent_pb2_grpc.add_ConsentServiceServicer_to_server(consents, server),
        ),
        (
            mediators_pb2.DESCRIPTOR.services_by_name["MediatorService"],
            lambda server: mediators_pb2_grpc.add_MediatorServiceServicer_to_server(mediators, server),
        ),
        (
            safeguards_pb2.DESCRIPTOR.services_by_name["SafeguardService"],
            lambda server: safeguards_pb2_grpc.add_SafeguardServiceServicer_to_server(safeguards, server),
        ),
    ]


def main() -> None:
    """Serve mediation."""
    run("mediation", build)


if __name__ == "__main__":
    main()
